"""Formats YAML in flow style on one line, for messages."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_WORDS_OF_YAML = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def flow(value: object) -> str:
    """Format an object, a list or a string.

    >>> flow({"it's": {"event": {"literal": "a: b"}, "exclude": ["x", "y"]}})
    "{'it''s': {event: {literal: 'a: b'}, exclude: [x, y]}}"
    """
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(name)}: {flow(each)}' for name, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return _quoted(str(value))


def key(stream: str) -> str:
    """Return the key under `streams` for one stream, with the characters of patterns escaped."""
    return re.sub(r"[*?[]", r"[\g<0>]", stream)


def printable(text: str) -> str:
    """Return a text with unprintable characters escaped, as in YAML and JSON."""
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    if text.isprintable():
        escaped = text.replace("'", "''")
        return f"'{escaped}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(escaped)}"'


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"  # noqa: PLR2004, of \\u
