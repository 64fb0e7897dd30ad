"""Conversion of an object in a Moesif document to an object in a record; pure.

The fields are compiled, once for each stream, into steps that each convert the value under one raw
name. Most values already have the right type; `_Step.place` handles the others.
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
"""A raw Moesif document."""

Record = dict[str, Any]
"""The record of a RECORD line."""


class Fields:
    """The fields of an object, compiled into a step for each raw name, in order of preference.

    Args:
        fields: The fields, in the record's order.
        path: Path of the object in the document: empty, or ending with a dot.
        drop: Raw names to remove at any depth, and dotted paths.
        type_mismatch: Called with the raw path of each value of an unexpected type.
        keeps_unknown: Whether the record keeps fields that are not declared.
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
                # A second name is used only if the first has no value.
                (raw, field.name, step.exact, step.convert, step)
                if step is steps[0]
                else (raw, field.name, None, None, step)
                for raw, step in zip(raws, steps, strict=True)
            ]
            self.known.update(raws)

    def convert(self, document: Document, rest: Document) -> Record:
        """Convert a document; add what is not part of the record to `rest`."""
        record = self.convert_known(document, rest)
        if not self.known.issuperset(document):
            into = record if self._keeps_unknown else rest
            for raw, value in document.items():
                if raw not in self.known:
                    own = raw in USER_DEFINED or type(value) is str
                    into[raw] = value if own else self._scrub(value)
        return record

    def convert_known(self, document: Document, rest: Document) -> Record:
        """Convert the declared fields of a document only."""
        record: Record = {}
        for raw, name, exact, convert, step in self._steps:
            if raw in document:
                value = document[raw]
                if type(value) is exact:
                    record[name] = value
                elif convert is None or value is None:
                    step.place(value, record, rest)
                else:
                    try:
                        record[name] = convert(value)
                    except (ValueError, OverflowError):
                        step.place(value, record, rest)
        for name, group in self._groups:
            if inner := group.convert_known(document, rest):
                record[name] = inner
        return record

    def store_rest(self, rest: Document, record: Record) -> Document:
        """Store the rest in the record's field for it; return it if there is no such field.

        It is sorted by name, so a record does not depend on how its document was decoded.
        """
        if rest and self.rest is not None:
            record[self.rest] = dict(sorted(rest.items()))
            return {}
        return rest

    def split(self, value: Any) -> tuple[Record, Document]:  # noqa: ANN401
        """Convert an object; return also what is not part of the record.

        Raises:
            ValueError: The value is not an object.
        """
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004, as other conversions
        rest: Document = {}
        record = self.convert(value, rest)
        return record, self.store_rest(rest, record)

    def convert_all(self, value: Any) -> Record:  # noqa: ANN401
        """Convert an object with a field for the rest; raises what `split` raises."""
        return self.split(value)[0]


class _Step:
    """Converts the value of a field under one of its raw names.

    Attributes:
        exact: The type whose values need no conversion, if any.
        convert: Converts a value; None if a part of a value may be left.
    """

    def __init__(
        self, field: Field, raw: str, path: str, drop: frozenset[str], type_mismatch: TypeMismatch
    ) -> None:
        self._name = field.name
        self._nullable = field.kind is not Kind.ID
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
            self._split = self._objects if field.kind is Kind.OBJECTS else self._fields.split
            if field.kind is Kind.OBJECT and self._fields.rest is not None:
                convert = self._fields.convert_all
                self.convert = shared(convert) if field.shared else convert
        elif names and self.exact in {dict, list}:
            self.convert = self._scrubbing(CONVERSIONS[field.kind])
            self.exact = None

    def _scrubbing(self, convert: Conversion) -> Conversion:
        return lambda value: self._scrub(convert(value))

    def place(self, value: Any, record: Record, rest: Document) -> None:  # noqa: ANN401
        """Put a value into the record, or into `rest` what is not part of the record."""
        if value is None:
            if self._nullable:
                record.setdefault(self._name, None)
            return
        if type(value) is str and value == record.get(self._name):
            return  # the same value under another name
        try:
            converted, remains = self._converted(value)
        except (ValueError, OverflowError):
            self._type_mismatch(self._path)
            rest[self._raw] = self._scrub(value)
            return
        if record.get(self._name) is None:
            record[self._name] = converted
            if remains:
                rest[self._raw] = remains
        elif remains or not _same(converted, record[self._name]):
            rest[self._raw] = self._scrub(value)

    def _converted(self, value: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """Convert a value; return also the part that is left."""
        if self.convert is not None:
            return self.convert(value), None
        return self._split(value)

    def _objects(self, value: Any) -> tuple[list[Record], list[Any]]:  # noqa: ANN401
        if not isinstance(value, list):
            raise ValueError("not a list")  # noqa: TRY004
        records, rest = [], []
        for item in value:
            if isinstance(item, dict):
                record, remains = self._fields.split(item)
                records.append(record)
                if remains:
                    rest.append(remains)
            else:
                self._type_mismatch(self._path)
                rest.append(self._scrub(item))
        return records, rest


def _same(one: object, other: object) -> bool:
    one, other = (plain(value) if type(value) is msgspec.Raw else value for value in (one, other))
    return one == other and repr(one) == repr(other)  # True is not 1
