"""An object of a Moesif document as an object of a record; pure.

The fields are made, once a stream, into steps that each take the value under one raw name. Most
values are of the right type and need one look; `_Step.place` knows what to do with the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.records.fields import Field, Kind
from tap_moesif.records.plain import plain
from tap_moesif.records.values import CONVERSIONS, EXACT_TYPES, USER_DEFINED, scrubber, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_moesif.records.values import Conversion

    TypeMismatch = Callable[[str], None]

Document = dict[str, Any]
"""A raw document of Moesif's."""

Record = dict[str, Any]
"""What a RECORD line holds."""


class Fields:
    """The fields of an object, made into steps: one for each raw name, the first choice first.

    Args:
        fields: In their order in a record.
        path: Of the object in a document: empty, or with a dot at the end.
        drop: Raw names that are not taken at any depth, and paths.
        type_mismatch: Called with the raw path of each value that is not of its field's type.
        keeps_unknown: Whether the record takes what is not among the fields.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        path: str,
        drop: frozenset[str],
        type_mismatch: TypeMismatch,
        *,
        keeps_unknown: bool = False,
    ) -> None:
        self._steps: list[tuple[str, str, type | None, Conversion | None, _Step]] = []
        self._groups: list[tuple[str, Fields]] = []
        self.rest: str | None = None
        self._keeps_unknown = keeps_unknown
        names = frozenset(name for name in drop if "." not in name)
        self._scrub = scrubber(names)
        self.known = {*names, *(n.removeprefix(path) for n in drop if n.startswith(path))}
        for field in fields:
            if field.kind is Kind.REST:
                self.rest = field.name
            elif field.kind is Kind.GROUP:
                group = Fields(field.fields, path, drop, type_mismatch)
                self._groups.append((field.name, group))
                self.known |= group.known
            raws = [raw for raw in field.raw if raw not in self.known]
            steps = [_Step(field, raw, path, drop, type_mismatch) for raw in raws]
            self._steps += [
                # A second name counts only where the first has no value.
                (raw, field.name, step.exact, step.convert, step)
                if step is steps[0]
                else (raw, field.name, None, None, step)
                for raw, step in zip(raws, steps, strict=True)
            ]
            self.known.update(raws)

    def take(self, document: Document, left: Document) -> Record:
        """Make a record of a document; put what finds no place into `left`."""
        record = self.take_known(document, left)
        if not self.known.issuperset(document):
            into = record if self._keeps_unknown else left
            for raw, value in document.items():
                if raw not in self.known:
                    own = raw in USER_DEFINED or type(value) is str
                    into[raw] = value if own else self._scrub(value)
        return record

    def take_known(self, document: Document, left: Document) -> Record:
        """Make a record of what the fields name only."""
        record: Record = {}
        for raw, name, exact, convert, step in self._steps:
            if raw in document:
                value = document[raw]
                if type(value) is exact:
                    record[name] = value
                elif convert is None or value is None:
                    step.place(value, record, left)
                else:
                    try:
                        record[name] = convert(value)
                    except (ValueError, OverflowError):
                        step.place(value, record, left)
        for name, group in self._groups:
            if inner := group.take_known(document, left):
                record[name] = inner
        return record

    def keep(self, left: Document, record: Record) -> Document:
        """Put what is left into the record's field for it; give back what is left then.

        It is sorted by name, so that a record is the same however its document was decoded.
        """
        if left and self.rest is not None:
            record[self.rest] = dict(sorted(left.items()))
            return {}
        return left

    def part(self, value: Any) -> tuple[Record, Document]:  # noqa: ANN401
        """Make a record of an object; give also what of it found no place.

        Raises:
            ValueError: It is no object.
        """
        if not isinstance(value, dict):
            raise ValueError("no object")  # noqa: TRY004, one way to say so
        left: Document = {}
        record = self.take(value, left)
        return record, self.keep(left, record)

    def whole(self, value: Any) -> Record:  # noqa: ANN401
        """Make a record of an object that has a place for everything; raises as `part` does."""
        return self.part(value)[0]


class _Step:
    """Takes the value that a field has under one of its raw names.

    Attributes:
        exact: The type, if any, whose values are taken as they are.
        convert: Gives a value converted; None where that leaves something.
    """

    def __init__(
        self, field: Field, raw: str, path: str, drop: frozenset[str], type_mismatch: TypeMismatch
    ) -> None:
        self._name = field.name
        self._nullable = field.kind is not Kind.ID  # an id that is null is none
        self._raw = raw
        self._path = f"{path}{raw}"
        self._type_mismatch = type_mismatch
        inside = f"{self._path}."
        dropped = [n for n in drop if "." not in n or n.startswith(inside)]
        names = frozenset(
            () if raw in USER_DEFINED else (name.rpartition(".")[2] for name in dropped)
        )
        self._scrub = scrubber(names)
        self.exact = EXACT_TYPES.get(field.kind)
        self.convert = CONVERSIONS.get(field.kind)
        if field.fields:
            self._fields = Fields(
                field.fields, inside, drop, type_mismatch, keeps_unknown=field.open
            )
            self._take = self._objects if field.kind is Kind.OBJECTS else self._fields.part
            if field.kind is Kind.OBJECT and self._fields.rest is not None:
                whole = self._fields.whole
                self.convert = shared(whole) if field.shared else whole
        elif names and self.exact in {dict, list}:
            self.convert = self._scrubbing(CONVERSIONS[field.kind])
            self.exact = None

    def _scrubbing(self, convert: Conversion) -> Conversion:
        return lambda value: self._scrub(convert(value))

    def place(self, value: Any, record: Record, left: Document) -> None:  # noqa: ANN401
        """Put a value into the record, or what finds no place there into `left`."""
        if value is None:
            if self._nullable:
                record.setdefault(self._name, None)
            return
        if type(value) is str and value == record.get(self._name):
            return  # says the same under another name
        try:
            converted, remains = self._converted(value)
        except (ValueError, OverflowError):
            self._type_mismatch(self._path)
            left[self._raw] = self._scrub(value)
            return
        if record.get(self._name) is None:
            record[self._name] = converted
            if remains:
                left[self._raw] = remains
        elif remains or not _same(converted, record[self._name]):
            left[self._raw] = self._scrub(value)

    def _converted(self, value: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """Convert a value; give also what is left of it."""
        if self.convert is not None:
            return self.convert(value), None
        return self._take(value)

    def _objects(self, value: Any) -> tuple[list[Record], list[Any]]:  # noqa: ANN401
        if not isinstance(value, list):
            raise ValueError("no list")  # noqa: TRY004
        records, left = [], []
        for item in value:
            if isinstance(item, dict):
                record, remains = self._fields.part(item)
                records.append(record)
                if remains:
                    left.append(remains)
            else:
                self._type_mismatch(self._path)
                left.append(self._scrub(item))
        return records, left


def _same(one: object, other: object) -> bool:
    one, other = (plain(value) if type(value) is msgspec.Raw else value for value in (one, other))
    return one == other and repr(one) == repr(other)  # True is not 1
