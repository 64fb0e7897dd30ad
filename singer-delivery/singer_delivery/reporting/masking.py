"""What a message looks like, without what it says; pure."""

from __future__ import annotations

import re
from typing import Any

LONGEST = 40
"""Characters of a text that are shown; how long it is beyond is nobody's business."""

FIRST = 3
"""Items of a list that are shown."""

_NAME = re.compile(r"[^\W\d][\w $-]{0,39}")
_KEPT = frozenset(" .,:;@/+-_()")


def masked(value: Any) -> Any:  # noqa: ANN401, JSON
    """Keep the form of a JSON value and the names in it, and nothing that it says of anybody.

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
    """Keep what is named as fields are; ids and addresses are met as keys too."""
    return name if _NAME.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    shown = "".join(map(_character, text[:LONGEST]))
    return shown if len(text) <= LONGEST else f"{shown}…"


def _character(character: str) -> str:
    if character in _KEPT:
        return character
    return "0" if character.isdigit() else "x"
