"""The aggregations with a bucket for each value of a field: terms and composite."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING

from typing_extensions import override

from moesif_sandbox.moesif_dsl import (
    Json,
    SearchError,
    as_boolean,
    as_choice,
    as_integer,
    as_list,
    as_object,
    only_keys,
    shown,
    single_entry,
)
from moesif_sandbox.moesif_index import Field, Kind, Value
from moesif_sandbox.moesif_metrics import aggregated_field
from moesif_sandbox.moesif_query import value_for
from moesif_sandbox.moesif_times import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from moesif_sandbox.moesif_query import QueryContext

    Inner = Callable[[Sequence[int]], Json]  # the sub-aggregations of one bucket's documents

# Elasticsearch, 'Search settings', `search.max_buckets`: its default.
MAX_BUCKETS = 65_536
_DEFAULT_SIZE = 10
_ORDERS = {"asc", "desc"}
_TERMS_KEYS = {"field", "size", "shard_size", "order", "include", "min_doc_count", "missing"}


def terms(spec: Json, positions: Sequence[int], context: QueryContext, inner: Inner) -> Json:
    """Return one bucket for each value of a field, the most frequent first."""
    only_keys(spec, _TERMS_KEYS, "terms")
    size = as_integer(spec.get("size", _DEFAULT_SIZE), "terms.size", 1, MAX_BUCKETS)
    least = as_integer(spec.get("min_doc_count", 1), "terms.min_doc_count", 0, 2**31 - 1)
    field = aggregated_field(spec, "terms", context)
    buckets: list[Json] = []
    if field is not None:
        groups = _groups(field, spec, positions, context, empty=least == 0)
        sized = {value: found for value, found in groups.items() if len(found) >= least}
        buckets = [
            {**key_of(field, value), "doc_count": len(found)} | inner(found)
            for value, found in _ranked(sized, spec.get("order"), inner, size)
        ]
        others = sum(map(len, sized.values()))
    else:
        others = 0
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": others - sum(_count(bucket) for bucket in buckets),
        "buckets": buckets,
    }


def key_of(field: Field, value: Value) -> Json:
    """Return a bucket's key, with its printed form where the engine gives one."""
    if field.kind is Kind.BOOLEAN:
        return {"key": value, "key_as_string": "true" if value else "false"}
    if field.kind is Kind.DATE and not isinstance(value, str):
        return {"key": value, "key_as_string": iso(int(value))}
    return {"key": value}


def _count(bucket: Json) -> int:
    count = bucket["doc_count"]
    return count if isinstance(count, int) else 0


def _groups(
    field: Field, spec: Json, positions: Sequence[int], context: QueryContext, *, empty: bool
) -> Mapping[Value, Sequence[int]]:
    column = context.index.column(field)
    missing = (value_for(field, spec["missing"], context.now),) if "missing" in spec else ()
    included = _included(field, spec.get("include"), context)
    groups: dict[Value, list[int]] = defaultdict(list)
    if empty:  # `min_doc_count: 0` shows values of documents that the query did not match
        for values in column:
            for value in values:
                groups[value]
    for position in positions:
        for value in dict.fromkeys(column[position] or missing):
            groups[value].append(position)
    if included is None:
        return groups
    return {value: found for value, found in groups.items() if value in included}


def _included(field: Field, include: object, context: QueryContext) -> set[Value] | None:
    if include is None:
        return None
    if not isinstance(include, list):
        raise SearchError(f"[terms.include] must be a list of values, but is {shown(include)}")
    return {value_for(field, value, context.now) for value in include}


def _ranked(
    groups: Mapping[Value, Sequence[int]], order: object, inner: Inner, size: int
) -> list[tuple[Value, Sequence[int]]]:
    """Return the first `size` groups in the order asked for; ties are by key."""
    ranked = sorted(groups.items())
    for part in reversed(as_list(order if order is not None else {"_count": "desc"})):
        path, direction = single_entry(part, "terms.order")
        reverse = as_choice(direction, f"terms.order.{path}", _ORDERS) == "desc"
        if path == "_count":
            ranked.sort(key=lambda group: len(group[1]), reverse=reverse)
        elif path == "_key":
            ranked.sort(key=lambda group: group[0], reverse=reverse)
        else:
            ranked.sort(key=lambda group: _at(inner(group[1]), path), reverse=reverse)
    return ranked[:size]


def _at(results: Json, path: str) -> float:
    """Return the number that an order such as `average.value` or `latency.95.0` points to."""
    name, _, part = path.partition(".")
    result: object = results.get(name.partition(">")[0])
    if ">" not in path and isinstance(result, dict):
        found = result.get(part or "value")
        if found is None and isinstance(result.get("values"), dict):
            found = result["values"].get(part) or result["values"].get(f"{part}.0")
        found = result.get("doc_count") if part in {"", "_count"} and found is None else found
        if found is None and (part or "value") in result:
            return float("-inf")  # a metric without documents
        if isinstance(found, (int, float)):
            return found
    raise SearchError(f"[terms.order] does not understand [{path}]")


def composite(spec: Json, positions: Sequence[int], context: QueryContext, inner: Inner) -> Json:
    """Return a page of buckets, one for each combination of the sources' values."""
    only_keys(spec, {"sources", "size", "after"}, "composite")
    size = as_integer(spec.get("size", _DEFAULT_SIZE), "composite.size", 1, MAX_BUCKETS)
    sources = [_Source(part, context) for part in as_list(spec.get("sources", []))]
    if not sources:
        raise SearchError("[composite.sources] must name at least one source")
    groups: dict[tuple[_Rank, ...], list[int]] = defaultdict(list)
    for position in positions:
        for ranks in product(*(source.ranks(position) for source in sources)):
            groups[ranks].append(position)
    ordered = sorted(groups)
    if "after" in spec:
        after = _after(spec["after"], sources)
        ordered = [ranks for ranks in ordered if ranks > after]
    buckets = [
        {
            "key": {source.name: rank.value for source, rank in zip(sources, ranks, strict=True)},
            "doc_count": len(groups[ranks]),
        }
        | inner(groups[ranks])
        for ranks in ordered[:size]
    ]
    return ({"after_key": buckets[-1]["key"]} if buckets else {}) | {"buckets": buckets}


def _after(value: object, sources: Sequence[_Source]) -> tuple[_Rank, ...]:
    after = as_object(value, "composite.after")
    names = [source.name for source in sources]
    if sorted(after) != sorted(names):
        raise SearchError(f"[composite.after] must have the keys {names}, but has {list(after)}")
    return tuple(source.rank_of(after[source.name]) for source in sources)


class _Rank:
    """A value's place in its source's order: missing first, and all reversed where descending."""

    def __init__(self, value: Value | None, *, descending: bool) -> None:
        self.value = value
        self._descending = descending

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rank) and self.value == other.value

    @override
    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: _Rank) -> bool:
        low, high = (other, self) if self._descending else (self, other)
        if low.value is None or high.value is None:
            return low.value is None and high.value is not None
        return low.value < high.value  # type: ignore[operator]  # of one field, so of one type

    def __gt__(self, other: _Rank) -> bool:
        return other < self


class _Source:
    """One dimension of a composite aggregation."""

    def __init__(self, spec: object, context: QueryContext) -> None:
        self.name, typed = single_entry(spec, "composite.sources")
        kind, options = single_entry(typed, f"composite.sources.{self.name}")
        if kind != "terms":
            raise SearchError(f"[composite.sources] does not understand [{kind}]; it knows terms")
        where = f"composite.sources.{self.name}.terms"
        given = as_object(options, where)
        only_keys(given, {"field", "order", "missing_bucket"}, where)
        self._context = context
        self._field = aggregated_field(given, where, context)
        self._column = [] if self._field is None else context.index.column(self._field)
        self._descending = as_choice(given.get("order", "asc"), f"{where}.order", _ORDERS) == "desc"
        self._shows_missing = as_boolean(given.get("missing_bucket", False), f"{where}.missing")

    def ranks(self, position: int) -> Iterator[_Rank]:
        """Yield the buckets of this dimension that a document falls into."""
        values = self._column[position] if self._column else ()
        for value in dict.fromkeys(values):
            yield _Rank(value, descending=self._descending)
        if not values and self._shows_missing:
            yield _Rank(None, descending=self._descending)

    def rank_of(self, value: object) -> _Rank:
        """Return the place of a value of `after`."""
        read = None
        if value is not None and self._field is not None:
            read = value_for(self._field, value, self._context.now)
        return _Rank(read, descending=self._descending)
