"""The rate limit, shared by all threads."""

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


class RateLimiter:
    """Limits the requests of all threads in any 60 seconds, and so in any calendar minute.

    Use it as a context manager around each request. A request counts until 60 seconds after its
    end, because the service may have received it at any time before that. There must not be more
    threads than `per_minute`.

    Args:
        per_minute: The limit.
        clock: A monotonic clock, in seconds.
        sleep: Sleeps for some seconds.
    """

    def __init__(
        self, per_minute: int, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._unused = per_minute
        self._free_at: deque[float] = deque()  # when used slots become free, in order
        self._not_before = clock()

    def pause(self, seconds: float) -> None:
        """Hold back all requests for some seconds."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def __enter__(self) -> None:
        """Wait until a request may be sent."""
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
        """Reserve a slot; return when the request may be sent."""
        if self._unused:
            self._unused -= 1
            return self._not_before
        return max(self._not_before, self._free_at.popleft())
