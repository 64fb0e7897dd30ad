"""Pagination through all hits of a search.

Paging is keyset only: the next page is the same request with `search_after`, the sort values of
the last hit (Moesif, "Management API", "Searching"). A response does not say that it is the last
one, and may contain less than was requested. So paging ends in one of three ways:

- with the first page, if it is not full and contains the total;
- with a page that ends with the very last hit, if the total is reached too. A search in descending
  order, sent along with the second page, has found that hit;
- with an empty page, if the total or a search in descending order confirms that nothing is left.

The next page is requested while a page is being processed; a few more are while pages are small.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tap_moesif.errors import MoesifError
from tap_moesif.service.errors import EmptyPageError, NoCursorError, RepeatedPageError
from tap_moesif.service.request import Request
from tap_moesif.service.responses import read_hits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from typing_extensions import Buffer

    from tap_moesif.service.client import Moesif
    from tap_moesif.service.page_size import PageSize
    from tap_moesif.service.queries import Query
    from tap_moesif.service.request import RequiredScope
    from tap_moesif.service.responses import Found, Hit

Sort = list[Any]

ID = "_id"
"""The engine's id of a hit, which is unique, so a sort that ends with it is a total order."""

AHEAD_BYTES = 8_000_000
"""Size of the waiting pages above which no further page is requested."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search whose hits are read in order.

    Attributes:
        path: Path below the API's base URL.
        required: The scope that the key needs.
        query: The query, in the engine's DSL.
        sort: Fields to sort by, the last of which is unique.
        params: Query string parameters.
        excludes: Fields to exclude from the documents.
    """

    path: str
    required: RequiredScope
    query: Query
    sort: Sequence[str] = (ID,)
    params: Mapping[str, str] = field(default_factory=dict)
    excludes: Sequence[str] = ()

    def request(self, size: int, after: Sort | None = None, order: str = "asc") -> Request:
        """Return the request for a page."""
        body: dict[str, Any] = {
            "query": self.query,
            "sort": [_criterion(name, order) for name in self.sort],
            "size": size,
        }
        if self.excludes:
            body["_source"] = {"excludes": [*self.excludes]}
        if after:
            body["search_after"] = after
        return Request(self.path, self.required, params=self.params, body=body)


def _criterion(name: str, order: str) -> dict[str, Any]:
    return {name: {"order": order} if name == ID else {"order": order, "unmapped_type": "date"}}


class Page(NamedTuple):
    """A page of a search.

    Attributes:
        hits: The hits.
        total: Number of hits of the search, according to the response.
        requested_at: When it was requested, in seconds since the epoch on Moesif's clock.
        size: Size of the response, in bytes.
        last: Whether it is the last page.
    """

    hits: list[Hit]
    total: int
    requested_at: float
    size: int
    last: bool


@dataclass(slots=True)
class Pages:
    """The pages of a search, in order.

    Args:
        moesif: The API client.
        search: The search.
        size: The size of the next page.
        after: Sort values of the hit to start after; empty for the start.
        count: Number of hits up to and including that one.
        on_hits: Called with the hits of each page when it arrives, before the page is returned. It
            runs in a worker thread and must not wait for requests.
    """

    moesif: Moesif
    search: Search
    size: PageSize
    after: Sort = field(default_factory=list)
    count: int = 0
    on_hits: Callable[[list[Hit]], None] = lambda _: None
    _last: Future[Sort | None] | None = None
    _read: set[bytes] = field(default_factory=set)
    _ready: SimpleQueue[Page | BaseException] = field(default_factory=SimpleQueue)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ready_bytes: int = 0
    _under_way: bool = False
    _ended: bool = False

    def __iter__(self) -> Iterator[Page]:
        """Yield the pages; the last one may be empty.

        Clear the hits of a page after use, to free its memory.
        """
        try:
            while True:
                self._request_next()
                page = self._ready.get()
                if isinstance(page, BaseException):
                    raise page
                with self._lock:
                    self._ready_bytes -= page.size
                self._request_next()  # while this one is being processed
                yield page
                if page.last:
                    return
        finally:
            self._ended = True

    def _request_next(self) -> None:
        """Request the next page in a worker thread, unless enough pages are waiting."""
        with self._lock:
            if self._ended or self._under_way or self._ready_bytes > AHEAD_BYTES:
                return
            self._under_way = True
        self.moesif.submit(self._fetch)

    def _fetch(self) -> None:
        try:
            page = self._next()
        except BaseException as error:  # noqa: BLE001, raised again in `__iter__`
            self._ended = True
            self._ready.put(error)
            return
        with self._lock:
            self._ended = self._ended or page.last
            self._ready_bytes += page.size
            self._under_way = False
        self._ready.put(page)
        self._request_next()

    def _next(self) -> Page:
        """Request the next page and advance the cursor."""
        answered = self.moesif.fetch(self._request(), self._read_page, self._shrink)
        found = answered.value
        last = not found.hits or self._is_all(found)
        if found.hits:
            self.after = found.hits[-1].sort
            self._read.add(msgspec.json.encode(self.after))
            self.count += len(found.hits)
            self.size.worked(len(found.hits), answered.size, answered.seconds)
            last = last or self._is_end(found)
            self.on_hits(found.hits)
        return Page(found.hits, found.total, answered.requested_at, answered.size, last)

    def _is_all(self, found: Found) -> bool:
        """Return whether the first page is the only one."""
        full = len(found.hits) >= self.size.value
        return not self.count and not full and found.exact and found.total == len(found.hits)

    def _is_end(self, found: Found) -> bool:
        """Return whether a page that is not empty is the last one."""
        if found.total > self.count:
            self._last = self._last or self.moesif.submit(self._last_sort)
            return False
        return found.exact and self._is_last_known()

    def _is_last_known(self) -> bool:
        """Return whether the cursor is at the very last hit, if that is known."""
        # This was submitted before the current page, so waiting for it cannot deadlock.
        return self._last is not None and self._last.result() == self.after

    def _last_sort(self) -> Sort | None:
        """Return the sort values of the very last hit, or None if they are not available."""
        try:
            [last] = self._from_the_end(attempts=1)
        except (MoesifError, ValueError):
            return None  # paging then continues to an empty page
        sort: Sort | None = last.sort
        return sort

    def _from_the_end(self, attempts: int | None = None) -> list[Hit]:
        """Request the very last hit."""
        return self.moesif.fetch(
            self.search.request(1, order="desc"),
            lambda content: read_hits(content, self.search.path).hits,
            attempts=attempts,
        ).value

    def _request(self) -> Request:
        return self.search.request(self.size.value, self.after)

    def _shrink(self, refused: bool) -> Request | None:
        return self._request() if self.size.halve(self.size.value, refused=refused) else None

    def _read_page(self, content: Buffer) -> Found:
        found = read_hits(content, self.search.path)
        if found.hits:
            self._check_next(found.hits[-1].sort)
        else:
            self._check_end(found)
        return found

    def _check_next(self, after: Sort | None) -> None:
        """Check that a page advances the cursor."""
        if not after or not isinstance(after, list):
            raise NoCursorError(path=self.search.path)
        if msgspec.json.encode(after) in self._read or after == self.after:
            raise RepeatedPageError(path=self.search.path)

    def _check_end(self, found: Found) -> None:
        """Check that an empty page is the end.

        The total can be larger although nothing is left, because documents may have been added
        before the cursor. So the very last hit is requested.

        Raises:
            AttemptError: There are more hits.
        """
        if (found.exact and found.total <= self.count) or self._is_last_known():
            return
        last = self._from_the_end()
        if not last and not found.total:
            return
        if not last or _rank(last[0].sort) > _rank(self.after):
            raise EmptyPageError(path=self.search.path)


def _rank(sort: Any) -> list[tuple[str, Any]]:  # noqa: ANN401, JSON
    """Return a key that orders sort values as the engine does, strings by their bytes."""
    values = sort if isinstance(sort, list) else []
    return [
        ("string", value.encode()) if isinstance(value, str) else ("number", value)
        for value in values
        if value is not None
    ]
