"""Decoding of records with encoded values."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def plain(record: Any) -> Any:  # noqa: ANN401, JSON is what it is
    """Return a record with all its encoded values decoded."""
    return _decode(_encode(record))
