"""Carries out a search request, in the part of the engine's DSL that clients of Moesif send.

Paging is by `search_after` alone, as Moesif offers neither offsets nor scrolls.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from moesif_sandbox.moesif.search.aggregations import Aggregator
from moesif_sandbox.moesif.search.dsl import Clause, Json, SearchError, read
from moesif_sandbox.moesif.search.index import Index
from moesif_sandbox.moesif.search.query import compile_query
from moesif_sandbox.moesif.search.sort import SortKey, first_after, parse_sort, sorted_positions
from moesif_sandbox.moesif.search.source import parse_source

_ALL: Json = {"match_all": {}}


class Limits(NamedTuple):
    """The settings of an engine that refuse a search."""

    max_result_window: int = 10_000  # the greatest `size`: index setting of this name
    max_buckets: int = 65_535  # `search.max_buckets`; 10,000 in older engines
    sort_by_id: bool = True  # `indices.id_field_data.enabled`; false in some managed clusters


class Found(NamedTuple):
    """One page of hits, how many there are in all unless that was not asked, and aggregations."""

    hits: list[Json]
    total: int | None
    aggregations: Json


class _Search(Clause, frozen=True):
    query: Json = msgspec.field(default_factory=lambda: _ALL)
    post_filter: Json = msgspec.field(default_factory=lambda: _ALL)
    size: int = 10
    sort: object = msgspec.field(default_factory=list)
    search_after: list[object] | None = None
    source: object = msgspec.field(name="_source", default=True)
    aggs: Json | None = None
    aggregations: Json | None = None
    track_total_hits: bool = True


def search(index: Index, body: Json, limits: Limits = Limits()) -> Found:  # noqa: B008, immutable
    """Carry out one request; what is not understood or refused is a `SearchError`."""
    given = read(body, _Search, "body")
    if not 0 <= given.size <= limits.max_result_window:
        raise SearchError(
            "Result window is too large, from + size must be less than or equal to: "
            f"[{limits.max_result_window}] but was [{given.size}]."
        )
    show = parse_source({} if isinstance(given.source, bool) else given.source)
    positions, keys = _ordered(index, given, limits)
    start = 0 if given.search_after is None else first_after(positions, keys, given.search_after)
    specs = given.aggs or given.aggregations or {}
    aggregator = Aggregator(index, limits.max_buckets)
    aggregations = aggregator.results(specs, _matches(index, given.query)) if specs else {}
    hits: list[Json] = [
        {"_id": index.documents[position].id}
        | ({} if given.source is False else {"_source": show(index.documents[position].source)})
        | ({"sort": [key.value(position) for key in keys]} if keys else {})
        for position in positions[start : start + given.size]
    ]
    return Found(hits, len(positions) if given.track_total_hits else None, aggregations)


def _matches(index: Index, query: Json) -> Sequence[int]:
    def compute() -> list[int]:
        return [*filter(compile_query(query, index), range(len(index)))]

    return index.cached(("matches", msgspec.json.encode(query)), compute)


def _ordered(index: Index, given: _Search, limits: Limits) -> tuple[Sequence[int], list[SortKey]]:
    """Return the matches of a search in its order, kept until the documents change."""

    def compute() -> tuple[Sequence[int], list[SortKey]]:
        keys = parse_sort(given.sort, index, by_id=limits.sort_by_id)
        passes = compile_query(given.post_filter, index)
        return sorted_positions([*filter(passes, _matches(index, given.query))], keys), keys

    parts = (given.query, given.post_filter, given.sort, limits)
    return index.cached(("ordered", msgspec.json.encode(parts)), compute)
