"""Sorts documents and finds the place in the order where the next page begins."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from moesif_sandbox.moesif.search.dsl import Clause, Json, SearchError, read
from moesif_sandbox.moesif.search.index import Index, Value, is_exact, value_of

Ordinal = float | tuple[int, str]  # strings have a rank: missing ones sort first or last

# What the engine puts in the place of a missing number or date: Java's extreme values.
LONG_MAX = 2**63 - 1
LONG_MIN = -(2**63)
_PRESENT = 1


class _Options(Clause, frozen=True):
    order: Literal["asc", "desc"] = "asc"
    missing: Literal["_first", "_last"] = "_last"
    unmapped_type: str | None = None


class SortKey(NamedTuple):
    """One criterion of a sort: what to compare of each document, and in which direction."""

    field: str
    descending: bool
    missing: Ordinal
    ordinals: Sequence[Ordinal]

    def value(self, position: int) -> object:
        """Return this criterion's part of a hit's `sort`."""
        ordinal = self.ordinals[position]
        if isinstance(ordinal, tuple):
            return ordinal[1] if ordinal[0] == _PRESENT else None
        return ordinal

    def ordinal(self, value: object) -> Ordinal:
        """Return the ordinal of this criterion's part of `search_after`."""
        return self.missing if value is None else _ordinal(value_of(self.field, value))


def parse_sort(sort: object, index: Index, *, by_id: bool) -> list[SortKey]:
    """Return the criteria of a sort: names of fields, or fields with an order or options."""
    keys = []
    for part in sort if isinstance(sort, list) else [sort]:
        given: Json = {part: {}} if isinstance(part, str) else read(part, Json, "sort")
        for name, options in given.items():
            if name == "_id" and not by_id:
                raise SearchError(
                    "Fielddata access on the _id field is disallowed, you can re-enable it by "
                    "updating the dynamic cluster setting: indices.id_field_data.enabled"
                )
            settings = {"order": options} if isinstance(options, str) else options
            keys.append(_key(name, read(settings, _Options, f"sort.{name}"), index))
    return keys


def _key(field: str, options: _Options, index: Index) -> SortKey:
    column = index.values(field)
    if len(index) and not any(column) and options.unmapped_type is None:
        raise SearchError(f"No mapping found for [{field}] in order to sort on")
    descending = options.order == "desc"
    is_high = (options.missing == "_last") is not descending
    missing: Ordinal = LONG_MAX if is_high else LONG_MIN
    if is_exact(field):
        missing = (_PRESENT + 1 if is_high else _PRESENT - 1, "")
    pick: Callable[[Sequence[Value]], Value] = max if descending else min
    ordinals = [_ordinal(pick(values)) if values else missing for values in column]
    return SortKey(field, descending, missing, ordinals)


def _ordinal(value: Value) -> Ordinal:
    return (_PRESENT, value) if isinstance(value, str) else value


def sorted_positions(positions: Sequence[int], keys: Sequence[SortKey]) -> list[int]:
    """Return positions in the order of the criteria; equal ones stay in the order they had."""
    ordered = list(positions)
    for key in reversed(keys):
        ordered.sort(key=key.ordinals.__getitem__, reverse=key.descending)
    return ordered


def first_after(ordered: Sequence[int], keys: Sequence[SortKey], after: list[object]) -> int:
    """Return where in a sorted sequence the first document after `search_after` is."""
    if not keys or len(after) != len(keys):
        raise SearchError(f"search_after has {len(after)} value(s) but sort has {len(keys)}")
    marks = [(key, key.ordinal(value)) for key, value in zip(keys, after, strict=True)]

    def is_after(position: int) -> bool:
        for key, mark in marks:
            ordinal = key.ordinals[position]
            if ordinal != mark:
                return (ordinal < mark) is key.descending  # type: ignore[operator]  # of one field
        return False

    return bisect_left(ordered, True, key=is_after)
