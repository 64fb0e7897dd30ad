"""How many queries go to Moesif in a minute."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from tap_moesif.service.refusals import RATE_WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

logger = logging.getLogger("tap-moesif")


class Pace:
    """Keeps all threads together within so many requests in any sixty seconds.

    So they are within it in any calendar minute too. `with pace:` stands around a request, which
    counts from its start to sixty seconds behind its end: this side cannot know when in between the
    service saw it. No more threads may use it than the limit.

    Args:
        per_minute: The limit.
        clock: Seconds on a clock that never goes back.
        sleep: Waits for seconds.
    """

    def __init__(
        self, per_minute: int, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._unused = per_minute
        self._free_at: deque[float] = deque()  # when the others may go again, in order
        self._not_before = clock()

    def pause(self, seconds: float) -> None:
        """Let no request go for some time."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def __enter__(self) -> None:
        """Wait until the next request may go."""
        with self._lock:
            wait = self._next() - self._clock()
        if wait > 0:
            logger.info("Waiting %.0f s to stay within Moesif's rate limit", wait)
            self._sleep(wait)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._free_at.append(self._clock() + RATE_WINDOW_SECONDS)

    def _next(self) -> float:
        """Count a request; return when it may go."""
        if self._unused:
            self._unused -= 1
            return self._not_before
        return max(self._not_before, self._free_at.popleft())
