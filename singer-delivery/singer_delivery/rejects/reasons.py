"""Adds the reason of a rejection to a RECORD line; pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

REJECT_FIELD = "_delivery_reject"

_NAME = b'"%b":' % REJECT_FIELD.encode()
_blanks = re.compile(r"[ \t\n\r]*").match
_decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
"""Decodes a value to find its end; accepts NaN, and numbers of any length."""


class _Member(NamedTuple):
    """A member of an object, with the position of its value."""

    name: str
    start: int
    end: int


class Reason(msgspec.Struct):
    """Why and when a record was rejected: the value of `REJECT_FIELD`.

    Attributes:
        reason: A short code.
        detail: One sentence.
        at: The time, as ISO 8601.
        attempts: The number of requests in all runs that contained the record.
        first_rejected_at: The time of the first rejection, in this run or an earlier one.
    """

    reason: str
    detail: str
    at: str
    attempts: int = 0
    first_rejected_at: str = ""

    def encoded(self, earlier: bytes = b"null") -> bytes:
        """Return it as JSON, continuing the reason of an earlier run if there is one."""
        try:
            before = msgspec.json.decode(earlier, type=_Earlier | None) or _Earlier()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            before = _Earlier()  # the line was edited
        first = before.first_rejected_at or before.at or self.first_rejected_at or self.at
        attempts = max(0, before.attempts) + self.attempts
        return msgspec.json.encode(
            Reason(self.reason, self.detail, self.at, attempts, first_rejected_at=first)
        )


class _Earlier(msgspec.Struct):
    """The part of an earlier run's reason that is continued."""

    at: str = ""
    attempts: int = 0
    first_rejected_at: str = ""


def with_reason(line: bytes, reason: Reason) -> bytes:
    """Add a reason to the record of a RECORD line; no other byte is changed.

    An earlier reason is continued. If the record cannot be parsed, because it is nested too deeply,
    the reason is added beside it.

    Args:
        line: The line as it was read.
        reason: Why it was rejected this time.
    """
    line = line.strip()
    text = line.decode("latin-1")  # a character for each byte
    try:
        record = _member(text, 0, "record")
        if record is None or text[record.start] != "{":
            return _beside(line, reason)
        members = [*_members(text, record.start)]
    except (ValueError, RecursionError):
        return _beside(line, reason)
    for name, start, end in members:
        if name == REJECT_FIELD:
            return line[:start] + reason.encoded(line[start:end]) + line[end:]
    comma = b"," if members else b""
    return line[: record.end - 1] + comma + _NAME + reason.encoded() + line[record.end - 1 :]


def _beside(line: bytes, reason: Reason) -> bytes:
    body, name, earlier = line.rpartition(b"," + _NAME)
    if not name:
        return line.removesuffix(b"}") + b"," + _NAME + reason.encoded() + b"}"
    return body + name + reason.encoded(earlier.removesuffix(b"}")) + b"}"


def _member(text: str, start: int, name: str) -> _Member | None:
    """Find a member of the object at a position; the last one if there are several."""
    found = [member for member in _members(text, start) if member.name == name]
    return found[-1] if found else None


def _members(text: str, start: int) -> Iterator[_Member]:
    """Iterate over the members of the object at a position.

    Raises:
        ValueError: It is not JSON.
    """
    position = _skip(text, start + 1)
    while text.startswith('"', position):
        name, position = _decode(text, position)
        begin = _skip(text, _skip(text, position) + 1)  # after the colon
        _, end = _decode(text, begin)
        yield _Member(name, begin, end)
        position = _skip(text, end)
        if not text.startswith(",", position):
            return
        position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    """Return the position of the next non-blank character."""
    match = _blanks(text, position)
    return match.end() if match else position
