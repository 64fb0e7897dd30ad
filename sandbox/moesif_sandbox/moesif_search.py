"""Carries out a search request in the subset of the engine's DSL that Moesif's API offers.

`search` is a function of documents, request and time; what it does not understand is a
`SearchError`. Paging is by `search_after` alone, as Moesif offers neither offsets nor scrolls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from moesif_sandbox.moesif_aggregations import aggregate
from moesif_sandbox.moesif_dsl import (
    Json,
    SearchError,
    as_boolean,
    as_integer,
    as_object,
    only_keys,
)
from moesif_sandbox.moesif_query import QueryContext, compile_query
from moesif_sandbox.moesif_sort import first_after, parse_sort, sorted_positions
from moesif_sandbox.moesif_source import parse_source, show_hit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from moesif_sandbox.moesif_index import Index
    from moesif_sandbox.moesif_sort import SortKey

# OpenSearch and Elasticsearch, index setting `index.max_result_window`: its default.
MAX_SIZE = 10_000
DEFAULT_SIZE = 10

_KEYS = {
    "query",
    "post_filter",
    "size",
    "sort",
    "search_after",
    "_source",
    "aggs",
    "aggregations",
    "track_total_hits",
}
_MATCH_ALL: Json = {"match_all": {}}


@dataclass(frozen=True)
class Found:
    """What a search found: one page of hits, how many there are in all, and the aggregations."""

    hits: list[Json]
    total: int | None  # None: the request did not want it counted
    relation: str  # "eq", or "gte" where the request limits how far to count
    aggregations: Json = field(default_factory=dict)


@dataclass(frozen=True)
class _Ordered:
    """The sorted matches of one query, kept until the documents change."""

    positions: Sequence[int]
    keys: Sequence[SortKey]


def search(index: Index, body: Json, now: datetime) -> Found:
    """Carry out one request.

    Raises:
        SearchError: a part of it is not understood.
    """
    if "from" in body:
        raise SearchError("[from] is not offered: page with [sort] and [search_after]")
    only_keys(body, _KEYS, "body")
    if "aggs" in body and "aggregations" in body:
        raise SearchError("[aggs] and [aggregations] are the same: give one of them")
    context = QueryContext(index, now)
    size = as_integer(body.get("size", DEFAULT_SIZE), "size", 0, MAX_SIZE)
    source = parse_source(body.get("_source", True))
    ordered = _ordered(body, context)
    start = 0
    if "search_after" in body:
        start = first_after(ordered.positions, ordered.keys, body["search_after"], context)
    page = ordered.positions[start : start + size]
    total, relation = _total(body.get("track_total_hits", True), len(ordered.positions))
    wanted = body.get("aggs", body.get("aggregations"))
    aggregations = {} if wanted is None else aggregate(wanted, _matches(body, context), context)
    hits = [
        show_hit(index.documents[position], source, [key.value(position) for key in ordered.keys])
        for position in page
    ]
    return Found(hits, total, relation, aggregations)


def _matches(body: Json, context: QueryContext) -> Sequence[int]:
    query = body.get("query", _MATCH_ALL)
    predicate = compile_query(query, context)
    return context.index.cached(
        _key(context.now, "matches", query),
        lambda: [position for position in range(len(context.index)) if predicate(position)],
    )


def _ordered(body: Json, context: QueryContext) -> _Ordered:
    query = body.get("query", _MATCH_ALL)
    post_filter, sort = body.get("post_filter", _MATCH_ALL), body.get("sort", [])

    def compute() -> _Ordered:
        keys = parse_sort(sort, context)
        passes = compile_query(post_filter, context)
        matches = [position for position in _matches(body, context) if passes(position)]
        return _Ordered(sorted_positions(matches, keys), keys)

    return context.index.cached(_key(context.now, "ordered", query, post_filter, sort), compute)


def _key(now: datetime, *parts: object) -> tuple[bytes, datetime | None]:
    """Name a result by the request's parts, and by the time where they may speak of it."""
    encoded = msgspec.json.encode(parts)
    return encoded, now if b"now" in encoded else None


def _total(track: object, count: int) -> tuple[int | None, str]:
    if isinstance(track, int) and not isinstance(track, bool):
        limit = as_integer(track, "track_total_hits", 0, 2**31 - 1)
        return min(count, limit), "gte" if count > limit else "eq"
    return (count if as_boolean(track, "track_total_hits") else None), "eq"


def read_body(raw: bytes) -> Json:
    """Return a request's body as an object; an empty one asks for everything.

    Raises:
        SearchError: it is no JSON object.
    """
    if not raw.strip():
        return {}
    try:
        return as_object(msgspec.json.decode(raw), "body")
    except msgspec.DecodeError as error:
        raise SearchError(f"the body is no JSON: {error}") from error
