"""Documents, decoded only as far as their records need it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tap_moesif.records.objects import Document

MOST_NAMES = 500
"""How many names of fields are learned; a document with others is not read."""

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode


class DocumentReader:
    """Decodes documents, of which some fields stay encoded where they hold objects.

    A document of more than a thousand bytes is mostly such objects, which its record holds as
    they are. The names of all other fields are learned from the documents, and are read in
    alphabetical order: a record is the same in every run, whatever documents came before its own.

    Args:
        encoded: The names of these fields.
        unused: The names of fields whose values are not looked at, and stay encoded.
    """

    def __init__(self, encoded: Iterable[str], unused: Iterable[str]) -> None:
        self._encoded = tuple(encoded)
        self._raw: dict[str, Any] = dict.fromkeys([*unused, *self._encoded], msgspec.Raw)
        self._types = self._raw
        self._learn([])

    def read(self, source: msgspec.Raw) -> Document:
        """Decode a document.

        Raises:
            ValueError: It is no object, or not in good order, or its fields have too many names.
            RecursionError: It is very deep.
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
                    content.decode()  # as msgspec has not looked at its characters
        return fields

    def _learn(self, names: Collection[str]) -> None:
        if len(self._types) + len(names) > MOST_NAMES:
            raise ValueError("too many names")
        learned = sorted({*names, *self._types} - self._raw.keys())
        self._types = {**self._raw, **dict.fromkeys(learned, Any)}
        columns = [(f"_{i}", kind, msgspec.UNSET) for i, kind in enumerate(self._types.values())]
        rename = {column[0]: name for column, name in zip(columns, self._types, strict=True)}
        document = msgspec.defstruct(
            "Document", columns, rename=rename, forbid_unknown_fields=True, gc=False
        )
        self._decode = msgspec.json.Decoder(document).decode
