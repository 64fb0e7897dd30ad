"""Reads the JSON of a search request strictly: what is not understood is an error that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

Json = dict[str, object]


class SearchError(Exception):
    """The request can't be carried out; the message says which part of it and why (HTTP 400)."""


def as_object(value: object, where: str) -> Json:
    """Return `value` as a JSON object."""
    if not isinstance(value, dict):
        raise SearchError(f"[{where}] must be an object, but is {shown(value)}")
    return value


def as_list(value: object) -> list[object]:
    """Return a list as it is and anything else as a list of one, as the engine reads clauses."""
    return value if isinstance(value, list) else [value]


def as_string(value: object, where: str) -> str:
    """Return `value` as a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise SearchError(f"[{where}] must be a string, but is {shown(value)}")
    return value


def as_boolean(value: object, where: str) -> bool:
    """Return `value` as a boolean."""
    if not isinstance(value, bool):
        raise SearchError(f"[{where}] must be true or false, but is {shown(value)}")
    return value


def as_integer(value: object, where: str, least: int, most: int) -> int:
    """Return `value` as an integer within its bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise SearchError(f"[{where}] must be an integer, but is {shown(value)}")
    if not least <= value <= most:
        raise SearchError(f"[{where}] must be from {least} to {most}, but is {value}")
    return value


def as_number(value: object, where: str) -> float:
    """Return `value` as a number; the engine takes strings of digits as well."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    try:
        return float(as_string(value, where))
    except ValueError:
        raise SearchError(f"[{where}] must be a number, but is {shown(value)}") from None


def as_choice(value: object, where: str, choices: Collection[str]) -> str:
    """Return `value` as one of the words that are allowed here."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(sorted(choices))
        raise SearchError(f"[{where}] must be one of {listed}, but is {shown(value)}")
    return value


def only_keys(clause: Json, allowed: Collection[str], where: str) -> Json:
    """Refuse keys that the sandbox does not know, lest they be ignored in silence."""
    unknown = [key for key in clause if key not in allowed]
    if unknown:
        listed = ", ".join(sorted(allowed))
        raise SearchError(f"[{where}] does not understand [{unknown[0]}]; it knows {listed}")
    return clause


def single_entry(value: object, where: str) -> tuple[str, object]:
    """Return the one key of an object with its value: a query's type, a clause's field."""
    clause = as_object(value, where)
    if len(clause) != 1:
        raise SearchError(f"[{where}] must have exactly one key, but has {sorted(clause)}")
    return next(iter(clause.items()))


def shown(value: object) -> str:
    """Return a short form of a value for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - fits on a line
