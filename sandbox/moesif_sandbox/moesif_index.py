"""Holds one kind of documents with their field types and, per field, the values to search by.

Like the engine it imitates: a string is analysed text that is searched by its tokens, with an
exact `.raw` sub-field beside it; a field no document has is not mapped; a value that does not fit
its field's type is kept in the document and left out of the search.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from moesif_sandbox.moesif_times import looks_like_a_date, parse_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence


_RAW = ".raw"
_CACHED_RESULTS = 32  # a tap reads one (query, sort) at a time, a few of them in parallel
# Unicode's word boundaries, near enough: `john.doe@gmail.com` gives `john.doe` and `gmail.com`.
_TOKEN = re.compile(r"\w+(?:(?:(?<=[^\W\d])[.':\u2019](?=[^\W\d])|(?<=\d)[.,'](?=\d))\w+)*")

T = TypeVar("T")
Value = str | float  # dates are epoch milliseconds, booleans 0 and 1
Column = list[tuple[Value, ...]]  # by the document's position


class Kind(Enum):
    """The engine's types of fields, as far as they matter here."""

    TEXT = "text"
    KEYWORD = "keyword"
    LONG = "long"
    DOUBLE = "double"
    DATE = "date"
    BOOLEAN = "boolean"
    OBJECT = "object"

    @property
    def is_string(self) -> bool:
        """Say whether values are strings; those of all other types are numbers."""
        return self in {Kind.TEXT, Kind.KEYWORD}


class Document(msgspec.Struct, frozen=True):
    """One document: never changed in place, since parts are shared between documents."""

    id: str
    source: dict[str, object]


class Field(NamedTuple):
    """A field that a request names: its type and where in a document its values are."""

    name: str
    kind: Kind
    path: tuple[str, ...]


class Index:
    """The documents of one kind, in the order they came, and what was computed from them."""

    def __init__(self, known: Mapping[str, Kind], documents: Iterable[Document] = ()) -> None:
        """Start with the mapping of the fields that exist whatever the documents are."""
        self._known = known
        self.documents: list[Document] = []
        self._positions: dict[str, int] = {}
        self._fields: dict[str, Field | None] = {}
        self._columns: dict[str, Column] = {}
        self._results: OrderedDict[Hashable, object] = OrderedDict()
        self.put(documents)

    def __len__(self) -> int:
        return len(self.documents)

    def get(self, document_id: str) -> Document | None:
        """Return the document with this `_id`."""
        position = self._positions.get(document_id)
        return None if position is None else self.documents[position]

    def position(self, document_id: str) -> int | None:
        """Return where in `documents` the document with this `_id` is."""
        return self._positions.get(document_id)

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents; one whose `_id` is there already takes the other's place."""
        for document in documents:
            position = self._positions.setdefault(document.id, len(self.documents))
            if position == len(self.documents):
                self.documents.append(document)
            else:
                self.documents[position] = document
        self._fields.clear()
        self._columns.clear()
        self._results.clear()

    def clear(self) -> None:
        """Forget all documents."""
        self.documents.clear()
        self._positions.clear()
        self.put(())

    def field(self, name: str) -> Field | None:
        """Return the field of this name, or None where it is not mapped."""
        if name not in self._fields:
            self._fields[name] = self._resolve(name)
        return self._fields[name]

    def column(self, field: Field) -> Column:
        """Return the field's values for every document, by position."""
        if field.name not in self._columns:
            self._columns[field.name] = [
                self._values(document, field) for document in self.documents
            ]
        return self._columns[field.name]

    def cached(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what was computed for `key` since the documents last changed."""
        if key not in self._results:
            self._results[key] = compute()
            if len(self._results) > _CACHED_RESULTS:
                self._results.popitem(last=False)
        self._results.move_to_end(key)
        return self._results[key]  # type: ignore[return-value]  # the key says what it is

    def _resolve(self, name: str) -> Field | None:
        if name == "_id":
            return Field(name, Kind.KEYWORD, ())
        if name.endswith(_RAW):
            base = self.field(name[: -len(_RAW)])
            if base is not None and base.kind is Kind.TEXT:
                return Field(name, Kind.KEYWORD, base.path)
        path = tuple(name.split("."))
        kind = self._known.get(name) or self._kind_of_first_value(path)
        return None if kind is None else Field(name, kind, path)

    def _kind_of_first_value(self, path: tuple[str, ...]) -> Kind | None:
        for document in self.documents:
            for value in leaves(document.source, path):
                return _kind_of(value)
        return None

    @staticmethod
    def _values(document: Document, field: Field) -> tuple[Value, ...]:
        if not field.path:
            return (document.id,)
        found = [_read(value, field.kind) for value in leaves(document.source, field.path)]
        return tuple([value for value in found if value is not None])


def leaves(value: object, path: Sequence[str]) -> Iterator[object]:
    """Yield every value at a path, whatever lists are on the way; null is no value."""
    if isinstance(value, list):
        for element in value:
            yield from leaves(element, path)
    elif path:
        if isinstance(value, dict) and path[0] in value:
            yield from leaves(value[path[0]], path[1:])
    elif value is not None:
        yield value


def tokens(text: str) -> list[str]:
    """Return the tokens an analysed string is searched by."""
    return _TOKEN.findall(text.lower())


def as_text(value: object) -> str:
    """Return a scalar the way the engine indexes it as a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind_of(value: object) -> Kind:
    if isinstance(value, dict):
        return Kind.OBJECT
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.LONG
    if isinstance(value, float):
        return Kind.DOUBLE
    return Kind.DATE if looks_like_a_date(str(value)) else Kind.TEXT


def _read(value: object, kind: Kind) -> Value | None:
    """Return a document's value by its field's type, or None where it does not fit."""
    if kind is Kind.OBJECT:
        return 1 if not isinstance(value, dict) or _has_a_value(value) else None
    if isinstance(value, dict):
        return None
    if kind.is_string:
        return as_text(value)
    if kind is Kind.DATE:
        return parse_stored(value)
    if kind is Kind.BOOLEAN:
        return {"true": 1, "false": 0}.get(as_text(value))
    return _number(value, kind)


def _number(value: object, kind: Kind) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # a string or a number
    except (TypeError, ValueError):
        return None
    if kind is Kind.DOUBLE:
        return number
    return value if isinstance(value, int) else int(number)


def _has_a_value(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_a_value(part) for part in value.values())
    if isinstance(value, list):
        return any(_has_a_value(part) for part in value)
    return value is not None
