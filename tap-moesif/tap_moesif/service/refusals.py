"""Error responses: the exception for a status and body; pure.

Moesif does not document the body of an error; its search engine writes JSON with types and
reasons. Messages contain only a type and the names of fields in our query, because a reason can
quote a document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from typing_extensions import override

from singer_delivery.http import http_date, retry_after
from tap_moesif.service.errors import (
    ForbiddenError,
    NoOrderByIdError,
    NotFoundError,
    RateLimitError,
    RejectedQueryError,
    ServerError,
    TooLargeError,
    UnexpectedStatusError,
)
from tap_moesif.service.queries import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_moesif.errors import MoesifError
    from tap_moesif.service.request import Request

RATE_WINDOW_SECONDS = 60
"""Moesif counts its 500 queries by calendar minute ("Management API", "Rate limits")."""

READ_BYTES = 100_000
"""Bytes of an error's body that are read."""

_TYPE = re.compile(r"[a-z]+(_[a-z]+)*_exception")
_TOO_MUCH = re.compile(
    # a circuit breaker; a limit of buckets; `max_result_window`
    r"circuit_breaking_exception|data too large|too_many_buckets_exception|"
    r"too many buckets|result window is too large",
    re.IGNORECASE,
)
_NO_ORDER_BY_ID = re.compile(r"fielddata access on the _id field", re.IGNORECASE)


class Reason(NamedTuple):
    """The search engine's description of an error.

    Attributes:
        types: Its types, the most specific last.
        text: Its reasons, which may quote a document.
    """

    types: tuple[str, ...] = ()
    text: str = ""

    @override
    def __str__(self) -> str:
        """Return what may be shown: a type and the fields concerned."""
        fields = [field for field in FIELDS if f"[{field}]" in self.text]
        about = f" about {', '.join(fields)}" if fields else ""
        return f" ({self.types[-1]}{about})" if self.types else ""

    @property
    def is_size(self) -> bool:
        """Whether the error is about the size of the request."""
        return bool(_TOO_MUCH.search(f"{' '.join(self.types)} {self.text}"))


def read_reason(content: bytes | bytearray) -> Reason:
    """Read the body of an error; return an empty reason if its form is unknown."""
    try:
        return reason_in(msgspec.json.decode(content[:READ_BYTES]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reason()


def reason_in(value: Any) -> Reason:  # noqa: ANN401, JSON
    """Collect the types and reasons in an error, at any depth."""
    found = [*_strings(value)]
    types = [text for name, text in found if name == "type" and _TYPE.fullmatch(text)]
    return Reason(tuple(types), " ".join(text for _, text in found))


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, name)


def error_of(
    status: int,
    headers: Mapping[str, str],
    content: bytes | bytearray,
    request: Request,
    host: str,
    wall: float,
) -> MoesifError:
    """Return the exception for a response other than 2xx.

    Args:
        status: The HTTP status.
        headers: The response's headers.
        content: The response's body.
        request: The request.
        host: The API's host.
        wall: This machine's clock, in seconds since the epoch.
    """
    path, required = request.path, request.required
    now = http_date(headers.get("Date")) or wall
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ForbiddenError(
            path=path,
            status=status,
            scope=required.scope,
            stream=required.stream,
            remedy=required.remedy,
        )
    reason = read_reason(content)
    what: dict[str, Any] = {"path": path, "status": status, "reason": reason}
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or reason.is_size:
        transient = status == HTTPStatus.TOO_MANY_REQUESTS or status >= _SERVER_ERROR
        return TooLargeError(**what, transient=transient)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(status, headers, now)
        return RateLimitError(
            wait=RATE_WINDOW_SECONDS - now % RATE_WINDOW_SECONDS if wait is None else wait
        )
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= _SERVER_ERROR:
        return ServerError(**what, host=host, wait=retry_after(status, headers, now))
    return _final(status, what, reason, request.required.remedy, host)


_SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR


def _final(
    status: int, what: dict[str, Any], reason: Reason, remedy: str, host: str
) -> MoesifError:
    """Return the exception for a response that a retry would not change."""
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(**what, host=host)
    if status != HTTPStatus.BAD_REQUEST:
        return UnexpectedStatusError(**what, host=host)
    if _NO_ORDER_BY_ID.search(reason.text):
        return NoOrderByIdError(**what)
    return RejectedQueryError(**what, remedy=remedy)
