"""Adds the reason of a rejection to the line of a record; pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REJECT_FIELD = "_delivery_reject"

_NAME = b'"%b":' % REJECT_FIELD.encode()
_blanks = re.compile(r"[ \t\n\r]*").match
_decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
"""Reads a value to find its end, NaN included; a number may have any number of digits."""


class _Member(NamedTuple):
    """A member of an object, and where its value stands."""

    name: str
    start: int
    end: int


def with_reason(line: bytes, reason: Mapping[str, str]) -> bytes:
    """Add a reason to the record of a RECORD line; no other byte is changed.

    An earlier reason is replaced. If the record cannot be parsed, because it is nested too deeply,
    the reason is added beside it.

    Args:
        line: The line as it was read.
        reason: The value of `REJECT_FIELD`.
    """
    line = line.strip()
    text = line.decode("latin-1")  # a character for each byte
    value = msgspec.json.encode(reason)
    try:
        record = _member(text, 0, "record")
        if record is None or text[record.start] != "{":
            return _beside(line, value)
        members = [*_members(text, record.start)]
    except (ValueError, RecursionError):
        return _beside(line, value)
    for name, start, end in members:
        if name == REJECT_FIELD:
            return line[:start] + value + line[end:]
    comma = b"," if members else b""
    return line[: record.end - 1] + comma + _NAME + value + line[record.end - 1 :]


def _beside(line: bytes, value: bytes) -> bytes:
    body, earlier, _ = line.rpartition(b"," + _NAME)
    return (body if earlier else line.removesuffix(b"}")) + b"," + _NAME + value + b"}"


def _member(text: str, start: int, name: str) -> _Member | None:
    """Find a member of the object at a position; the last of several counts."""
    found = [member for member in _members(text, start) if member.name == name]
    return found[-1] if found else None


def _members(text: str, start: int) -> Iterator[_Member]:
    """Iterate over the members of the object at a position.

    Raises:
        ValueError: It is no JSON.
    """
    position = _skip(text, start + 1)
    while text.startswith('"', position):
        name, position = _decode(text, position)
        begin = _skip(text, _skip(text, position) + 1)  # behind the colon
        _, end = _decode(text, begin)
        yield _Member(name, begin, end)
        position = _skip(text, end)
        if not text.startswith(",", position):
            return
        position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    """Return the position of the next character that is no blank."""
    match = _blanks(text, position)
    return match.end() if match else position
