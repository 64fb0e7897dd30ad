"""Aggregations: buckets by value, time or query, and metrics."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from statistics import fmean

from moesif_sandbox.moesif.search.dsl import Clause, Json, SearchError, read, single_entry
from moesif_sandbox.moesif.search.index import Column, Index, Value, is_exact, value_of
from moesif_sandbox.moesif.search.query import compile_query

Positions = Sequence[int]
Inner = Callable[[Positions], Json]  # returns a bucket's sub-aggregations
Key = tuple[Value, ...]
Hits = Callable[[Index, Json], list[Json]]  # returns the first documents of an index

# By key, or by count and then key, which is the engine's default, in the forms that clients use.
_BY_KEY, *_ORDERS = {"_key": "asc"}, None, {"_count": "desc"}, [{"_count": "desc"}, {"_key": "asc"}]
_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_INTERVAL = re.compile(r"(\d+)([mhd])")
_CALENDAR = {"minute": "1m", "hour": "1h", "day": "1d"}
_REDUCED: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": fmean, "min": min, "max": max, "sum": sum,
}  # fmt: skip


class _OfField(Clause, frozen=True):
    field: str
    size: int = 10
    shard_size: int | None = None
    include: list[object] | None = None
    order: object = None
    fixed_interval: str | None = None
    calendar_interval: str | None = None
    interval: str | None = None  # the only one in Elasticsearch 6
    precision_threshold: int | None = None  # ignored: cardinalities are exact here
    percents: tuple[float, ...] = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)


class _Composite(Clause, frozen=True):
    sources: list[Json]
    size: int = 10
    after: Json | None = None


class _Filters(Clause, frozen=True):
    filters: dict[str, Json]


class Aggregator:
    """Computes the aggregations of one search, within the limit of buckets."""

    def __init__(self, index: Index, max_buckets: int, hits: Hits) -> None:
        self.index, self._hits = index, hits
        self._max_buckets, self._buckets = max_buckets, 0

    def results(self, specs: object, positions: Positions) -> Json:
        """Return the results of named aggregations over the documents at positions."""
        return {
            name: self._result({**read(spec, Json, f"aggs.{name}")}, positions)
            for name, spec in read(specs, Json, "aggs").items()
        }

    def _result(self, spec: Json, positions: Positions) -> Json:
        nested = spec.pop("aggs", {})
        kind, options = single_entry(spec, "aggs")
        if kind in _BUCKETS:
            return _BUCKETS[kind](self, options, positions, partial(self.results, nested))
        if kind == "top_hits":
            found = Index(self.index.documents[position] for position in positions)
            return {"hits": {"hits": self._hits(found, read(options, Json, kind))}}
        metric = read(options, _OfField, kind)
        column = self.index.values(metric.field)
        values = [value for position in positions for value in column[position]]
        return _figures(kind, metric, values)

    def count(self, buckets: int) -> None:
        """Count buckets, and raise a `SearchError` above the limit."""
        self._buckets += buckets
        if self._buckets > self._max_buckets:
            raise SearchError(
                "Trying to create too many buckets. Must be less than or equal to: "
                f"[{self._max_buckets}] but was [{self._buckets}].",
                "too_many_buckets_exception", 503,
            )  # fmt: skip


def _terms(search: Aggregator, options: object, positions: Positions, inner: Inner) -> Json:
    spec = read(options, _OfField, "terms")
    groups = _groups([search.index.values(spec.field)], positions)
    if spec.include is not None:
        wanted = {value_of(spec.field, value) for value in spec.include}
        groups = {key: found for key, found in groups.items() if key[0] in wanted}
    # A shard computes more buckets than it returns (Elasticsearch, 'Terms aggregation').
    search.count(min(len(groups), spec.shard_size or spec.size * 3 // 2 + 10))
    if spec.order not in (_BY_KEY, *_ORDERS):
        raise SearchError(f"[terms.order] is not supported: {spec.order}")
    keys = sorted(groups, key=lambda key: (spec.order == _BY_KEY or -len(groups[key]), key))
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": sum(len(groups[key]) for key in keys[spec.size :]),
        "buckets": [
            {"key": key[0], "doc_count": len(groups[key])} | inner(groups[key])
            for key in keys[: spec.size]
        ],
    }


def _composite(search: Aggregator, options: object, positions: Positions, inner: Inner) -> Json:
    spec = read(options, _Composite, "composite")
    named = [single_entry(part, "composite.sources") for part in spec.sources]
    sources = {name: _source(search.index, part) for name, part in named}
    groups = _groups([column for _, column in sources.values()], positions)
    keys = sorted(groups)
    if spec.after is not None:
        if spec.after.keys() != sources.keys():
            raise SearchError(f"[composite.after] needs the keys {[*sources]}")
        after = tuple(value_of(field, spec.after[name]) for name, (field, _) in sources.items())
        keys = [key for key in keys if key > after]
    keys = keys[: spec.size]
    search.count(len(keys))
    made = [(dict(zip(sources, key, strict=True)), groups[key]) for key in keys]
    buckets = [{"key": key, "doc_count": len(found)} | inner(found) for key, found in made]
    return ({"after_key": buckets[-1]["key"]} if buckets else {}) | {"buckets": buckets}


def _source(index: Index, given: object) -> tuple[str, Column]:
    """Return the field of a composite's source, and its values for each document."""
    kind, options = single_entry(given, "composite.sources")
    spec = read(options, _OfField, kind)
    column = index.values(spec.field)
    texts = [*filter(None, (spec.fixed_interval, spec.calendar_interval, spec.interval))]
    if kind == "terms" and not texts:
        return spec.field, column
    match = _INTERVAL.fullmatch(_CALENDAR.get(texts[0], texts[0])) if len(texts) == 1 else None
    if kind != "date_histogram" or match is None or is_exact(spec.field):
        raise SearchError("[composite.sources] supports terms, and date_histogram of one interval")
    interval = int(match[1]) * _UNITS[match[2]]
    return spec.field, [[int(v) // interval * interval for v in values] for values in column]


def _filter(search: Aggregator, options: object, positions: Positions, inner: Inner) -> Json:
    found = [*filter(compile_query(options, search.index), positions)]
    search.count(1)
    return {"doc_count": len(found)} | inner(found)


def _filters(search: Aggregator, options: object, positions: Positions, inner: Inner) -> Json:
    named = read(options, _Filters, "filters").filters
    buckets = {name: _filter(search, part, positions, inner) for name, part in named.items()}
    return {"buckets": buckets}


def _groups(columns: Sequence[Column], positions: Positions) -> dict[Key, list[int]]:
    """Group documents by each combination of the columns' values."""
    groups: dict[Key, list[int]] = defaultdict(list)
    for position in positions:
        for key in {*product(*(column[position] for column in columns))}:
            groups[key].append(position)
    return groups


def _figures(kind: str, spec: _OfField, values: Sequence[Value]) -> Json:
    """Return the result of a metric."""
    if kind == "cardinality":
        return {"value": len({*values})}
    if is_exact(spec.field):
        raise SearchError(f"[{spec.field}] of type [keyword] is not supported by [{kind}]")
    numbers = sorted(map(float, values))
    if kind == "percentiles":
        return {"values": {str(share): _percentile(numbers, share) for share in spec.percents}}
    if kind not in _REDUCED:
        known = ", ".join([*_BUCKETS, *_REDUCED, "cardinality", "percentiles", "top_hits"])
        raise SearchError(f"unknown aggregation [{kind}]; the sandbox supports {known}")
    return {"value": _REDUCED[kind](numbers) if numbers or kind == "sum" else None}


def _percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return a percentile by Hazen's rule, as the engines do, which approximate large ones."""
    if not ordered:
        return None
    rank = min(max(len(ordered) * percent / 100 - 0.5, 0), len(ordered) - 1)
    low, high = int(rank), min(int(rank) + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


_BUCKETS = {"terms": _terms, "composite": _composite, "filter": _filter, "filters": _filters}
