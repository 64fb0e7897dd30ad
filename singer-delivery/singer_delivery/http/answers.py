"""Answers to requests and reasons for no answer, described without keys or payloads."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.exceptions import TimeoutError as NoAnswerInTimeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NO_ANSWER = 0
"""The status of a request without an answer."""

_CHUNK_BYTES = 1 << 16


class Reply(NamedTuple):
    """A service's answer to one request.

    Attributes:
        status: The HTTP status.
        content: The body, or only its beginning.
        headers: The headers, with case-insensitive names.
    """

    status: int
    content: bytes
    headers: Mapping[str, str]


def read_body(response: requests.Response, max_bytes: int) -> bytearray:
    """Read the body of a response to a request with `stream=True`.

    Args:
        response: The response, which is closed if it is too long.
        max_bytes: The size limit; a longer result means that it was exceeded.

    Raises:
        requests.RequestException: It breaks off, or takes too long.
    """
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            response.close()
            return body
    return body


def status_line(status: int) -> str:
    """Return a status with its standard phrase; the service's own could repeat the payload."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def no_answer_reason(error: Exception, seconds: float, connect_seconds: float | None = None) -> str:
    """Return a short reason for a missing answer.

    The exception's message is not used: it contains the address, which can contain a key.

    Args:
        error: An exception of `requests`, or one of urllib3 that it does not wrap.
        seconds: The timeout.
        connect_seconds: The timeout of the connection; by default the same.
    """
    causes = [*_causes(error)]
    if timeouts := [*filter(_is_timeout, causes)]:
        connecting = any(isinstance(each, ConnectTimeoutError) for each in timeouts)
        limit = (connect_seconds or seconds) if connecting else seconds
        return f"no {'connection' if connecting else 'answer'} within {limit:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed (is the certificate valid, and trusted here?)"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not lead there (see HTTPS_PROXY, HTTP_PROXY and NO_PROXY)"
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the connection was closed before an answer was complete"
    return type(error).__name__


def _is_timeout(cause: BaseException) -> bool:
    if isinstance(cause, NewConnectionError):  # which urllib3 1 counts among the timeouts
        return False
    return isinstance(cause, requests.Timeout | NoAnswerInTimeError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
