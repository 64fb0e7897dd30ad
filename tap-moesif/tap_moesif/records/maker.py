"""A raw Moesif document as a record; pure.

What Moesif writes in several ways is brought into one, and then each field takes its value; what
is left has no place of its own and goes along as `additionalFields`. So nothing is lost, whatever
an account has added, and a value of the wrong type costs only its own field.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from tap_moesif.records.documents import DocumentReader
from tap_moesif.records.fields import Kind
from tap_moesif.records.objects import Document, Fields, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import msgspec

    from tap_moesif.records.fields import Field
    from tap_moesif.records.objects import TypeMismatch

__all__ = ["Document", "Record", "RecordMaker", "as_it_is"]

HIT_ID = "_id"
"""The raw name under which fields know the id of a search's hit."""


def as_it_is(document: Document) -> Document:
    """Return a document of which nothing is written in several ways."""
    return document


class RecordMaker:
    """Makes the records of a stream.

    Args:
        fields: The fields of a record.
        prepare: Brings a document into the one form that `fields` know; it may change it.
        drop: Raw names that are not emitted wherever Moesif has put them; or, with dots, the
            path of one inside objects that have fields.
        type_mismatch: Called with the raw path of each value that is not of its field's type.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        *,
        prepare: Callable[[Document], Document] = as_it_is,
        drop: Iterable[str] = (),
        type_mismatch: TypeMismatch,
    ) -> None:
        fields, drop = tuple(fields), frozenset(drop)
        self._fields = Fields(fields, "", drop, type_mismatch)
        encoded = [f.raw for f in fields if f.shared or f.kind is Kind.FREE]
        self._documents = DocumentReader({*chain.from_iterable(encoded)} - drop, drop)
        self._prepare = prepare
        self._type_mismatch = type_mismatch

    def __call__(self, raw: Any, hit_id: object = None) -> Record | None:  # noqa: ANN401
        """Make a record that follows the fields' schema; None if there is no id.

        Args:
            raw: The document, or what was sent in place of one; it is used up.
            hit_id: The id of the search's hit that the document came in: it stands in for an id
                of the document's own, and is no part of it.
        """
        if not isinstance(raw, dict):
            raw = self._in_place_of_a_document(raw, hit_id)
        document = self._prepare(raw)
        left: Document = {}
        record = self._fields.take(document, left)
        self._fields.keep(left, record)
        if "id" in record:
            return record
        found = self._fields.take_known({HIT_ID: hit_id}, {})
        return {**found, **record} if found else None

    def read(self, source: msgspec.Raw, hit_id: object) -> Record | None:
        """Make a record of an encoded document, of which objects that it holds stay encoded.

        Raises:
            ValueError: The document is not in good order; it may still be read as a whole.
            RecursionError: It is very deep.
        """
        return self(self._documents.read(source), hit_id)

    def _in_place_of_a_document(self, raw: object, hit_id: object) -> Document:
        if raw is None or hit_id is None:
            return {}
        self._type_mismatch("_source")
        return {"_source": raw}
