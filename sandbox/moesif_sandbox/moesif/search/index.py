"""An index of documents, with the searchable values of each field.

As in the engine, a string is searched by its tokens, and has a `.raw` sub-field with the exact
value; a time is a date in any notation; a value that has not its field's type is not found.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from types import NoneType
from typing import TypeVar

import msgspec

from moesif_sandbox.moesif.search.dsl import Json, SearchError
from moesif_sandbox.times import milliseconds, parse_iso

# Elasticsearch, 'Dynamic mapping': `ignore_above` of keywords, in UTF-16 units. A longer value is
# not indexed.
MAX_KEYWORD_UNITS = 256
_CACHED_RESULTS = 64  # enough for the pages of a few searches
# Nearly Unicode's word boundaries: `john.doe@gmail.com` has the tokens `john.doe` and `gmail.com`.
_TOKEN = re.compile(r"\w+(?:[.'\u2019]\w+)*")

T = TypeVar("T")
Value = str | float  # dates are epoch milliseconds, booleans 0 and 1
Column = Sequence[Sequence[Value]]  # values by the document's position


class Document(msgspec.Struct, frozen=True):
    """A document; never changed in place, because documents share parts."""

    id: str
    source: Json


class Index:
    """Documents in order of arrival, and cached results."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self.documents: list[Document] = []
        self._positions: dict[str, int] = {}
        self._results: dict[Hashable, object] = {}
        self.put(documents)

    def __len__(self) -> int:
        return len(self.documents)

    def get(self, document_id: str) -> Json | None:
        """Return a document by its `_id`."""
        position = self._positions.get(document_id)
        return None if position is None else self.documents[position].source

    def put(self, documents: Iterable[Document]) -> None:
        """Add documents, or replace those with the same `_id`."""
        for document in documents:
            position = self._positions.setdefault(document.id, len(self.documents))
            self.documents[position : position + 1] = [document]
        self._results.clear()

    def clear(self) -> None:
        """Remove all documents."""
        self.documents.clear()
        self._positions.clear()
        self._results.clear()

    def tokens(self, field: str) -> Column:
        """Return the searchable tokens of a field, for each document."""

        def compute() -> Column:
            column = [*self._values(field)]
            return column if is_exact(field) else [[*_tokens(values)] for values in column]

        return self.cached(("tokens", field), compute)

    def values(self, field: str) -> Column:
        """Return the values of a field for sorting and grouping, for each document."""
        return self.cached(("values", field), lambda: _sortable(field, [*self._values(field)]))

    def cached(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return a result from the cache, or compute it; changes of documents clear the cache."""
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
    """Return whether a field has exact strings as values."""
    return field == "_id" or field.endswith(".raw")


def value_of(field: str, value: object) -> Value:
    """Convert a value of a document or a request to its comparable form."""
    if isinstance(value, (dict, list, NoneType)):
        raise SearchError(f"[{field}] cannot be compared with {value}")
    if is_exact(field):
        return str(value).lower() if isinstance(value, bool) else str(value)
    moment = parse_iso(value)
    if moment is not None:
        return milliseconds(moment)
    return value if isinstance(value, (int, float)) else str(value)


def leaves(value: object, path: Sequence[str]) -> Iterator[object]:
    """Yield all values at a path, including those in lists, except nulls."""
    if isinstance(value, list):
        for element in value:
            yield from leaves(element, path)
    elif path:
        if isinstance(value, dict) and path[0] in value:
            yield from leaves(value[path[0]], path[1:])
    elif value is not None:
        yield value


def _is_indexed(text: Value) -> bool:
    return len(str(text).encode("utf-16-le", "surrogatepass")) // 2 <= MAX_KEYWORD_UNITS


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
