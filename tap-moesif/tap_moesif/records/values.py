"""Conversion of a raw value to its field's kind; pure."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.records.fields import Kind
from tap_moesif.records.times import utc

if TYPE_CHECKING:
    from collections.abc import Callable

    Conversion = Callable[[Any], Any]

USER_DEFINED = frozenset({"metadata", "body"})
"""Raw names of objects whose content is the account's own."""

MAX_SHARED = 1_000
"""Number of shared objects in the cache."""

INT64 = range(-(2**63), 2**63)
"""64-bit integers, which every target can read."""

_decode = msgspec.json.Decoder().decode


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004, the one error of conversions
    return value


def _id(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("not an id")


def _integer(value: object) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value not in INT64:
        raise ValueError("not an integer")
    return value


def _number(value: object) -> float:
    if (type(value) is not float and type(value) is not int) or not math.isfinite(value):
        raise ValueError("not a number")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")  # noqa: TRY004
    return value


def _object(value: object) -> dict[str, Any] | msgspec.Raw:
    if not isinstance(value, dict | msgspec.Raw):
        raise ValueError("not an object")  # noqa: TRY004
    return value


def _any(value: object) -> object:
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004
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
"""Conversions by kind; each raises ValueError or OverflowError if a value has another type."""

EXACT_TYPES: dict[Kind, type] = {Kind.STRING: str, Kind.FREE: dict, Kind.LIST: list}
"""By kind, the type whose values need no conversion."""


def shared(convert: Conversion) -> Conversion:
    """Return a conversion that caches the results for encoded objects."""
    encode = msgspec.json.Encoder().encode

    @lru_cache(MAX_SHARED)
    def once(content: bytes) -> msgspec.Raw:
        return msgspec.Raw(encode(convert(_decode(content))))

    return lambda value: once(bytes(value)) if type(value) is msgspec.Raw else convert(value)


def scrubber(names: frozenset[str]) -> Conversion:
    """Return a function that removes some names from an object or list, at any depth.

    Objects with the account's own content are not searched. The value, which may be encoded, is
    not changed: the result is a copy, or the value itself if it contains none of the names.
    """
    if not names:
        return _any
    mentioned = re.compile("|".join(map(re.escape, sorted(names))).encode()).search
    encode = msgspec.json.Encoder().encode

    def scrub(value: Any) -> Any:  # noqa: ANN401
        try:  # encoding and searching the JSON is faster than walking the objects
            if mentioned(encode(value)) is None:
                return value
        except (UnicodeEncodeError, RecursionError):  # a lone surrogate, or nested too deeply
            pass
        return _without(_decode(value) if type(value) is msgspec.Raw else value, names)

    return scrub


def _without(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401
    top = [value]
    copies: list[Any] = [top]
    while copies:
        copy = copies.pop()
        for key, inner in copy.items() if isinstance(copy, dict) else enumerate(copy):
            if isinstance(inner, dict | list) and key not in USER_DEFINED:
                copy[key] = (
                    [*inner]
                    if isinstance(inner, list)
                    else {name: part for name, part in inner.items() if name not in names}
                )
                copies.append(copy[key])
    return top[0]
