"""A raw value as its field's kind wants it; pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tap_moesif.fields import Kind
from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = frozenset({"metadata", "body"})
"""Where Moesif keeps what the account itself has put there."""

INT64 = range(-(2**63), 2**63)
"""The whole numbers that what reads a record can hold."""


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no string")  # noqa: TRY004, one way to say so
    return value


def _id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError("no id")
    return value


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


CONVERSIONS: dict[Kind, Callable[[Any], Any]] = {
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

FITTING: dict[Kind, type] = {
    Kind.ID: str,
    Kind.REFERENCE: str,
    Kind.STRING: str,
    Kind.FREE: dict,
    Kind.LIST: list,
}
"""By kind, where there is one: the type whose values, but empty ones, need no conversion."""


def without(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401
    """Give a value without some names, at any depth but inside the account's own objects.

    The value itself is left as it is, and is what is given where it holds none of them.
    """
    if not _holds(value, names):
        return value
    top = [value]
    copies: list[Any] = [top]
    while copies:
        copy = copies.pop()
        for key, inner in copy.items() if isinstance(copy, dict) else enumerate(copy):
            if isinstance(inner, dict | list) and key not in OWN:
                copy[key] = _copy(inner, names)
                copies.append(copy[key])
    return top[0]


def _copy(value: dict[str, Any] | list[Any], names: frozenset[str]) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [*value]
    return {name: inner for name, inner in value.items() if name not in names}


def _holds(value: object, names: frozenset[str]) -> bool:
    """Say whether any of the names may occur in a value, which is cheaper than to copy it."""
    unseen = [value]
    for part in unseen:  # which grows meanwhile
        if isinstance(part, dict):
            if not names.isdisjoint(part):
                return True
            unseen += [inner for inner in part.values() if isinstance(inner, dict | list)]
        elif isinstance(part, list):
            unseen += [inner for inner in part if isinstance(inner, dict | list)]
    return False
