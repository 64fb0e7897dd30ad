"""Sorting of documents, and the start of the next page."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from moesif_sandbox.moesif.search.dsl import Clause, SearchError
from moesif_sandbox.moesif.search.index import Index, Value, is_exact, value_of

Order = Literal["asc", "desc"]
Ordinal = float | tuple[int, str]  # the rank of a string sorts missing ones last

# The engine's substitutes for a missing number or date: Java's extreme values.
LONG_MAX = 2**63 - 1
LONG_MIN = -(2**63)
_PRESENT = 1


class _Options(Clause, frozen=True):
    order: Order = "asc"
    unmapped_type: str | None = None  # no error if no document has the field


Sort = Sequence[Mapping[str, Order | _Options]]


class SortKey(NamedTuple):
    """A sort criterion, with each document's value and the direction."""

    field: str
    descending: bool
    missing: Ordinal
    ordinals: Sequence[Ordinal]

    def value(self, position: int) -> object:
        """Return this criterion's value in a hit's `sort`."""
        ordinal = self.ordinals[position]
        if isinstance(ordinal, tuple):
            return ordinal[1] if ordinal[0] == _PRESENT else None
        return ordinal

    def ordinal(self, value: object) -> Ordinal:
        """Return the ordinal of this criterion's value in `search_after`."""
        return self.missing if value is None else _ordinal(value_of(self.field, value))


def ordered(
    positions: Iterable[int], sort: Sort, index: Index, *, by_id: bool
) -> tuple[Sequence[int], Sequence[SortKey]]:
    """Return sorted positions, and the criteria; `by_id` says if sorting by `_id` is allowed."""
    given = [entry for part in sort for entry in part.items()]
    keys = [_key(field, options, index, by_id=by_id) for field, options in given]
    found = list(positions)
    for key in reversed(keys):
        found.sort(key=key.ordinals.__getitem__, reverse=key.descending)
    return found, keys


def _key(field: str, given: Order | _Options, index: Index, *, by_id: bool) -> SortKey:
    if field == "_id" and not by_id:
        raise SearchError(
            "Fielddata access on the _id field is disallowed: indices.id_field_data.enabled"
        )
    options = given if isinstance(given, _Options) else _Options(given)
    column, descending = index.values(field), options.order == "desc"
    if len(index) and not any(column) and options.unmapped_type is None:
        raise SearchError(f"No mapping found for [{field}] in order to sort on")
    missing: Ordinal = LONG_MIN if descending else LONG_MAX
    if is_exact(field):
        missing = (_PRESENT - 1 if descending else _PRESENT + 1, "")
    pick: Callable[[Sequence[Value]], Value] = max if descending else min
    ordinals = [_ordinal(pick(values)) if values else missing for values in column]
    return SortKey(field, descending, missing, ordinals)


def _ordinal(value: Value) -> Ordinal:
    return (_PRESENT, value) if isinstance(value, str) else value


def first_after(positions: Sequence[int], keys: Sequence[SortKey], after: list[object]) -> int:
    """Return the place of the first document after `search_after` in sorted positions."""
    if not keys or len(after) != len(keys):
        raise SearchError(f"search_after has {len(after)} value(s) but sort has {len(keys)}")
    marks = [(key, key.ordinal(value)) for key, value in zip(keys, after, strict=True)]

    def is_after(position: int) -> bool:
        for key, mark in marks:
            ordinal = key.ordinals[position]
            if ordinal != mark:
                return (ordinal < mark) is key.descending  # type: ignore[operator]  # of one field
        return False

    return bisect_left(positions, True, key=is_after)
