"""Stands between the connection and both services: faults, latency and the log of requests."""

import asyncio
from email.utils import format_datetime
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moesif_sandbox.faults import Answer, Fault
from moesif_sandbox.log import SERVICES
from moesif_sandbox.state import State
from moesif_sandbox.web import RefusedError, unpacked


class Traffic:
    """An ASGI app around another: answers, spoils or drops each request to a service."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        at, started = self._state.clock(), perf_counter()

        async def dated(message: Message) -> None:
            """Send the sandbox's own time, as clients that mistrust their clock read it."""
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.setdefault("date", format_datetime(at, usegmt=True))
            await send(message)

        if not scope["path"].startswith(tuple(SERVICES)):
            await self._app(scope, receive, dated)
            return
        state = scope.setdefault("state", {})  # where an endpoint says how many records it took
        body = await Request(scope, receive).body()
        fault = self._state.faults.take(scope["path"], lambda: _readable(scope, body))
        answer = await self._answer(scope, body, fault)
        entry = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "status": answer.status if answer else None,
            "bytes_in": len(body),
            "bytes_out": len(answer.body) if answer else 0,
            "records": state.get("records", 0),
            "milliseconds": round((perf_counter() - started) * 1000, 3),
            "fault": fault.kind if fault else None,
        }
        self._state.log.add(at, entry)
        half = fault is not None and fault.kind == "half_answer"
        if answer is not None:
            await _send(answer, dated, half=half)
        if half or answer is None:
            state["transport"].close()  # what is written goes out first
            while (await receive())["type"] != "http.disconnect":
                pass  # or the server takes the missing rest for a mistake

    async def _answer(self, scope: Scope, body: bytes, fault: Fault | None) -> Answer | None:
        """Let the app answer, unless a fault forbids it, and spoil the answer."""
        await asyncio.sleep(self._state.settings.latency + (fault.seconds if fault else 0.0))
        answer, messages = None, list[Message]()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Message) -> None:
            messages.append(message)

        if fault is None or fault.takes_effect:
            await self._app(scope, receive, keep)
            start, *parts = messages
            content = b"".join(part.get("body", b"") for part in parts)
            answer = Answer(start["status"], MutableHeaders(raw=start["headers"]), content)
        return self._state.faults.spoilt(fault, scope["path"], answer)


def _readable(scope: Scope, body: bytes) -> bytes:
    """Return a request's body unpacked, or as it came if it can't be."""
    try:
        return unpacked(Request(scope).headers, body)
    except RefusedError:
        return body


async def _send(answer: Answer, send: Send, *, half: bool) -> None:
    headers = MutableHeaders({**answer.headers, "content-length": str(len(answer.body))})
    await send({"type": "http.response.start", "status": answer.status, "headers": headers.raw})
    body = answer.body[: len(answer.body) // 2] if half else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": half})
