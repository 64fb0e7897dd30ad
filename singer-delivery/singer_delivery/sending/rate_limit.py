"""The request rate of all lanes together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


RECHECK_SECONDS = 0.1
"""How often a lane checks again after `allowed_until`."""


class RateLimiter:
    """Limits the request rate of all lanes together.

    If the service requests a wait from one lane, all of them wait.

    Args:
        per_second: The highest number of requests per second, or None for no limit.
        clock: A monotonic clock, in seconds.

    Attributes:
        allowed_until: The time, by the clock, from which no request may be sent; None for no
            such time.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float]) -> None:
        self.allowed_until: float | None = None
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()

    def delay(self) -> float:
        """Reserve a request now and return 0, or return the seconds until one is allowed."""
        with self._lock:
            now = self._clock()
            if self.allowed_until is not None and now >= self.allowed_until:
                return RECHECK_SECONDS
            if self._next > now:
                return self._next - now
            self._next = now + self._interval
            return 0.0

    def pause(self, seconds: float) -> None:
        """Keep all lanes from sending for this many seconds."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
