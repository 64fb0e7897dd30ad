"""Dispatches aggregations and puts documents into buckets by queries, ranges and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_dsl import (
    Json,
    SearchError,
    as_boolean,
    as_integer,
    as_list,
    as_number,
    as_object,
    as_string,
    only_keys,
    shown,
)
from moesif_sandbox.moesif_index import Kind
from moesif_sandbox.moesif_metrics import aggregated_field, metric
from moesif_sandbox.moesif_query import compile_query
from moesif_sandbox.moesif_sort import float_or_int, parse_sort, sorted_positions
from moesif_sandbox.moesif_source import parse_source, show_hit
from moesif_sandbox.moesif_terms import MAX_BUCKETS, composite, terms
from moesif_sandbox.moesif_times import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moesif_sandbox.moesif_query import QueryContext
    from moesif_sandbox.moesif_terms import Inner

    Bucketing = Callable[[Json, Sequence[int], QueryContext, Inner], Json]

_METRICS = {"avg", "min", "max", "sum", "value_count", "cardinality", "percentiles"}
_NESTED = ("aggs", "aggregations")
_TOP_HITS = 3  # Elasticsearch, 'Top hits aggregation': the default `size`
_INTERVAL = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_RANGE_END = {"from", "to", "key"}


def aggregate(specs: object, positions: Sequence[int], context: QueryContext) -> Json:
    """Return the results of named aggregations over the documents at positions.

    Raises:
        SearchError: an aggregation or an option of one is not understood.
    """
    return {
        name: _one(name, as_object(spec, f"aggs.{name}"), positions, context)
        for name, spec in as_object(specs, "aggs").items()
    }


def _one(name: str, spec: Json, positions: Sequence[int], context: QueryContext) -> Json:
    kinds = [kind for kind in spec if kind not in _NESTED]
    if len(kinds) != 1:
        raise SearchError(f"[aggs.{name}] must have exactly one type, but has {kinds}")
    kind, options = kinds[0], spec[kinds[0]]
    nested = next((spec[key] for key in _NESTED if key in spec), None)
    body = as_object(options, f"aggs.{name}.{kind}")
    if nested is not None and kind not in _BUCKETS:
        raise SearchError(f"[aggs.{name}] of type [{kind}] can't have sub-aggregations")
    if kind == "top_hits":
        return _top_hits(body, positions, context)
    if kind in _METRICS:
        return metric(kind, body, positions, context)
    if kind not in _BUCKETS:
        listed = ", ".join(sorted([*_BUCKETS, *_METRICS, "top_hits"]))
        raise SearchError(f"[aggs.{name}] does not understand [{kind}]; it knows {listed}")

    def inner(found: Sequence[int]) -> Json:
        return {} if nested is None else aggregate(nested, found, context)

    return _BUCKETS[kind](body, positions, context, inner)


def _filter(spec: Json, positions: Sequence[int], context: QueryContext, inner: Inner) -> Json:
    passes = compile_query(spec, context)
    found = [position for position in positions if passes(position)]
    return {"doc_count": len(found)} | inner(found)


def _filters(spec: Json, positions: Sequence[int], context: QueryContext, inner: Inner) -> Json:
    only_keys(spec, {"filters"}, "filters")
    given = spec.get("filters")
    if isinstance(given, list):
        return {
            "buckets": [
                _filter(as_object(part, "filters"), positions, context, inner) for part in given
            ]
        }
    named = as_object(given, "filters.filters")
    return {
        "buckets": {
            name: _filter(as_object(part, f"filters.{name}"), positions, context, inner)
            for name, part in named.items()
        }
    }


def _missing(spec: Json, positions: Sequence[int], context: QueryContext, inner: Inner) -> Json:
    only_keys(spec, {"field"}, "missing")
    field = context.index.field(as_string(spec.get("field"), "missing.field"))
    column = None if field is None else context.index.column(field)
    found = [position for position in positions if column is None or not column[position]]
    return {"doc_count": len(found)} | inner(found)


def _range(spec: Json, positions: Sequence[int], context: QueryContext, inner: Inner) -> Json:
    only_keys(spec, {"field", "ranges", "keyed"}, "range")
    field = aggregated_field(spec, "range", context)
    if field is not None and (field.kind.is_string or field.kind is Kind.DATE):
        raise SearchError(f"[range] is for numbers, but [{field.name}] is a {field.kind.value}")
    column = [] if field is None else context.index.column(field)
    buckets = []
    for part in as_list(spec.get("ranges")):
        limits = only_keys(as_object(part, "range.ranges"), _RANGE_END, "range.ranges")
        low, high = (
            None if limits.get(end) is None else float(as_number(limits[end], f"range.{end}"))
            for end in ("from", "to")
        )
        found = [
            position
            for position in (positions if column else ())
            if any(_within(float_or_int(value), low, high) for value in column[position])
        ]
        key = limits.get("key", f"{_end(low)}-{_end(high)}")
        ends = {name: end for name, end in (("from", low), ("to", high)) if end is not None}
        buckets.append({"key": key, **ends, "doc_count": len(found)} | inner(found))
    if as_boolean(spec.get("keyed", False), "range.keyed"):
        return {"buckets": {str(bucket.pop("key")): bucket for bucket in buckets}}
    return {"buckets": buckets}


def _within(value: float, low: float | None, high: float | None) -> bool:
    """Say whether a value is in a range, whose end is outside of it."""
    return (low is None or value >= low) and (high is None or value < high)


def _end(value: float | None) -> str:
    return "*" if value is None else str(value)


def _date_histogram(
    spec: Json, positions: Sequence[int], context: QueryContext, inner: Inner
) -> Json:
    only_keys(spec, {"field", "fixed_interval", "min_doc_count"}, "date_histogram")
    match = _INTERVAL.fullmatch(str(spec.get("fixed_interval")))
    if match is None or not int(match[1]):
        given = shown(spec.get("fixed_interval"))
        raise SearchError(f"[date_histogram.fixed_interval] must be like 1h, but is {given}")
    interval = int(match[1]) * _UNITS[match[2]]
    least = as_integer(spec.get("min_doc_count", 0), "min_doc_count", 0, 2**31 - 1)
    field = aggregated_field(spec, "date_histogram", context)
    if field is None:
        return {"buckets": []}
    if field.kind is not Kind.DATE:
        raise SearchError(f"[date_histogram] is for dates, but [{field.name}] is none")
    column, groups = context.index.column(field), dict[int, list[int]]()
    for position in positions:
        for start in {int(value) // interval * interval for value in column[position]}:
            groups.setdefault(start, []).append(position)
    if groups and least == 0:  # the engine shows the empty intervals in between
        _check_buckets((max(groups) - min(groups)) // interval + 1)
        groups = {
            start: groups.get(start, [])
            for start in range(min(groups), max(groups) + interval, interval)
        }
    return {
        "buckets": [
            {"key_as_string": iso(start), "key": start, "doc_count": len(found)} | inner(found)
            for start, found in sorted(groups.items())
            if len(found) >= least
        ]
    }


def _check_buckets(count: int) -> None:
    if count > MAX_BUCKETS:
        raise SearchError(f"Trying to create too many buckets: {count}, more than {MAX_BUCKETS}")


def _top_hits(spec: Json, positions: Sequence[int], context: QueryContext) -> Json:
    only_keys(spec, {"size", "sort", "_source"}, "top_hits")
    size = as_integer(spec.get("size", _TOP_HITS), "top_hits.size", 0, 100)
    keys = parse_sort(spec.get("sort", []), context)
    source = parse_source(spec.get("_source", True))
    hits = [
        show_hit(context.index.documents[position], source, [key.value(position) for key in keys])
        for position in sorted_positions(positions, keys)[:size]
    ]
    return {"hits": {"total": len(positions), "hits": hits}}


_BUCKETS: Mapping[str, Bucketing] = {
    "terms": terms,
    "composite": composite,
    "filter": _filter,
    "filters": _filters,
    "missing": _missing,
    "range": _range,
    "date_histogram": _date_histogram,
}
