"""Execution of search requests, in the part of the engine's DSL that clients use.

Paging is by `search_after` only, because Moesif supports neither offsets nor scrolls.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from moesif_sandbox.moesif.search.aggregations import Aggregator
from moesif_sandbox.moesif.search.dsl import Clause, Json, SearchError, read
from moesif_sandbox.moesif.search.index import Index
from moesif_sandbox.moesif.search.query import compile_query
from moesif_sandbox.moesif.search.sort import Sort, SortKey, first_after, ordered
from moesif_sandbox.settings import Settings

_ALL: Json = {"match_all": {}}
_NOTHING: tuple[object, ...] = (None, {}, [])


class Found(NamedTuple):
    """A page of hits, the total if it was requested, and aggregations."""

    hits: list[Json]
    total: int | None
    aggregations: Json


class _Search(Clause, frozen=True):
    query: Json = msgspec.field(default_factory=lambda: _ALL)
    post_filter: Json = msgspec.field(default_factory=lambda: _ALL)
    size: int = 10
    sort: Sort = ()
    search_after: list[object] | None = None
    source: object = msgspec.field(name="_source", default=True)
    aggs: Json | None = None
    track_total_hits: bool = True


def search(index: Index, body: Json, limits: Settings = Settings()) -> Found:  # noqa: B008, immutable
    """Execute a request; raise a `SearchError` if it is invalid or refused."""
    given = read(body, _Search, "body")
    if not 0 <= given.size <= limits.max_result_window:
        raise SearchError(
            "Result window is too large, from + size must be less than or equal to: "
            f"[{limits.max_result_window}] but was [{given.size}]."
        )
    show = parse_source({} if isinstance(given.source, bool) else given.source)
    positions, keys = _ordered(index, given, by_id=limits.sort_by_id)
    start = 0 if given.search_after is None else first_after(positions, keys, given.search_after)
    aggregations: Json = {}
    if given.aggs:
        aggregator = Aggregator(index, limits.max_buckets, lambda *one: search(*one).hits)
        aggregations = aggregator.results(given.aggs, _matches(index, given.query))
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


def _ordered(
    index: Index, given: _Search, *, by_id: bool
) -> tuple[Sequence[int], Sequence[SortKey]]:
    """Return the sorted matches of a search, from the cache if possible."""

    def compute() -> tuple[Sequence[int], Sequence[SortKey]]:
        found = filter(compile_query(given.post_filter, index), _matches(index, given.query))
        return ordered(found, given.sort, index, by_id=by_id)

    parts = (given.query, given.post_filter, given.sort, by_id)
    return index.cached(("ordered", msgspec.json.encode(parts)), compute)


class _Filter(Clause, frozen=True):
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


def parse_source(value: object) -> Callable[[Json], Json]:
    """Return a function that reduces a document to the included fields."""
    given = read(value if isinstance(value, dict) else {"includes": value}, _Filter, "_source")
    includes, excludes = _pattern(given.includes), _pattern(given.excludes)
    if given == _Filter():
        return dict

    def reduced(value: object, path: str, *, included: bool) -> object:
        if isinstance(value, list):
            parts = [reduced(element, path, included=included) for element in value]
            return parts if included else [part for part in parts if part not in _NOTHING]
        if not isinstance(value, dict):
            return value if included else None
        kept: Json = {}
        for name, part in value.items():
            own = f"{path}.{name}".removeprefix(".")
            shown = included or includes.fullmatch(own) is not None
            inside = reduced(part, own, included=shown)
            if not excludes.fullmatch(own) and (shown or inside not in _NOTHING):
                kept[name] = inside
        return kept

    return lambda source: reduced(source, "", included=not given.includes)  # type: ignore[return-value]


def _pattern(fields: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern of dotted paths, in which `*` matches anything."""
    return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in fields or ["\n"]))
