"""Sorts documents and finds the place in the order where the next page begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_dsl import (
    Json,
    SearchError,
    as_choice,
    as_list,
    only_keys,
    shown,
)
from moesif_sandbox.moesif_index import Field, Kind, Value
from moesif_sandbox.moesif_query import value_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moesif_sandbox.moesif_query import QueryContext

    Ordinal = (
        float | tuple[int, str]
    )  # strings have a rank, so that missing ones sort first or last

# What the engine puts in the place of a missing integer or date: Java's extreme values.
LONG_MAX = 2**63 - 1
LONG_MIN = -(2**63)

_PRESENT = 1
_OPTIONS = {"order", "missing", "unmapped_type", "mode"}
_TYPES = {kind.value: kind for kind in Kind if kind is not Kind.OBJECT} | {
    "integer": Kind.LONG,
    "float": Kind.DOUBLE,
}
_MODES: dict[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "max": max,
    "sum": sum,
    "avg": fmean,
    "median": median,
}


@dataclass(frozen=True)
class SortKey:
    """One criterion of a sort: what to compare of each document, and in which direction."""

    field: Field
    descending: bool
    ordinals: Sequence[Ordinal]

    def value(self, position: int) -> object:
        """Return what the hit's `sort` array holds for this criterion."""
        ordinal = self.ordinals[position]
        if isinstance(ordinal, tuple):
            return ordinal[1] if ordinal[0] == _PRESENT else None
        if math.isinf(ordinal):  # JSON has no infinity
            return "Infinity" if ordinal > 0 else "-Infinity"
        return ordinal

    def ordinal(self, value: object, context: QueryContext) -> Ordinal:
        """Return the ordinal of a `search_after` value."""
        if self.field.kind.is_string:
            if value is None:
                return next((o for o in self.ordinals if _is_missing(o)), (_PRESENT + 1, ""))
            return (_PRESENT, str(value_for(self.field, value, context.now)))
        if value in ("Infinity", "-Infinity"):
            return float(str(value))
        return float_or_int(value_for(self.field, value, context.now))


def parse_sort(sort: object, context: QueryContext) -> list[SortKey]:
    """Return the criteria of a sort in any of the forms the engine takes."""
    keys: list[SortKey] = []
    for part in as_list(sort):
        if isinstance(part, dict):
            keys += [_key(name, options, context) for name, options in part.items()]
        elif isinstance(part, str):
            name, _, order = part.partition(":")
            keys.append(_key(name, order or "asc", context))
        else:
            raise SearchError(f"[sort] takes field names and objects, not {shown(part)}")
    return keys


def sorted_positions(positions: Sequence[int], keys: Sequence[SortKey]) -> Sequence[int]:
    """Return positions in the order of the criteria; equal ones stay in the order they had."""
    ordered = list(positions)
    for key in reversed(keys):
        ordered.sort(key=key.ordinals.__getitem__, reverse=key.descending)
    return ordered


def first_after(
    ordered: Sequence[int],
    keys: Sequence[SortKey],
    after: object,
    context: QueryContext,
) -> int:
    """Return where in a sorted sequence the first document behind `search_after` stands."""
    if not keys:
        raise SearchError("[search_after] needs a [sort]")
    if not isinstance(after, list) or len(after) != len(keys):
        raise SearchError(
            f"[search_after] has {len(as_list(after))} value(s) but [sort] has {len(keys)}"
        )
    marks = [key.ordinal(value, context) for key, value in zip(keys, after, strict=True)]
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if _is_behind(ordered[middle], keys, marks):
            high = middle
        else:
            low = middle + 1
    return low


def _is_behind(position: int, keys: Sequence[SortKey], marks: Sequence[Ordinal]) -> bool:
    for key, mark in zip(keys, marks, strict=True):
        ordinal = key.ordinals[position]
        if ordinal != mark:
            return (ordinal < mark) is key.descending  # type: ignore[operator]
    return False


def _key(name: str, given: object, context: QueryContext) -> SortKey:
    options: Json = given if isinstance(given, dict) else {"order": given}
    only_keys(options, _OPTIONS, f"sort.{name}")
    default = "desc" if name == "_score" else "asc"
    order = as_choice(options.get("order", default), f"sort.{name}.order", {"asc", "desc"})
    descending = order == "desc"
    if name == "_doc":
        field = Field(name, Kind.LONG, ())
        return SortKey(field, descending, range(len(context.index)))
    field = _sortable_field(name, options, context)
    filler = _filler(field, options.get("missing", "_last"), descending, context)
    ordinals = _ordinals(field, options, descending, filler, context)
    return SortKey(field, descending, ordinals)


def _sortable_field(name: str, options: Json, context: QueryContext) -> Field:
    field = context.index.field(name)
    if name == "_score":
        raise SearchError("[sort] on [_score] is not understood: nothing here computes scores")
    if field is None:
        if "unmapped_type" not in options:
            raise SearchError(f"No mapping found for [{name}] in order to sort on")
        kind = as_choice(options["unmapped_type"], f"sort.{name}.unmapped_type", _TYPES)
        return Field(name, _TYPES[kind], tuple(name.split(".")))
    refuse_text(field)
    return field


def refuse_text(field: Field) -> None:
    """Refuse to sort or aggregate on what is searched by tokens and has no exact values."""
    if field.kind is Kind.TEXT:
        raise SearchError(
            f"Text fields are not optimised for sorting and aggregations: use [{field.name}.raw] "
            f"instead of [{field.name}]"
        )
    if field.kind is Kind.OBJECT:
        raise SearchError(f"[{field.name}] is an object: name one of the fields within it")


def _filler(field: Field, missing: object, descending: bool, context: QueryContext) -> Ordinal:
    """Return what a document without a value is sorted by."""
    if missing not in ("_last", "_first"):
        value = value_for(field, missing, context.now)
        return (_PRESENT, value) if isinstance(value, str) else value
    high = (missing == "_last") is not descending
    if field.kind.is_string:
        return (_PRESENT + 1, "") if high else (_PRESENT - 1, "")
    if field.kind is Kind.DOUBLE:
        return math.inf if high else -math.inf
    return LONG_MAX if high else LONG_MIN


def _ordinals(
    field: Field, options: Json, descending: bool, filler: Ordinal, context: QueryContext
) -> list[Ordinal]:
    default = "max" if descending else "min"
    mode = as_choice(options.get("mode", default), f"sort.{field.name}.mode", _MODES)
    column = context.index.column(field)
    if field.kind.is_string:
        if mode not in {"min", "max"}:
            raise SearchError(f"[sort.{field.name}.mode] can't be [{mode}] on a string")
        pick = min if mode == "min" else max
        return [(_PRESENT, str(pick(values))) if values else filler for values in column]
    reduce = _MODES[mode]
    return [reduce(values) if values else filler for values in column]  # type: ignore[arg-type]


def _is_missing(ordinal: Ordinal) -> bool:
    return isinstance(ordinal, tuple) and ordinal[0] != _PRESENT


def float_or_int(value: Value) -> float:
    """Narrow a value of a numeric field, which `value_for` never makes a string."""
    if isinstance(value, str):
        raise SearchError(f"a number is expected, not {shown(value)}")
    return value
