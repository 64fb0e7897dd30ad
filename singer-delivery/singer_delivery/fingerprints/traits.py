"""The names of the traits that were sent, as a bit for each name of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

OWN_BITS = 62
"""Names with a bit of their own; all later names share the last bit of the 64-bit integer."""

CACHED = 1_000
"""Sets of names whose bits are cached."""


class TraitNames:
    """The names of a stream's traits, in the order of their bits.

    Args:
        add: Stores new names, and returns all stored names in their order.
    """

    def __init__(self, add: Callable[[Sequence[str]], list[str]]) -> None:
        self._add = add
        self._names: list[str] = []
        self._places: dict[str, int] = {}
        self._cached: dict[tuple[str, ...], int] = {}

    def bits(self, names: tuple[str, ...]) -> int:
        """Return the bits for names; new names are stored."""
        if (found := self._cached.get(names)) is None:
            if any(name not in self._places for name in names):
                self._load(names)
            if len(self._cached) >= CACHED:
                self._cached.clear()
            found = 0
            for name in names:
                found |= 1 << min(self._places[name], OWN_BITS)
            self._cached[names] = found
        return found

    def names(self, bits: int) -> tuple[str, ...]:
        """Return the names for bits."""
        if bits and bits.bit_length() > min(len(self._names), OWN_BITS):
            self._load(())
        return tuple(
            name for place, name in enumerate(self._names) if bits >> min(place, OWN_BITS) & 1
        )

    def _load(self, names: Iterable[str]) -> None:
        self._names = self._add([name for name in names if name not in self._places])
        self._places = {name: place for place, name in enumerate(self._names)}
