"""Conversion of a raw Moesif document to a record; pure.

A document is normalised first, then converted field by field. Everything else in it goes into
`additionalFields`, so custom fields are kept, and a value of the wrong type affects only its own
field.
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

__all__ = ["Document", "Record", "RecordMaker", "unchanged"]

HIT_ID = "_id"
"""The raw name of a search hit's id."""


def unchanged(document: Document) -> Document:
    """Return the document: there is nothing to normalise."""
    return document


class RecordMaker:
    """Converts documents to the records of a stream.

    Args:
        fields: The fields of a record.
        prepare: Normalises a document; may change it in place.
        drop: Raw names to remove at any depth, and dotted paths inside objects with fields.
        type_mismatch: Called with the raw path of each value of an unexpected type.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        *,
        prepare: Callable[[Document], Document] = unchanged,
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
        """Convert a document; return None if it has no id.

        Args:
            raw: The document, or any other JSON value in its place; may be changed.
            hit_id: The search hit's id, used if the document itself has none.
        """
        if not isinstance(raw, dict):
            raw = self._from_other_value(raw, hit_id)
        document = self._prepare(raw)
        rest: Document = {}
        record = self._fields.convert(document, rest)
        self._fields.store_rest(rest, record)
        if "id" in record:
            return record
        found = self._fields.convert_known({HIT_ID: hit_id}, {})
        return {**found, **record} if found else None

    def read(self, source: msgspec.Raw, hit_id: object) -> Record | None:
        """Convert an encoded document; free-form objects in it stay encoded.

        Raises:
            ValueError: It cannot be decoded in part; decode it as a whole and call the maker.
            RecursionError: It is nested too deeply.
        """
        return self(self._documents.read(source), hit_id)

    def _from_other_value(self, raw: object, hit_id: object) -> Document:
        if raw is None or hit_id is None:
            return {}
        self._type_mismatch("_source")
        return {"_source": raw}
