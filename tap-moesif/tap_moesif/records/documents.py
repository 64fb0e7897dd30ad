"""Partial decoding of documents; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tap_moesif.records.objects import Document

MAX_NAMES = 500
"""Maximum number of field names to learn; a document with more is decoded as a whole."""

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode


class DocumentReader:
    """Decodes documents, but leaves objects under some names encoded.

    Most of a large document is objects that the record contains unchanged. The names of all other
    fields are learned from the documents. They are read in alphabetical order, so a record does
    not depend on the documents before it.

    Args:
        encoded: Names of fields whose objects stay encoded.
        unused: Names of fields that are not used and stay encoded.
    """

    def __init__(self, encoded: Iterable[str], unused: Iterable[str]) -> None:
        self._encoded = tuple(encoded)
        self._raw: dict[str, Any] = dict.fromkeys([*unused, *self._encoded], msgspec.Raw)
        self._types = self._raw
        self._learn([])

    def read(self, source: msgspec.Raw) -> Document:
        """Decode a document.

        Raises:
            ValueError: It is not a valid JSON object, or there are too many field names.
            RecursionError: It is nested too deeply.
        """
        try:
            document = self._decode(source)
        except msgspec.ValidationError:
            self._learn(_decode_fields(source).keys() - self._types.keys())
            document = self._decode(source)
        values = zip(self._types, msgspec.structs.astuple(document), strict=True)
        fields = {name: value for name, value in values if value is not msgspec.UNSET}
        for name in self._encoded:
            if name in fields:
                content = bytes(fields[name])
                if not content.startswith(b"{"):
                    fields[name] = _decode(content)
                elif not content.isascii():
                    content.decode()  # msgspec has not validated its UTF-8
        return fields

    def _learn(self, names: Collection[str]) -> None:
        if len(self._types) + len(names) > MAX_NAMES:
            raise ValueError("too many names")
        learned = sorted({*names, *self._types} - self._raw.keys())
        self._types = {**self._raw, **dict.fromkeys(learned, Any)}
        columns = [(f"_{i}", kind, msgspec.UNSET) for i, kind in enumerate(self._types.values())]
        rename = {column[0]: name for column, name in zip(columns, self._types, strict=True)}
        document = msgspec.defstruct(
            "Document", columns, rename=rename, forbid_unknown_fields=True, gc=False
        )
        self._decode = msgspec.json.Decoder(document).decode
