"""How many documents a page asks for."""

from __future__ import annotations

import logging

logger = logging.getLogger("tap-moesif")

MAX_PAGE_SIZE = 10_000
"""The search engine's default window (`index.max_result_window`); Moesif publishes no limit."""

MAX_PAGE_BYTES = 16 << 20
"""A page is not to be larger, by what the last ones weighed: it is held in memory."""

GOOD_PAGES_TO_RETRY = 8
"""After so many good pages a size is tried again that failed, and may have failed for its size."""

SLOW_SECONDS = 20.0
"""A page is not to take longer, if time grows with size: a proxy on the way may give up on it."""

GROWTH = 8
"""A page is at most so many times as large as the one before: fewer of them are waited for."""

GROWTH_AFTER_FAILURE = 2


class PageSize:
    """The size of the next page: grown while answers come well, halved where they do not.

    A size that was refused is not tried again; one that failed is tried once more, later.

    Args:
        first: The user's `page_size`.
        most: The user's `max_page_size`.
    """

    def __init__(self, first: int, most: int) -> None:
        self.value = min(first, most)
        self._most = most
        self._weight = 0.0  # bytes of a document
        self._failed_at: int | None = None
        self._good_pages_to_grow = 0

    def halve(self, asked: int, *, refused: bool) -> bool:
        """Ask for half as much.

        Args:
            asked: What was asked for.
            refused: Whether that was refused; else it has failed.

        Returns:
            Whether less can be asked for.
        """
        if self.value < asked:  # another request has found out before
            return True
        if self.value == 1:
            return False
        failed_before = self._failed_at is not None and self.value >= self._failed_at
        self._failed_at = self.value
        self._good_pages_to_grow = GOOD_PAGES_TO_RETRY
        self.value //= 2
        if refused or failed_before:
            self._most = self.value
        logger.warning("Reducing the page size to %d", self.value)
        return True

    def worked(self, count: int, size: int, seconds: float) -> None:
        """Ask for more after a good answer.

        Args:
            count: How many documents it held.
            size: Its bytes.
            seconds: How long it took.
        """
        if count:
            self._weight = max(size / count, (self._weight + size / count) / 2)
        if self._failed_at is not None and self.value >= self._failed_at:
            self._failed_at = None  # it was not the size
        self._good_pages_to_grow = max(0, self._good_pages_to_grow - 1)
        grown = self.value * self._growth(seconds)
        fitting = int(MAX_PAGE_BYTES / self._weight) if self._weight else self._most
        self.value = max(1, min(grown, self._most, fitting))

    def _growth(self, seconds: float) -> int:
        """Return how many times as much to ask for after an answer that took so long."""
        if self._good_pages_to_grow:
            return 1
        most = GROWTH if self._failed_at is None else GROWTH_AFTER_FAILURE
        return most if seconds * most <= SLOW_SECONDS else max(1, int(SLOW_SECONDS / seconds))
