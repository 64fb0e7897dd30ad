"""A walk through everything that a search finds, page after page.

Paging is keyset only: the next page is the same request with `search_after`, the sort values of
the last hit (Moesif, "Management API", "Searching"). Nothing in an answer says that it is the
last one, and the service may give less than was asked for. So only an empty page ends a walk, and
only where the total, or the search from the other end, agrees that nothing is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.answers import read_hits
from tap_moesif.client import Request
from tap_moesif.errors import FailedError, MoesifError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_moesif.answers import Found, Hit
    from tap_moesif.client import Moesif, Need
    from tap_moesif.pace import PageSize
    from tap_moesif.queries import Query

Sort = list[Any]

ID = "_id"
"""What the engine calls the hit's id: "guaranteed unique", so a sort that ends with it is total."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to ask for.

    Attributes:
        path: Below the API's address.
        need: What the key must be allowed to do.
        query: In the engine's DSL.
        sort: Fields, the last of which is unique.
        params: Of the query string.
        without: Fields that need not be sent.
    """

    path: str
    need: Need
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
        return Request(self.path, self.need, params=self.params, body=body)


def _criterion(name: str, order: str) -> dict[str, Any]:
    return {name: {"order": order} if name == ID else {"order": order, "unmapped_type": "date"}}


@dataclass(slots=True)
class Pages:
    """The pages of a search, in order.

    Args:
        moesif: The connection.
        search: What to ask for.
        size: Of a page; pages that follow may be of another.
        after: The sort values of the hit to begin behind.
        count: How many hits stand before, that one included.
    """

    moesif: Moesif
    search: Search
    size: PageSize
    after: Sort = field(default_factory=list)
    count: int = 0
    _read: set[bytes] = field(default_factory=set)

    def __iter__(self) -> Iterator[list[Hit]]:
        """Ask for page after page; gives its hits, each with its sort values."""
        while hits := self.moesif.ask(self._request(), self._read_page, self._less):
            self.after = hits[-1].sort
            self._read.add(msgspec.json.encode(self.after))
            self.count += len(hits)
            self.size.worked()
            yield hits

    def _request(self) -> Request:
        return self.search.request(self.size.value, self.after)

    def _less(self) -> Request | None:
        return self._request() if self.size.halve() else None

    def _read_page(self, content: bytes) -> list[Hit]:
        found = read_hits(content, self.search.path)
        if found.hits:
            self._check_next(found.hits[-1].sort)
        else:
            self._check_end(found)
        return found.hits

    def _check_next(self, after: Sort | None) -> None:
        """See that a page leads on."""
        if not after or not isinstance(after, list):
            raise MoesifError(
                f"Moesif's answer to {self.search.path} does not say where the next page begins, "
                "so the rest cannot be read. Please report this with the name of the path."
            )
        if msgspec.json.encode(after) in self._read or after == self.after:
            raise FailedError(
                f"Moesif's answer to {self.search.path} is a page that was read already."
            )

    def _check_end(self, found: Found) -> None:
        """See that an empty page is the end.

        The total can be more although nothing is left: what has changed meanwhile may stand
        before the cursor. So the last document of all is asked for.

        Raises:
            FailedError: There is more.
        """
        if found.exact and found.total <= self.count:
            return
        last = self.moesif.ask(
            self.search.request(1, order="desc"),
            lambda content: read_hits(content, self.search.path).hits,
        )
        if not last and not found.total:
            return
        if not last or _rank(last[0].sort) > _rank(self.after):
            raise FailedError(
                f"Moesif's answer to {self.search.path} is an empty page, although there is more."
            )


def _rank(sort: Any) -> list[tuple[str, Any]]:  # noqa: ANN401, what the service says
    """Order sort values as the engine does, strings by their bytes."""
    values = sort if isinstance(sort, list) else []
    return [
        ("string", value.encode()) if isinstance(value, str) else ("number", value)
        for value in values
        if value is not None
    ]
