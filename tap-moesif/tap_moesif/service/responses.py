"""Parsing and validation of Moesif's responses; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.service.errors import (
    FailedShardsError,
    NoHitsError,
    TimedOutError,
    TooLargeForShardError,
    UnexpectedAnswerError,
)
from tap_moesif.service.refusals import reason_in

if TYPE_CHECKING:
    from typing_extensions import Buffer

Response = dict[str, Any]


class Hit(msgspec.Struct, gc=False):
    """A hit of a search.

    Attributes:
        id: The document's id in the search engine.
        source: The document, decoded lazily, for cache locality.
        sort: Its sort values, for `search_after`.
    """

    id: Any = msgspec.field(default=None, name="_id")
    source: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="_source")
    sort: Any = None

    def document(self) -> Any:  # noqa: ANN401, JSON is what it is
        """Decode the document.

        Raises:
            AttemptError: It is not JSON.
        """
        return read_json(self.source, "a search")


class _Hits(msgspec.Struct):
    hits: list[Hit]
    total: Any = None


class _Search(msgspec.Struct):
    hits: _Hits
    timed_out: Any = None
    shards: Any = msgspec.field(default=None, name="_shards")


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for an invalid response."""

_decode = msgspec.json.Decoder().decode
_decode_search = msgspec.json.Decoder(_Search).decode


@dataclass(frozen=True, slots=True)
class Found:
    """A page of search results.

    Attributes:
        hits: The hits, in order.
        total: Number of hits on all pages.
        exact: Whether `total` is exact, not a lower bound.
    """

    hits: list[Hit]
    total: int
    exact: bool


def read_hits(content: Buffer, path: str) -> Found:
    """Read a page of a search.

    Raises:
        AttemptError: It is invalid, or marked as incomplete.
    """
    try:
        search = _decode_search(content)
    except UNREADABLE:
        response = read_search(content, path)  # more lenient, or raises the right error
        hits = [_hit(hit) for hit in response["hits"]["hits"]]
        return Found(hits, *_total(response["hits"].get("total")))
    _check_complete(search.timed_out, search.shards, path)
    return Found(search.hits.hits, *_total(search.hits.total))


def _hit(hit: dict[str, Any]) -> Hit:
    source = json.dumps(hit.get("_source")).encode()
    return Hit(hit.get("_id"), msgspec.Raw(source), hit.get("sort"))


def read_search(content: Buffer, path: str) -> Response:
    """Read the response to a search; its `hits.hits` is a list of objects.

    Raises:
        AttemptError: It is invalid, or marked as incomplete.
    """
    response: Response = read_json(content, path)
    try:
        hits = response["hits"]["hits"]
    except (LookupError, TypeError) as error:
        raise UnexpectedAnswerError(path=path) from error
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise NoHitsError(path=path)
    _check_complete(response.get("timed_out"), response.get("_shards"), path)
    return response


def _check_complete(timed_out: object, shards: object, path: str) -> None:
    if timed_out:
        raise TimedOutError(path=path)
    if isinstance(shards, dict) and shards.get("failed"):
        reason = reason_in(shards.get("failures"))
        if reason.is_size:
            raise TooLargeForShardError(path=path, reason=reason, transient=True)
        raise FailedShardsError(path=path, reason=reason)


def _total(total: Any) -> tuple[int, bool]:  # noqa: ANN401
    """Return the total number of hits, and whether it is exact."""
    exact = True
    if isinstance(total, dict):
        exact = total.get("relation", "eq") == "eq"
        total = total.get("value")
    if not isinstance(total, int) or total < 0:  # older engines write -1 for "not counted"
        return 0, False
    return total, exact


def read_json(content: Buffer, path: str) -> Any:  # noqa: ANN401, JSON is what it is
    """Read JSON; lone surrogates, left where a text was cut off, become U+FFFD.

    Raises:
        AttemptError: It is not JSON.
    """
    try:
        return _decode(content)
    except UNREADABLE:
        pass
    try:
        return _without_surrogates(json.loads(bytes(content)))
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswerError(path=path) from error


def read_list(content: Buffer, path: str, name: str, *, within: bool = False) -> list[Any]:
    """Read a list: bare, under a name, or as the hits of a search.

    Args:
        content: The response.
        path: The path that was requested.
        name: The list's name, if the response is an object.
        within: Whether a document without that name means an empty list; otherwise the document
            itself is the only item.

    Raises:
        AttemptError: The response has none of these forms.
    """
    response = read_json(content, path)
    if isinstance(response, dict):
        response = _in_object(response, name, within=within)
    if not isinstance(response, list):
        raise UnexpectedAnswerError(path=path)
    return [_document(item) for item in response]


def _in_object(response: dict[str, Any], name: str, *, within: bool) -> Any:  # noqa: ANN401
    document = _document(response)
    if isinstance(document.get("hits"), dict):
        return document["hits"].get("hits")
    alone = ([] if within else [document]) if _IDS & document.keys() else None
    return document.get(name, alone)


_IDS = frozenset({"_id", "id", "company_id"})
"""Names that only a document has."""


def _document(item: Any) -> Any:  # noqa: ANN401
    """Return the document in a hit."""
    if isinstance(item, dict) and isinstance(item.get("_source"), dict):
        return {"_id": item.get("_id"), **item["_source"]}
    return item


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(inner) for inner in value]
    if isinstance(value, dict):
        return {
            _without_surrogates(name): _without_surrogates(inner) for name, inner in value.items()
        }
    return value
