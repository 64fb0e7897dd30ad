"""What the page shows of everything: which list, how far back, which span of time.

It stands in the address, so that a view can be reloaded, kept and sent on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_DIGITS = 9


class View:
    """The choices that an address makes; what it names wrongly, or not at all, is the default."""

    def __init__(self, given: Mapping[str, str]) -> None:
        """Take the parameters of an address."""
        self._given = dict(given)

    def choice(self, name: str, options: Iterable[str]) -> str:
        """Return the chosen one of some options; the first is the default."""
        known = tuple(options)
        given = self._given.get(name)
        return given if given in known else known[0]

    def number(self, name: str) -> int | None:
        """Return a number, or None where there is none."""
        given = self._given.get(name, "")
        readable = given.isascii() and given.isdecimal() and len(given) <= _MOST_DIGITS
        return int(given) if readable else None

    def address(self, path: str = "/", /, **changes: str | int | None) -> str:
        """Return a path with these choices and some changes to them; None is the default."""
        kept = {**self._given, **changes}
        query = urlencode({name: value for name, value in kept.items() if value is not None})
        return f"{path}?{query}" if query else path
