"""Who was active, as far as one knows: the others need not be asked about; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

_BITS = 25
_MASK = (1 << _BITS) - 1


class IdFilter:
    """A set of ids in 4 MB, however many there are: a Bloom filter with two hash functions.

    An id that was added is always found in it. Of those that were not, one in 300 is found as well
    where there are a million, and one in five where there are ten million.
    """

    def __init__(self) -> None:
        self._bits = bytearray(1 << (_BITS - 3))

    def update(self, ids: Iterable[str]) -> None:
        """Add ids."""
        bits = self._bits
        for value in map(hash, ids):
            for position in (value & _MASK, (value >> _BITS) & _MASK):
                bits[position >> 3] |= 1 << (position & 7)

    def __contains__(self, identifier: str) -> bool:
        """Tell whether an id was added, or cannot be told from one that was."""
        value = hash(identifier)
        return all(
            self._bits[position >> 3] & 1 << (position & 7)
            for position in (value & _MASK, (value >> _BITS) & _MASK)
        )


class Activity:
    """Those who were active.

    Attributes:
        roll_ups: The roll-ups of some of them, encoded, by id.
        others: The rest, if there are any.
    """

    def __init__(self) -> None:
        self.roll_ups: dict[str, msgspec.Raw] = {}
        self.others: IdFilter | None = None

    def add(self, ids: Iterable[str]) -> None:
        """Add some whose roll-ups are not known yet."""
        self.others = self.others or IdFilter()
        self.others.update(ids)

    def is_unknown(self, identifier: str) -> bool:
        """Tell whether the roll-up of an id has to be requested."""
        return (
            self.others is not None
            and identifier not in self.roll_ups
            and identifier in self.others
        )
