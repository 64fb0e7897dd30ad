"""The aggregations that reduce documents to a number: avg, min, max, sum, percentiles and so on."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_dsl import Json, SearchError, as_boolean, as_number, as_string, only_keys
from moesif_sandbox.moesif_index import Field, Kind, Value
from moesif_sandbox.moesif_sort import float_or_int, refuse_text
from moesif_sandbox.moesif_times import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moesif_sandbox.moesif_query import QueryContext

# Elasticsearch, 'Percentiles aggregation': the percents where a request names none.
_DEFAULT_PERCENTS = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
_WHOLE = 100.0

_REDUCERS: dict[str, Callable[[Sequence[float]], float]] = {"avg": fmean, "min": min, "max": max}


def metric(name: str, spec: Json, positions: Sequence[int], context: QueryContext) -> Json:
    """Return the result of the metric aggregation of this name over the documents at positions."""
    allowed = {"field", "percents", "keyed"} if name == "percentiles" else {"field"}
    only_keys(spec, allowed, name)
    field = aggregated_field(spec, name, context)
    values = [] if field is None else _values(field, positions, context)
    if name == "value_count":
        return {"value": len(values)}
    if name == "cardinality":
        return {"value": len(set(values))}
    numbers = _numbers(name, field, values)
    if name == "percentiles":
        return _percentiles(spec, numbers)
    if name == "sum":
        return _number(sum(numbers), field)
    return _number(_REDUCERS[name](numbers) if numbers else None, field)


def aggregated_field(spec: Json, name: str, context: QueryContext) -> Field | None:
    """Return the field that an aggregation names, or None where no document has it."""
    field = context.index.field(as_string(spec.get("field"), f"{name}.field"))
    if field is not None:
        refuse_text(field)
    return field


def _values(field: Field, positions: Sequence[int], context: QueryContext) -> list[Value]:
    column = context.index.column(field)
    return [value for position in positions for value in column[position]]


def _numbers(name: str, field: Field | None, values: Sequence[Value]) -> list[float]:
    if field is not None and field.kind.is_string:
        raise SearchError(f"[{name}] is not supported on [{field.name}], which is a string")
    return [float_or_int(value) for value in values]


def _number(value: float | None, field: Field | None) -> Json:
    if value is None:
        return {"value": None}
    shown: Json = {"value": float(value)}
    if field is not None and field.kind is Kind.DATE:
        shown["value_as_string"] = iso(int(value))
    return shown


def _percentiles(spec: Json, numbers: list[float]) -> Json:
    percents = spec.get("percents", list(_DEFAULT_PERCENTS))
    if not isinstance(percents, list) or not percents:
        raise SearchError("[percentiles.percents] must be a list of numbers")
    numbers.sort()
    values = {}
    for given in percents:
        percent = float(as_number(given, "percentiles.percents"))
        if not 0 <= percent <= _WHOLE:
            raise SearchError(f"[percentiles.percents] must be from 0 to 100, but is {percent}")
        values[percent] = _percentile(numbers, percent)
    if as_boolean(spec.get("keyed", True), "percentiles.keyed"):
        return {"values": {str(percent): value for percent, value in values.items()}}
    return {"values": [{"key": percent, "value": value} for percent, value in values.items()]}


def _percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return a percentile by Hazen's rule, as the engines do; theirs of many are approximate."""
    if not ordered:
        return None
    rank = min(max(len(ordered) * percent / _WHOLE - 0.5, 0), len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)
