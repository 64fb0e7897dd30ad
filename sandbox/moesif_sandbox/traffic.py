"""Middleware of the services: faults, latency and the log of requests."""

import asyncio
from collections import Counter, deque
from datetime import datetime
from email.utils import format_datetime
from time import perf_counter
from typing import Any, NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moesif_sandbox.faults import Answer, Fault, FaultPlan
from moesif_sandbox.times import ShiftedClock, zulu
from moesif_sandbox.web import RefusedError, unpacked

LOGGED_REQUESTS = 20_000
KEPT_SECONDS = 3_600
_SERVICES = {
    "/moesif/api/": "moesif", "/moesif/collector/": "collector", "/segment/": "segment",
    "/segment-us/": "segment", "/segment-eu/": "segment", "/segment-cdn/": "cdn",
}  # fmt: skip
_REFUSED = 400


class Bar(NamedTuple):
    """Records and failed requests of a service in an interval."""

    records: int = 0
    failed: int = 0


class RequestLog:
    """The newest requests, oldest first, the number of all, and figures for the last hour."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Remove everything."""
        self.entries: deque[dict[str, Any]] = deque(maxlen=LOGGED_REQUESTS)
        self.logged = 0
        self._seconds: dict[int, Counter[tuple[str, str]]] = {}

    def add(self, at: datetime, entry: dict[str, Any]) -> None:
        """Log a request; the clock may have been set back since the last one."""
        self.entries.append({"at": zulu(at), **entry})
        self.logged += 1
        service = next(name for start, name in _SERVICES.items() if entry["path"].startswith(start))
        counts = self._seconds.setdefault(int(at.timestamp()), Counter())
        counts[service, "records"] += entry["records"]
        counts[service, "failed"] += has_failed(entry)
        if len(self._seconds) > KEPT_SECONDS:
            del self._seconds[next(iter(self._seconds))]

    def bars(self, service: str, now: int, width: int, count: int) -> list[Bar]:
        """Return the last `count` intervals of `width` seconds, aligned to it, up to `now`."""
        bars = []
        for number in range(now // width - count + 1, now // width + 1):
            seconds = range(number * width, (number + 1) * width)
            counts = [self._seconds[second] for second in seconds if second in self._seconds]
            bars.append(Bar(*(sum(c[service, what] for c in counts) for what in Bar._fields)))
        return bars


def has_failed(entry: dict[str, Any]) -> bool:
    """Return whether a logged request failed for its client."""
    status = entry["status"]
    return status is None or status >= _REFUSED or entry["fault"] not in {None, "delay"}


class Traffic:
    """ASGI middleware that applies faults and latency, and logs requests."""

    def __init__(
        self, app: ASGIApp, faults: FaultPlan, log: RequestLog, clock: ShiftedClock, latency: float
    ) -> None:
        self._app, self._faults, self._log, self._clock = app, faults, log, clock
        self._latency = latency  # seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        at, started = self._clock(), perf_counter()

        async def dated(message: Message) -> None:
            """Add the sandbox's time as `Date`, which clients may use as their clock."""
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.setdefault("date", format_datetime(at, usegmt=True))
            await send(message)

        if not scope["path"].startswith(tuple(_SERVICES)):
            await self._app(scope, receive, dated)
            return
        state = scope.setdefault("state", {})  # endpoints store their number of records here
        body = await Request(scope, receive).body()
        fault = self._faults.take(scope["path"], lambda: _readable(scope, body))
        await asyncio.sleep(self._latency + (fault.seconds if fault else 0.0))
        answer = await self._answer(scope, body, fault)
        entry = {
            "method": scope["method"], "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "status": answer.status if answer else None, "bytes_in": len(body),
            "bytes_out": len(answer.body) if answer else 0, "records": state.get("records", 0),
            "milliseconds": round((perf_counter() - started) * 1000, 3),
            "fault": fault.kind if fault else None,
        }  # fmt: skip
        self._log.add(at, entry)
        half = fault is not None and fault.kind == "half_answer"
        if answer is not None:
            headers = MutableHeaders({**answer.headers, "content-length": str(len(answer.body))})
            start = {"type": "http.response.start", "status": answer.status}
            await dated({**start, "headers": headers.raw})
            part = answer.body[: len(answer.body) // 2] if half else answer.body
            await dated({"type": "http.response.body", "body": part, "more_body": half})
        if half or answer is None:
            state["transport"].close()  # after sending what was written
            while (await receive())["type"] != "http.disconnect":
                pass  # otherwise the server reports the missing rest as an error

    async def _answer(self, scope: Scope, body: bytes, fault: Fault | None) -> Answer | None:
        """Call the app, unless a fault prevents it, and apply the fault to the response."""
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
        return self._faults.spoilt(fault, scope["path"], answer)


def _readable(scope: Scope, body: bytes) -> bytes:
    """Return a request's body unpacked, or unchanged if that fails."""
    try:
        return unpacked(Request(scope).headers, body)
    except RefusedError:
        return body
