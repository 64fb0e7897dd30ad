"""Shared by all endpoints: JSON responses, unpacked bodies, and protection from other websites."""

import gzip
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.ASCII | re.IGNORECASE)


class RefusedError(Exception):
    """A request is refused; with the reason in words and as a code, and the status."""

    def __init__(self, detail: str, reason: str = "not_readable", status: int = 400) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status


def json_response(content: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


def error_response(status: int, kind: str, reason: str) -> Response:
    """Return an error in the search engine's form, because Moesif does not document its own."""
    cause = {"type": kind, "reason": reason}
    return json_response({"error": {"root_cause": [cause], **cause}, "status": status}, status)


def route(method: str, path: str, endpoint: Endpoint) -> Route:
    """Return a route that converts a `RefusedError` to a response."""

    async def refusing(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RefusedError as error:
            return error_response(error.status, error.reason, str(error))

    return Route(path, refusing, methods=[method])


def unpacked(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request's JSON body, unpacked according to its headers."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", "identity").lower()
    if kind != "application/json" or encoding not in {"gzip", "identity"}:
        raise RefusedError(f"the body must be JSON or its gzip, but is [{kind}] [{encoding}]")
    try:
        return gzip.decompress(body) if encoding == "gzip" else body
    except (OSError, EOFError, zlib.error) as error:
        raise RefusedError(f"the body is not gzip: {error}") from error


class LocalOnly:
    """ASGI middleware that accepts only local programs and the sandbox's own page.

    A browser allows any page to send requests to loopback. `Origin` is that page, and `Host` is the
    name that the browser resolved, which a foreign name server can point to loopback.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        headers, app = Headers(scope=scope), self._app
        if not is_local(headers.get("host"), headers.get("origin")):
            app = error_response(403, "not_local", "another website may not use the sandbox")
        await app(scope, receive, send)


def is_local(host: str | None, origin: str | None) -> bool:
    """Return whether these headers are from a local program or the sandbox's page."""
    if host is None:
        return origin is None
    return _LOOPBACK.fullmatch(host) is not None and origin in {None, f"http://{host}"}
