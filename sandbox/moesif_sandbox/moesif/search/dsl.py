"""Reads the parts of a search request: what the sandbox does not know is an error that names it."""

from typing import TypeVar

import msgspec

from moesif_sandbox.web import RefusedError

Json = dict[str, object]
T = TypeVar("T")


class SearchError(RefusedError):
    """The engine refuses the search: why, with its own name for the error, and the status."""

    def __init__(self, detail: str, reason: str = "illegal_argument", status: int = 400) -> None:
        super().__init__(detail, reason, status)


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a request whose fields are all known."""


def read(value: object, wanted: type[T], where: str) -> T:
    """Return a part of a request in the type it must have."""
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise SearchError(f"[{where}] is not understood: {error}") from None


def single_entry(value: object, where: str) -> tuple[str, object]:
    """Return the one key of an object with its value: a query's type, a clause's field."""
    clause = read(value, Json, where)
    if len(clause) != 1:
        raise SearchError(f"[{where}] must have exactly one key, but has {sorted(clause)}")
    return next(iter(clause.items()))
