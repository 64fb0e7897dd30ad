"""The request rate of all lanes together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


RECHECK_SECONDS = 0.1
"""How often a lane looks whether it may send again after `until`."""


class Pace:
    """Limits the request rate of all lanes together.

    When the service asks one lane to wait, all of them wait.

    Args:
        per_second: The highest number of requests per second, or None for no limit.
        clock: A monotonic clock, in seconds.

    Attributes:
        until: When the right to send ends unless it is put off, by the clock; None: never.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float]) -> None:
        self.until: float | None = None
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()

    def delay(self) -> float:
        """Reserve a request now and return 0, or return the seconds until one is allowed."""
        with self._lock:
            now = self._clock()
            if self.until is not None and now >= self.until:
                return RECHECK_SECONDS
            if self._next > now:
                return self._next - now
            self._next = now + self._interval
            return 0.0

    def pause(self, seconds: float) -> None:
        """Let no lane send for this many seconds."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
