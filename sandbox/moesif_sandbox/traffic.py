"""Stands between the connection and both services: faults, latency and the log of requests."""

from __future__ import annotations

import asyncio
from email.utils import format_datetime
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from moesif_sandbox.bodies import RefusedError, content
from moesif_sandbox.faults import Answer, Fault, FaultPlan, spoilt

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from moesif_sandbox.request_log import RequestLog

SERVICES = ("/moesif/", "/segment/", "/segment-us/", "/segment-eu/", "/segment-cdn/")
_SEARCHES = "/moesif/api/"
_REFUSED = 400
_CLOSING = {"close_before", "close_after"}


class Traffic:
    """An ASGI app around another: answers, spoils or drops each request to a service."""

    def __init__(
        self,
        app: ASGIApp,
        faults: FaultPlan,
        log: RequestLog,
        clock: Callable[[], datetime],
        latency: float,
    ) -> None:
        """Take the app, what is to go wrong, and how many seconds every answer takes."""
        self._app = app
        self._faults = faults
        self._log = log
        self._clock = clock
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await self._serve(scope, receive, _dated(send, self._clock()))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(SERVICES):
            await self._app(scope, receive, send)
            return
        at, started = self._clock(), perf_counter()
        state = scope.setdefault("state", {})  # where an endpoint says how many records it took
        body = await _whole_body(receive)
        fault = self._faults.take(scope["path"], partial(_readable, scope, body))
        wait = self._latency + (fault.seconds if fault else 0.0)
        if wait:
            await asyncio.sleep(wait)
        answer = None
        if fault is None or fault.takes_effect:
            answer = await self._processed(scope, body)
        answer = self._outcome(scope, fault, answer)
        self._log.add(
            at,
            {
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode("latin-1"),
                "status": answer.status if answer else None,
                "bytes_in": len(body),
                "bytes_out": len(answer.body) if answer else 0,
                "records": state.get("records", 0),
                "milliseconds": round((perf_counter() - started) * 1000, 3),
                "fault": fault.kind if fault else None,
            },
        )
        if answer is None:
            scope["state"]["transport"].abort()
            await _disconnected(receive)
            return
        await _send(answer, send, half=fault is not None and fault.kind == "half_answer")
        if fault is not None and fault.kind == "half_answer":
            scope["state"]["transport"].close()  # what is written goes out first
            await _disconnected(receive)

    def _outcome(self, scope: Scope, fault: Fault | None, answer: Answer | None) -> Answer | None:
        """Return what is sent; None closes the connection."""
        if fault is not None:
            if fault.kind in _CLOSING:
                return None
            earlier = self._faults.pages.earlier(scope["path"], fault.period)
            answer = spoilt(fault, answer or Answer(200, [], b""), earlier)
        if answer is not None and scope["path"].startswith(_SEARCHES) and answer.status < _REFUSED:
            self._faults.pages.remember(scope["path"], answer.body)
        return answer

    async def _processed(self, scope: Scope, body: bytes) -> Answer:
        """Let the app behind answer, and hold its answer back."""
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        start = messages[0]
        headers = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
        content = b"".join(message.get("body", b"") for message in messages[1:])
        return Answer(start["status"], headers, content)


def _dated(send: Send, at: datetime) -> Send:
    """Give every answer the sandbox's own time, as clients that mistrust their clock read it."""
    date = (b"date", format_datetime(at, usegmt=True).encode())

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message["headers"]}
            if b"date" not in names:
                message = {**message, "headers": [*message["headers"], date]}
        await send(message)

    return dated


async def _whole_body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _readable(scope: Scope, body: bytes) -> bytes:
    """Return a request's body unpacked, or as it came where it can't be."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        return content(headers, body)
    except RefusedError:
        return body


async def _send(answer: Answer, send: Send, *, half: bool) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers
        if name.lower() != "content-length"
    ]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = answer.body[: len(answer.body) // 2] if half else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": half})


async def _disconnected(receive: Receive) -> None:
    """Wait for the connection's end, lest the server takes the missing answer for a mistake."""
    while (await receive())["type"] != "http.disconnect":
        pass
