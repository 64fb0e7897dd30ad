"""Remembers the types of metadata: a key that has been seen with one takes no other.

Moesif, 'User metadata': 'once Moesif has seen a key with one type, a value of another type is not
accepted'. Null is no type; whole numbers and fractions are both numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesif_sandbox.bodies import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moesif_sandbox.moesif_dsl import Json

    Path = tuple[str, ...]

_ELEMENT = "[]"  # all elements of a list are of one type, too
_TYPES = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number",
}  # fmt: skip


class TypeMemory:
    """The types that the metadata of one kind of elements was seen with, at any depth."""

    def __init__(self) -> None:
        self._seen: dict[Path, str] = {}

    def check(self, elements: Sequence[Json]) -> Mapping[Path, str]:
        """Return what is new in the elements' metadata, to be learnt when they are taken.

        Raises:
            RefusedError: A key has a value of another type than before.
        """
        new: dict[Path, str] = {}
        for number, element in enumerate(elements):
            for path, found in _types_of(element.get("metadata"), ("metadata",)):
                known = self._seen.get(path) or new.setdefault(path, found)
                if known != found:
                    raise RefusedError(
                        f"element {number}: {'.'.join(path)} was of type {known} and is {found}",
                        "type_changed",
                    )
        return new

    def learn(self, new: Mapping[Path, str]) -> None:
        """Remember what `check` has returned."""
        self._seen.update(new)


def _types_of(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if value is None:
        return
    yield path, _TYPES[type(value)]
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _types_of(part, (*path, name))
    elif isinstance(value, list):
        for part in value:
            yield from _types_of(part, (*path, _ELEMENT))
