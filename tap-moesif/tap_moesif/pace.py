"""How many queries go to Moesif in a minute, and how many documents a page asks for."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

logger = logging.getLogger("tap-moesif")

RATE_WINDOW_SECONDS = 60
"""Moesif counts its 500 queries by calendar minute ("Management API", "Rate limits")."""

MAX_PAGE_SIZE = 10_000
"""The engine's default window; Moesif publishes no limit of its own."""

GOOD_PAGES_TO_GROW = 8


class Pace:
    """Keeps within so many requests in any sixty seconds, so in any calendar minute too.

    `with pace:` stands around a request. It counts from its end, since nobody here knows when
    in between the service saw it.

    Args:
        per_minute: The limit.
        clock: Seconds on a clock that never goes back.
        sleep: Waits for seconds.
    """

    def __init__(
        self, per_minute: int, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._ends: deque[float] = deque(maxlen=per_minute)
        self._clock = clock
        self._sleep = sleep

    def __enter__(self) -> None:
        """Wait until the next request may go."""
        if len(self._ends) == self._ends.maxlen:
            wait = self._ends[0] + RATE_WINDOW_SECONDS - self._clock()
            if wait > 0:
                logger.info("Waiting %.0f s to stay within requests_per_minute", wait)
                self._sleep(wait)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.append(self._clock())


class PageSize:
    """How many documents to ask for: fewer where that was too much, later more again.

    Args:
        most: The user's `page_size`.
    """

    def __init__(self, most: int) -> None:
        self.value = most
        self._most = most
        self._good = 0

    def halve(self) -> bool:
        """Ask for half as much; say whether that was possible."""
        if self.value == 1:
            return False
        self.value //= 2
        self._good = 0
        logger.warning("Asking for pages of %d documents, lest they are too large", self.value)
        return True

    def worked(self) -> None:
        """Ask for twice as much after some good pages."""
        self._good += 1
        if self.value < self._most and self._good >= GOOD_PAGES_TO_GROW:
            self.value = min(self._most, self.value * 2)
            self._good = 0
