"""An object of a Moesif document as an object of a record; pure.

The fields are made, once a stream, into steps that each take the value under one raw name. Most
values are of the right type already and need one look; `_Step.place` knows what to do with others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_moesif.fields import Field, Kind
from tap_moesif.values import CONVERSIONS, FITTING, OWN, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Document = dict[str, Any]
    Record = dict[str, Any]
    Misfit = Callable[[str], None]


class Fields:
    """The fields of an object, made into steps: one for each raw name, the first choice first.

    Args:
        fields: In their order in a record.
        path: Of the object in a document: empty, or with a dot at the end.
        drop: Raw names that are not taken at any depth, and paths.
        misfit: Called with the raw path of each value that is not of its field's type.
        keeps_unknown: Whether the record takes what is not among the fields.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        path: str,
        drop: frozenset[str],
        misfit: Misfit,
        *,
        keeps_unknown: bool = False,
    ) -> None:
        self._steps: list[tuple[str, str, type | None, _Step]] = []
        self._groups: list[tuple[str, Fields]] = []
        self._rest: str | None = None
        self._keeps_unknown = keeps_unknown
        self._dropped = frozenset(name for name in drop if "." not in name)
        self.known = {
            *self._dropped,
            *(n.removeprefix(path) for n in drop if n.startswith(path)),
        }
        for field in fields:
            if field.kind is Kind.REST:
                self._rest = field.name
            elif field.kind is Kind.GROUP:
                group = Fields(field.fields, path, drop, misfit)
                self._groups.append((field.name, group))
                self.known |= group.known
            for raw in field.raw:
                if raw not in self.known:
                    step = _Step(field, raw, path, drop, misfit)
                    self._steps.append((raw, field.name, step.fitting, step))
            self.known.update(field.raw)

    def take(self, document: Document, left: Document) -> Record:
        """Make a record of a document; put what finds no place into `left`."""
        record = self.take_known(document, left)
        if not self.known.issuperset(document):
            unknown = record if self._keeps_unknown else left
            for raw, value in document.items():
                if raw not in self.known:
                    unknown[raw] = _clean(raw, value, self._dropped)
        return record

    def take_known(self, document: Document, left: Document) -> Record:
        """Make a record of what the fields name only."""
        record: Record = {}
        for raw, name, fitting, step in self._steps:
            if raw in document:
                value = document[raw]
                if type(value) is fitting and value and name not in record:
                    record[name] = value  # which is most of them
                else:
                    step.place(value, record, left)
        for name, group in self._groups:
            if inner := group.take_known(document, left):
                record[name] = inner
        return record

    def keep(self, left: Document, record: Record) -> Document:
        """Put what is left into the record's field for it; give back what is left then."""
        if left and self._rest is not None:
            record[self._rest] = left
            return {}
        return left


class _Step:
    """Takes the value that a field has under one of its raw names."""

    def __init__(
        self, field: Field, raw: str, path: str, drop: frozenset[str], misfit: Misfit
    ) -> None:
        self._field = field
        self._raw = raw
        self._path = f"{path}{raw}"
        self._misfit = misfit
        self._dropped = frozenset(
            name.rpartition(".")[2]
            for name in drop
            if "." not in name or name.startswith(f"{self._path}.")
        )
        inside = f"{self._path}."
        self._object = Fields(field.fields, inside, drop, misfit, keeps_unknown=field.open)
        self._convert: Callable[[Any], tuple[Any, Any]] = {
            Kind.OBJECT: self._one,
            Kind.OBJECTS: self._each,
        }.get(field.kind, self._plain)
        fitting = FITTING.get(field.kind)
        scrubbed = fitting in {dict, list} and self._dropped and raw not in OWN
        self.fitting = None if scrubbed else fitting

    def place(self, value: Any, record: Record, left: Document) -> None:  # noqa: ANN401
        """Put a value into the record, or what finds no place there into `left`."""
        name = self._field.name
        if value is None:
            if self._field.kind is not Kind.ID:  # an id that is null is none
                record.setdefault(name, None)
            return
        try:
            converted, remains = self._convert(value)
        except (ValueError, OverflowError):
            self._misfit(self._path)
            left[self._raw] = _clean(self._raw, value, self._dropped)
            return
        if record.get(name) is None:
            record[name] = converted
            if remains:
                left[self._raw] = remains
        elif remains or not _same(converted, record[name]):
            left[self._raw] = _clean(self._raw, value, self._dropped)

    def _plain(self, value: Any) -> tuple[Any, None]:  # noqa: ANN401
        converted = CONVERSIONS[self._field.kind](value)
        return _clean(self._raw, converted, self._dropped), None

    def _one(self, value: Any) -> tuple[Record, Document]:  # noqa: ANN401
        if not isinstance(value, dict):
            raise ValueError("no object")  # noqa: TRY004, one way to say so
        left: Document = {}
        record = self._object.take(value, left)
        return record, self._object.keep(left, record)

    def _each(self, value: Any) -> tuple[list[Record], list[Any]]:  # noqa: ANN401
        if not isinstance(value, list):
            raise ValueError("no list")  # noqa: TRY004
        records, left = [], []
        for item in value:
            try:
                record, remains = self._one(item)
            except ValueError:
                self._misfit(self._path)
                left.append(_clean("", item, self._dropped))
                continue
            records.append(record)
            if remains:
                left.append(remains)
        return records, left


def _same(one: object, other: object) -> bool:
    return one == other and repr(one) == repr(other)  # True is not 1


def _clean(raw: str, value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401
    """Take dropped names out of a value, unless it is the account's own."""
    if names and raw not in OWN and isinstance(value, dict | list):
        return without(value, names)
    return value
