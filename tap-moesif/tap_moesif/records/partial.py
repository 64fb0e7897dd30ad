"""Reading of some fields of a document without decoding the others; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.records.maker import RecordMaker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_moesif.records.fields import Field
    from tap_moesif.records.maker import Record


class PartialReader:
    """Makes records of some top-level fields of documents.

    Args:
        fields: The fields, each with at least one raw name.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._make = RecordMaker(fields, type_mismatch=lambda _: None)
        self._raws = [raw for field in fields for raw in field.raw]
        columns = [(raw, Any, msgspec.UNSET) for raw in self._raws]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Part", columns, gc=False)).decode

    def read(self, source: msgspec.Raw, hit_id: object) -> Record | None:
        """Make a record; return None if the document has no id or is not a valid object."""
        try:
            part = self._decode(source)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return None
        values = zip(self._raws, msgspec.structs.astuple(part), strict=True)
        return self._make(
            {raw: value for raw, value in values if value is not msgspec.UNSET}, hit_id
        )
