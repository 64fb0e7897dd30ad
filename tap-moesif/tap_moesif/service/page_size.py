"""The number of documents to request in a page."""

from __future__ import annotations

import logging

logger = logging.getLogger("tap-moesif")

MAX_PAGE_SIZE = 10_000
"""The search engine's default window (`index.max_result_window`); Moesif publishes no limit."""

MAX_PAGE_BYTES = 16 << 20
"""Maximum size of a page, estimated from the last ones, because a page is held in memory."""

GOOD_PAGES_TO_RETRY = 8
"""Successful pages after which a size that failed once is tried again."""

SLOW_SECONDS = 20.0
"""Maximum duration of a page, estimated from the last one, because a proxy may time out."""

GROWTH = 8
"""Maximum factor by which a page grows."""

GROWTH_AFTER_FAILURE = 2


class PageSize:
    """The size of the next page: it grows while requests succeed, and is halved when they fail.

    A size that was refused is not tried again; a size that failed is tried once more, later.

    Args:
        first: Size of the first page.
        maximum: Maximum size.
    """

    def __init__(self, first: int, maximum: int) -> None:
        self.value = min(first, maximum)
        self._maximum = maximum
        self._document_bytes = 0.0
        self._failed_at: int | None = None
        self._good_pages_to_grow = 0

    def halve(self, requested: int, *, refused: bool) -> bool:
        """Halve the size after a failure.

        Args:
            requested: The size that was requested.
            refused: Whether the size was refused; otherwise it is only a possible cause.

        Returns:
            Whether there is a smaller size to request.
        """
        if self.value < requested:  # another request has halved it already
            return True
        if self.value == 1:
            return False
        failed_before = self._failed_at is not None and self.value >= self._failed_at
        self._failed_at = self.value
        self._good_pages_to_grow = GOOD_PAGES_TO_RETRY
        self.value //= 2
        if refused or failed_before:
            self._maximum = self.value
        logger.warning("Reducing the page size to %d", self.value)
        return True

    def worked(self, count: int, size: int, seconds: float) -> None:
        """Increase the size after a successful request.

        Args:
            count: Number of documents in the response.
            size: Size of the response, in bytes.
            seconds: Duration of the request.
        """
        if count:
            average = (self._document_bytes + size / count) / 2
            self._document_bytes = max(size / count, average)
        if self._failed_at is not None and self.value >= self._failed_at:
            self._failed_at = None  # it was not the size
        self._good_pages_to_grow = max(0, self._good_pages_to_grow - 1)
        grown = self.value * self._growth(seconds)
        fitting = (
            int(MAX_PAGE_BYTES / self._document_bytes) if self._document_bytes else self._maximum
        )
        self.value = max(1, min(grown, self._maximum, fitting))

    def _growth(self, seconds: float) -> int:
        """Return the factor by which to grow after a request that took some seconds."""
        if self._good_pages_to_grow:
            return 1
        growth = GROWTH if self._failed_at is None else GROWTH_AFTER_FAILURE
        return growth if seconds * growth <= SLOW_SECONDS else max(1, int(SLOW_SECONDS / seconds))
