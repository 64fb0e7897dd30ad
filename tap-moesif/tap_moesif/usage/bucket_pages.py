"""Pagination through the buckets of usage, by hour or day, in the order of their keys.

Each page starts after the last key of the previous one. An engine scans every call in the time
range of a query, so the range starts at that key's bucket and is just long enough to fill a page. A
page may be incomplete, so the next query covers the same range again, unless the total shows that
nothing is left.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tap_moesif.records import utc
from tap_moesif.service import RejectedQueryError, Request, read_search
from tap_moesif.service.errors import RepeatedPageError
from tap_moesif.usage.search import EVENTS_PATH, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_moesif.service import Moesif, RequiredScope
    from tap_moesif.service.page_size import PageSize
    from tap_moesif.usage.buckets import Bucket, BucketSearch, Dialect, Key, Listed, Values

T = TypeVar("T")

logger = logging.getLogger("tap-moesif")

FIRST_WIDTH = 24
"""Time range of the first page, in intervals; then it is doubled or halved to fill the pages."""


@dataclass(slots=True)
class BucketPages:
    """The buckets of a time range, in pages.

    Args:
        moesif: The API client.
        required: The scope that the key needs.
        search: The search.
        size: The size of the next page, in buckets.
        dialects: Dialects to try, in order; those that the engine refuses are removed.
        start: Start of the first bucket, in milliseconds since the epoch.
        end: End of the last bucket.
        after: The key to start after, if any.
    """

    moesif: Moesif
    required: RequiredScope
    search: BucketSearch
    size: PageSize
    dialects: list[Dialect]
    start: int
    end: int
    after: Key | None = None

    def __iter__(self) -> Iterator[list[Bucket]]:
        """Yield the buckets, a page at a time."""
        if self.after is not None:
            self.start = max(self.start, self.after[0])
        while self.start < self.end:
            dialect = self.dialects[0]
            try:
                yield from self._lists(dialect) if dialect.interval else self._by_value(dialect)
            except RejectedQueryError:
                if len(self.dialects) == 1:
                    raise
                refused = self.dialects.pop(0)
                logger.info("Moesif does not support %s; trying another query", refused.words)

    def _lists(self, dialect: Dialect) -> Iterator[list[Bucket]]:
        width = FIRST_WIDTH
        while self.start < self.end:
            until = min(self.start + width * self.search.interval.length, self.end)
            after = self.after if self.after and self.after[0] >= self.start else None
            listed, requested = self._list(until, after, dialect)
            complete = not listed.buckets or (after is None and listed.calls == listed.total)
            width = max(1, width // 2) if len(listed.buckets) >= requested else width * 2
            if listed.buckets:
                self.start, *_ = self.after = listed.buckets[-1].key
                yield listed.buckets
            if complete:
                self.start = until

    def _list(self, until: int, after: Key | None, dialect: Dialect) -> tuple[Listed, int]:
        """Request a page of buckets; return also the size requested in the end."""

        def body() -> dict[str, Any]:
            return self.search.listing(self.start, until, after, self.size.value, dialect)

        def read(answer: dict[str, Any]) -> Listed:
            listed = self.search.read_listing(answer)
            if listed.buckets and listed.buckets[-1].key == after:
                raise RepeatedPageError(path=EVENTS_PATH)
            return listed

        listed = self._fetch(until, body, read)
        requested = self.size.value
        self.size.worked(0, 0, 0)
        return listed, requested

    def _by_value(self, dialect: Dialect) -> Iterator[list[Bucket]]:
        """Yield the buckets of one interval after another, listing each field's values."""
        while self.start < self.end:
            after = self.after[1:] if self.after and self.after[0] == self.start else ()
            found = False
            for buckets in self._values(dialect, (), after):
                found = True
                self.after = buckets[-1].key
                yield buckets
            self.start += self.search.interval.length
            if not found and self.start < self.end:
                self.start = self.first() or self.end

    def _values(
        self, dialect: Dialect, known: tuple[str, ...], after: Sequence[str]
    ) -> Iterator[list[Bucket]]:
        last, *rest = after or (None,)
        if last is not None and rest:
            yield from self._values(dialect, (*known, last), rest)
        while True:
            found = self._list_values(known, last, dialect)
            if found.buckets:
                yield found.buckets
            elif not self.search.is_last(known):
                for value in found.values:
                    yield from self._values(dialect, (*known, value), ())
            if found.complete or not found.values:
                return
            last = found.values[-1]

    def _list_values(self, known: Sequence[str], after: str | None, dialect: Dialect) -> Values:
        def body() -> dict[str, Any]:
            return self.search.values(self.start, known, after, self.size.value, dialect)

        def read(answer: dict[str, Any]) -> Values:
            return self.search.read_values(answer, self.start, known)

        found = self._fetch(self.start + self.search.interval.length, body, read)
        self.size.worked(0, 0, 0)
        return found

    def first(self) -> int | None:
        """Return the start of the first bucket with calls, or None if there is none."""
        return self._fetch(
            self.end, lambda: self.search.first(self.start, self.end), self.search.read_first
        )

    def _fetch(
        self,
        until: int,
        body: Callable[[], dict[str, Any]],
        read: Callable[[dict[str, Any]], T],
    ) -> T:
        """Send a query for the time up to `until`, for fewer buckets if that is too large."""
        window = {"from": utc(self.start), "to": utc(until)}

        def request() -> Request:
            return Request(EVENTS_PATH, self.required, params=window, body=body())

        def shrink(refused: bool) -> Request | None:
            smaller = self.size.halve(self.size.value, refused=refused)
            return request() if smaller else None

        return (
            self.moesif.submit(
                self.moesif.fetch,
                request(),
                lambda content: checked(read_search(content, EVENTS_PATH), read, self.required),
                shrink,
            )
            .result()
            .value
        )
