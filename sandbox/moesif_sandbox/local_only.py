"""Keeps other websites out: only programs and pages of this machine may speak to what is behind.

A browser lets any page send requests to loopback. It says in `Origin` whose page it is, and in
`Host` under which name it found us, which a foreign name server can point here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from moesif_sandbox.answers import error_answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.ASCII | re.IGNORECASE)


class LocalOnly:
    """An ASGI app around another."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        headers = Headers(scope=scope)
        if is_local(headers.get("host"), headers.get("origin")):
            await self._app(scope, receive, send)
            return
        answer = error_answer(403, "not_local", "another website may not speak to the sandbox")
        await answer(scope, receive, send)


def is_local(host: str | None, origin: str | None) -> bool:
    """Say whether a request is from this machine's programs or from a page of our own.

    Args:
        host: Where the client thinks that we are; every browser says it.
        origin: Whose page it is; programs send none.
    """
    if host is None:
        return origin is None
    return _LOOPBACK.fullmatch(host) is not None and origin in {None, f"http://{host}"}
