"""Masks the values of a message; pure."""

from __future__ import annotations

import re
from typing import Any

LONGEST = 40
"""The maximum length of a masked text."""

FIRST = 3
"""The number of items of a list that are shown."""

_NAME = re.compile(r"[^\W\d][\w $-]{0,39}")
_KEPT = frozenset(" .,:;@/+-_()")


def masked(value: Any) -> Any:  # noqa: ANN401, JSON
    """Replace the values in JSON by placeholders; names and structure are unchanged.

    >>> masked({"email": "jo@acme.example", "born": "1990-01-31", "logins": 12, "paid": True})
    {'email': 'xx@xxxx.xxxxxxx', 'born': '0000-00-00', 'logins': 0, 'paid': False}
    """
    match value:
        case dict():
            return {_name(name): masked(each) for name, each in value.items()}
        case list():
            return [*map(masked, value[:FIRST]), *["…"] * (len(value) > FIRST)]
        case str():
            return _text(value)
        case None:
            return None
    return type(value)()


def _name(name: str) -> str:
    """Keep the name of a field; mask a name that may be an id or an address."""
    return name if _NAME.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    shown = "".join(map(_character, text[:LONGEST]))
    return shown if len(text) <= LONGEST else f"{shown}…"


def _character(character: str) -> str:
    if character in _KEPT:
        return character
    return "0" if character.isdigit() else "x"
