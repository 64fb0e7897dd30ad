"""The usage of a time, hour by hour or day by day: some buckets at a time, in the order of keys.

Each list begins behind the last key of the one before. The time that a list looks at begins with
that key's bucket and is so long that the list is about full: an engine looks at every call of that
time for each list. As a list may hold less than there is, the next one looks there again, unless
the total says that nothing is left.
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
"""Buckets' lengths that the first list looks at; then twice as many, or half, as it fills."""


@dataclass(slots=True)
class BucketPages:
    """The usage of a time, some buckets at a time.

    Args:
        moesif: The API.
        required: What the key must be allowed to do.
        search: Writes the searches.
        size: Says how many buckets the next list is to hold.
        dialects: How the engine may be asked; those that it refuses are removed.
        start: The start of the first bucket.
        end: The end of the last one.
        after: The key to begin behind.
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
        """Return the buckets, some at a time."""
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
                logger.info("Moesif does not take %s; asking in another way", refused.words)

    def _lists(self, dialect: Dialect) -> Iterator[list[Bucket]]:
        width = FIRST_WIDTH
        while self.start < self.end:
            until = min(self.start + width * self.search.interval.length, self.end)
            after = self.after if self.after and self.after[0] >= self.start else None
            listed, asked = self._list(until, after, dialect)
            complete = not listed.buckets or (after is None and listed.calls == listed.total)
            width = max(1, width // 2) if len(listed.buckets) >= asked else width * 2
            if listed.buckets:
                self.start, *_ = self.after = listed.buckets[-1].key
                yield listed.buckets
            if complete:
                self.start = until

    def _list(self, until: int, after: Key | None, dialect: Dialect) -> tuple[Listed, int]:
        """List some buckets; return also how many were asked for in the end."""

        def body() -> dict[str, Any]:
            return self.search.listing(self.start, until, after, self.size.value, dialect)

        def read(answer: dict[str, Any]) -> Listed:
            listed = self.search.read_listing(answer)
            if listed.buckets and listed.buckets[-1].key == after:
                raise RepeatedPageError(path=EVENTS_PATH)
            return listed

        listed = self._ask(until, body, read)
        asked = self.size.value
        self.size.worked(0, 0, 0)
        return listed, asked

    def _by_value(self, dialect: Dialect) -> Iterator[list[Bucket]]:
        """List the buckets of one start after the other, the values of each field by themselves."""
        while self.start < self.end:
            behind = self.after[1:] if self.after and self.after[0] == self.start else ()
            found = False
            for buckets in self._values(dialect, (), behind):
                found = True
                self.after = buckets[-1].key
                yield buckets
            self.start += self.search.interval.length
            if not found and self.start < self.end:
                self.start = self.first() or self.end

    def _values(
        self, dialect: Dialect, known: tuple[str, ...], behind: Sequence[str]
    ) -> Iterator[list[Bucket]]:
        last, *rest = behind or (None,)
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

        found = self._ask(self.start + self.search.interval.length, body, read)
        self.size.worked(0, 0, 0)
        return found

    def first(self) -> int | None:
        """Return the start of the first bucket that there is from the present start on."""
        return self._ask(
            self.end, lambda: self.search.first(self.start, self.end), self.search.read_first
        )

    def _ask(
        self,
        until: int,
        body: Callable[[], dict[str, Any]],
        read: Callable[[dict[str, Any]], T],
    ) -> T:
        """Search the time from the present start on, and for less where that is too much."""
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
