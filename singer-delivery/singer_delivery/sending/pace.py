"""When the next request may go, for all lanes together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Pace:
    """When the next request may go, for all lanes together.

    A lane that is told to slow down slows all of them.

    Args:
        per_second: At most so many requests a second, or None.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float]) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()

    def delay(self) -> float:
        """Take the next place and return 0, or return how long there is none."""
        with self._lock:
            now = self._clock()
            if self._next > now:
                return self._next - now
            self._next = now + self._interval
            return 0.0

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
