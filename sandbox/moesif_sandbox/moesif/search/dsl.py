"""Parsing of a search request; unsupported parts raise an error that names them."""

from typing import TypeVar

import msgspec

from moesif_sandbox.web import RefusedError

Json = dict[str, object]
T = TypeVar("T")


class SearchError(RefusedError):
    """The engine refuses the search, with its own type of error."""

    def __init__(self, detail: str, reason: str = "illegal_argument", status: int = 400) -> None:
        super().__init__(detail, reason, status)


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a request with known fields only."""


def read(value: object, wanted: type[T], where: str) -> T:
    """Convert a part of a request to its type."""
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise SearchError(f"[{where}] is not supported: {error}") from None


def single_entry(value: object, where: str) -> tuple[str, object]:
    """Return the only key of an object, and its value."""
    clause = read(value, Json, where)
    if len(clause) != 1:
        raise SearchError(f"[{where}] must have exactly one key, but has {sorted(clause)}")
    return next(iter(clause.items()))
