"""A raw value as its field's kind wants it; pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tap_moesif.fields import Kind
from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Callable

    Conversion = Callable[[Any], Any]

OWN = frozenset({"metadata", "body"})
"""Where Moesif keeps what the account itself has put there."""

INT64 = range(-(2**63), 2**63)
"""The whole numbers that what reads a record can hold."""


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no string")  # noqa: TRY004, one way to say so
    return value


def _id(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("no id")


def _integer(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value not in INT64:
        raise ValueError("no whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("no number")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")  # noqa: TRY004
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004
    return value


def _any(value: object) -> object:
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("no list")  # noqa: TRY004
    return value


CONVERSIONS: dict[Kind, Conversion] = {
    Kind.ID: _id,
    Kind.REFERENCE: _id,
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.ANY: _any,
    Kind.FREE: _object,
    Kind.LIST: _list,
    Kind.TIME: utc,
}
"""By kind: gives the value converted, or raises ValueError or OverflowError."""

FITTING: dict[Kind, type] = {Kind.STRING: str, Kind.FREE: dict, Kind.LIST: list}
"""By kind, where there is one: the type whose values need no conversion."""


def scrubbing(convert: Conversion, names: frozenset[str]) -> Conversion:
    """Make a conversion that also takes some names out."""
    return lambda value: without(convert(value), names)


def without(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401
    """Give an object or a list without some names, at any depth but in the account's own objects.

    The value itself is left as it is, and is what is given where it holds none of them.
    """
    if not _holds(value, names):
        return value
    top = [value]
    copies: list[Any] = [top]
    while copies:
        copy = copies.pop()
        for key, inner in copy.items() if type(copy) is dict else enumerate(copy):
            if type(inner) is dict and key not in OWN:
                copy[key] = {name: part for name, part in inner.items() if name not in names}
                copies.append(copy[key])
            elif type(inner) is list and key not in OWN:
                copy[key] = [*inner]
                copies.append(copy[key])
    return top[0]


def _holds(value: Any, names: frozenset[str]) -> bool:  # noqa: ANN401
    """Say whether any of the names may occur in a value: quicker than to copy it."""
    unseen = [value]
    for container in unseen:  # which grows meanwhile
        inside = container
        if type(container) is dict:
            if not container.keys().isdisjoint(names):
                return True
            inside = container.values()
        unseen += [inner for inner in inside if type(inner) is dict or type(inner) is list]
    return False
