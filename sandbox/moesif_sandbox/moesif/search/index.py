"""One kind of documents, and for each of their fields the values to search by.

As in the engine, a string is text that is searched by its tokens, with an exact `.raw` sub-field;
a time is a date, whatever its notation; a value that is not of its field's type is not found.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from types import NoneType
from typing import TypeVar

import msgspec

from moesif_sandbox.moesif.search.dsl import Json, SearchError
from moesif_sandbox.times import milliseconds, parse_iso

# Elasticsearch, 'Dynamic mapping': `ignore_above` of the keyword beside each text. It counts
# UTF-16 units; a longer value is not indexed.
LONGEST_KEYWORD = 256
_CACHED_RESULTS = 64  # a client reads one or a few searches at a time, page by page
# Unicode's word boundaries, nearly: `john.doe@gmail.com` gives `john.doe` and `gmail.com`.
_TOKEN = re.compile(r"\w+(?:[.'\u2019]\w+)*")

T = TypeVar("T")
Value = str | float  # dates are epoch milliseconds, booleans 0 and 1
Column = Sequence[Sequence[Value]]  # by the document's position


class Document(msgspec.Struct, frozen=True):
    """One document; never changed in place, since documents share parts."""

    id: str
    source: Json


class Index:
    """The documents of one kind, in the order they came, and what was computed from them."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self.documents: list[Document] = []
        self._positions: dict[str, int] = {}
        self._results: dict[Hashable, object] = {}
        self.put(documents)

    def __len__(self) -> int:
        return len(self.documents)

    def get(self, document_id: str) -> Json | None:
        """Return the source of the document with this `_id`."""
        position = self._positions.get(document_id)
        return None if position is None else self.documents[position].source

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents; one with an `_id` that is there already replaces the other."""
        for document in documents:
            position = self._positions.setdefault(document.id, len(self.documents))
            self.documents[position : position + 1] = [document]
        self._results.clear()

    def clear(self) -> None:
        """Forget all documents."""
        self.documents.clear()
        self._positions.clear()
        self._results.clear()

    def tokens(self, field: str) -> Column:
        """Return for every document what its field is found by."""

        def compute() -> Column:
            column = [*self._values(field)]
            return column if is_exact(field) else [[*_tokens(values)] for values in column]

        return self.cached(("tokens", field), compute)

    def values(self, field: str) -> Column:
        """Return for every document the values that its field is sorted and grouped by."""
        return self.cached(("values", field), lambda: _sortable(field, [*self._values(field)]))

    def cached(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what was computed for `key` since the documents last changed."""
        if key not in self._results:
            if len(self._results) >= _CACHED_RESULTS:
                self._results.clear()
            self._results[key] = compute()
        return self._results[key]  # type: ignore[return-value]  # the key says what it is

    def _values(self, field: str) -> Iterator[Sequence[Value]]:
        path = field.removesuffix(".raw").split(".")
        for document in self.documents:
            found = [document.id] if field == "_id" else leaves(document.source, path)
            values = [value_of(field, value) for value in found if not isinstance(value, dict)]
            yield [*filter(_is_indexed, values)] if field.endswith(".raw") else values


def is_exact(field: str) -> bool:
    """Say whether a field's values are strings as they are, whatever they look like."""
    return field == "_id" or field.endswith(".raw")


def value_of(field: str, value: object) -> Value:
    """Return a value, of a document or of a request, in the form that is compared."""
    if isinstance(value, (dict, list, NoneType)):
        raise SearchError(f"[{field}] can't be compared with {value}")
    if is_exact(field):
        return str(value).lower() if isinstance(value, bool) else str(value)
    moment = parse_iso(value)
    if moment is not None:
        return milliseconds(moment)
    return value if isinstance(value, (int, float)) else str(value)


def leaves(value: object, path: Sequence[str]) -> Iterator[object]:
    """Yield every value at a path, through any lists on the way; null is no value."""
    if isinstance(value, list):
        for element in value:
            yield from leaves(element, path)
    elif path:
        if isinstance(value, dict) and path[0] in value:
            yield from leaves(value[path[0]], path[1:])
    elif value is not None:
        yield value


def _is_indexed(text: Value) -> bool:
    return len(str(text).encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST_KEYWORD


def _tokens(values: Sequence[Value]) -> Iterator[Value]:
    for value in values:
        yield from _TOKEN.findall(value.lower()) if isinstance(value, str) else [value]


def _sortable(field: str, column: Column) -> Column:
    if is_exact(field):
        return column
    numbers = [[value for value in values if not isinstance(value, str)] for values in column]
    if any(column) and not any(numbers):
        reason = f"Text fields are not optimised for this: use [{field}.raw] instead of [{field}]"
        raise SearchError(reason)
    return numbers
