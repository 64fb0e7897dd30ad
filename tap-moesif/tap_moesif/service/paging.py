"""A walk through everything that a search finds, page after page.

Paging is keyset only: the next page is the same request with `search_after`, the sort values of
the last hit (Moesif, "Management API", "Searching"). Nothing in an answer says that it is the
last one, and the service may give less than was asked for. So a walk ends in one of three ways:

- with its first page, where that is not full and holds the total;
- with a page that ends with the last hit of all, where the total is reached too. A search from the
  other end, beside the second page, has found that hit;
- with an empty page, where the total, or a search from the other end, agrees that nothing is left.

While a page is used the next one is requested already, and, as long as pages are small, a few more.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tap_moesif.service.answers import read_hits
from tap_moesif.service.errors import (
    EmptyPageError,
    MoesifError,
    NoCursorError,
    RepeatedPageError,
)
from tap_moesif.service.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from typing_extensions import Buffer

    from tap_moesif.service.answers import Found, Hit
    from tap_moesif.service.client import Moesif
    from tap_moesif.service.page_size import PageSize
    from tap_moesif.service.queries import Query
    from tap_moesif.service.request import RequiredScope

Sort = list[Any]

ID = "_id"
"""What the engine calls the hit's id: "guaranteed unique", so a sort that ends with it is total."""

AHEAD_BYTES = 8_000_000
"""Pages that are waiting to be used may hold this much; the next one waits where they hold more."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search whose hits are read in order.

    Attributes:
        path: Path below the API's address.
        required: What the key must be allowed to do.
        query: The query, in the engine's DSL.
        sort: Fields to sort by, the last of which is unique.
        params: The query string's parameters.
        without: Fields that need not be sent.
    """

    path: str
    required: RequiredScope
    query: Query
    sort: Sequence[str] = (ID,)
    params: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()

    def request(self, size: int, after: Sort | None = None, order: str = "asc") -> Request:
        """Write the request for a page."""
        body: dict[str, Any] = {
            "query": self.query,
            "sort": [_criterion(name, order) for name in self.sort],
            "size": size,
        }
        if self.without:
            body["_source"] = {"excludes": [*self.without]}
        if after:
            body["search_after"] = after
        return Request(self.path, self.required, params=self.params, body=body)


def _criterion(name: str, order: str) -> dict[str, Any]:
    return {name: {"order": order} if name == ID else {"order": order, "unmapped_type": "date"}}


class Page(NamedTuple):
    """A page of a search.

    Attributes:
        hits: Its hits, each with its sort values.
        total: How many the search finds, as far as the answer tells.
        asked_at: When it was requested, on Moesif's clock.
        size: Bytes of the answer.
        last: Whether no page follows.
    """

    hits: list[Hit]
    total: int
    asked_at: float
    size: int
    last: bool


@dataclass(slots=True)
class Pages:
    """The pages of a search, in order.

    Args:
        moesif: The API.
        search: What to search for.
        size: Says how large the next page is to be.
        after: The sort values of the hit to begin behind.
        count: How many hits stand before, that one included.
        arrived: Called with the hits of each page as soon as it is there, while the one before may
            be in use; in another thread, and not to wait for answers.
    """

    moesif: Moesif
    search: Search
    size: PageSize
    after: Sort = field(default_factory=list)
    count: int = 0
    arrived: Callable[[list[Hit]], None] = lambda _: None
    _last: Future[Sort | None] | None = None
    _read: set[bytes] = field(default_factory=set)
    _ready: SimpleQueue[Page | BaseException] = field(default_factory=SimpleQueue)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ready_bytes: int = 0
    _under_way: bool = False
    _ended: bool = False

    def __iter__(self) -> Iterator[Page]:
        """Return page after page, of which the last may be empty.

        A page is held in memory as long as its hits are: the caller clears them once they are used.
        """
        try:
            while True:
                self._go_on()
                page = self._ready.get()
                if isinstance(page, BaseException):
                    raise page
                with self._lock:
                    self._ready_bytes -= page.size
                self._go_on()  # the next one, while this one is used
                yield page
                if page.last:
                    return
        finally:
            self._ended = True

    def _go_on(self) -> None:
        """Have the next page requested, unless enough are waiting."""
        with self._lock:
            if self._ended or self._under_way or self._ready_bytes > AHEAD_BYTES:
                return
            self._under_way = True
        self.moesif.submit(self._fetch)

    def _fetch(self) -> None:
        try:
            page = self._next()
        except BaseException as error:  # noqa: BLE001, it is raised where the page is waited for
            self._ended = True
            self._ready.put(error)
            return
        with self._lock:
            self._ended = self._ended or page.last
            self._ready_bytes += page.size
            self._under_way = False
        self._ready.put(page)
        self._go_on()

    def _next(self) -> Page:
        """Request the next page, and go behind it."""
        answered = self.moesif.fetch(self._request(), self._read_page, self._shrink)
        found = answered.value
        last = not found.hits or self._is_all(found)
        if found.hits:
            self.after = found.hits[-1].sort
            self._read.add(msgspec.json.encode(self.after))
            self.count += len(found.hits)
            self.size.worked(len(found.hits), answered.size, answered.seconds)
            last = last or self._is_end(found)
            self.arrived(found.hits)
        return Page(found.hits, found.total, answered.asked_at, answered.size, last)

    def _is_all(self, found: Found) -> bool:
        """Tell whether the first page is the only one, by all that its answer says."""
        full = len(found.hits) >= self.size.value
        return not self.count and not full and found.exact and found.total == len(found.hits)

    def _is_end(self, found: Found) -> bool:
        """Tell whether a page that is not empty is the last one."""
        if found.total > self.count:
            self._last = self._last or self.moesif.submit(self._last_sort)
            return False
        return found.exact and self._is_last_known()

    def _is_last_known(self) -> bool:
        """Tell whether the last hit that was read is the last one of all, as was found before."""
        # That was submitted before the page that is read here, so it does not wait for this one.
        return self._last is not None and self._last.result() == self.after

    def _last_sort(self) -> Sort | None:
        """Return the sort values of the last hit of all; None where the service does not say."""
        try:
            [last] = self._from_the_end(attempts=1)
        except (MoesifError, ValueError):
            return None  # then the walk goes on to an empty page
        sort: Sort | None = last.sort
        return sort

    def _from_the_end(self, attempts: int | None = None) -> list[Hit]:
        """Request the last hit of all."""
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
        """See that a page leads on."""
        if not after or not isinstance(after, list):
            raise NoCursorError(path=self.search.path)
        if msgspec.json.encode(after) in self._read or after == self.after:
            raise RepeatedPageError(path=self.search.path)

    def _check_end(self, found: Found) -> None:
        """See that an empty page is the end.

        The total can be more although nothing is left: what has changed meanwhile may stand
        before the cursor. So the last document of all is requested.

        Raises:
            AttemptError: There is more.
        """
        if (found.exact and found.total <= self.count) or self._is_last_known():
            return
        last = self._from_the_end()
        if not last and not found.total:
            return
        if not last or _rank(last[0].sort) > _rank(self.after):
            raise EmptyPageError(path=self.search.path)


def _rank(sort: Any) -> list[tuple[str, Any]]:  # noqa: ANN401, what the service says
    """Order sort values as the engine does, strings by their bytes."""
    values = sort if isinstance(sort, list) else []
    return [
        ("string", value.encode()) if isinstance(value, str) else ("number", value)
        for value in values
        if value is not None
    ]
