"""Moesif's collector API over HTTP: the writing half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.routing import Route

from moesif_sandbox.answers import error_answer, json_answer
from moesif_sandbox.bodies import RefusedError, content
from moesif_sandbox.moesif_collector import KINDS, check, read
from moesif_sandbox.moesif_writer import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from moesif_sandbox.moesif_collector import Kind
    from moesif_sandbox.moesif_dsl import Json
    from moesif_sandbox.moesif_profiles import Readings
    from moesif_sandbox.store import Store

    Endpoint = Callable[[Request], Awaitable[Response]]

_ID_HEADER = "X-Moesif-Application-Id"
_CREATED = 201
_CONFIG: Json = {"sample_rate": 100, "user_sample_rate": {}, "company_sample_rate": {}}
# Moesif's client libraries compare it with the one of the configuration that they have.
_CONFIG_TAG = ("X-Moesif-Config-ETag", "sandbox")


@dataclass
class CollectorApi:
    """The endpoints, with what they need."""

    store: Store
    application_id: str
    readings: Readings
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def routes(self) -> list[Route]:
        """Return the endpoints; config and rules are what the client libraries ask for."""
        return [
            *(
                Route(f"/{kind.name}{end}", self._receiver(kind, bool(end)), methods=["POST"])
                for kind in KINDS
                for end in ("", "/batch")
            ),
            Route("/config", self._giver(_CONFIG), methods=["GET"]),
            Route("/rules", self._giver([]), methods=["GET"]),
        ]

    def _receiver(self, kind: Kind, batch: bool) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            at, sent = self.clock(), await request.body()
            entry: Json = {"path": request.url.path, "bytes_sent": len(sent), "status": _CREATED}
            self.store.collector.requests.append(entry)
            try:
                self._authorise(request)
                body = content(request.headers, sent)
                entry["bytes"] = len(body)
                elements = read(kind, body, len(sent), batch=batch)
                entry["elements"] = len(elements)
                caller = request.client.host if request.client else ""
                self._take(kind, elements, caller, at)
                request.state.records = len(elements)
            except RefusedError as error:
                entry |= {"status": error.status, "reason": error.reason, "detail": str(error)}
                self.store.collector.refused.append(entry)
                return error_answer(error.status, error.reason, str(error))
            return _tagged(json_answer({}, _CREATED))

        return endpoint

    def _giver(self, answer: object) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                self._authorise(request)
            except RefusedError as error:
                return error_answer(error.status, error.reason, str(error))
            return _tagged(json_answer(answer))

        return endpoint

    def _authorise(self, request: Request) -> None:
        given = request.headers.get(_ID_HEADER)
        if given != self.application_id:
            what = "is missing" if given is None else "holds no application id that is known"
            raise RefusedError(f"the header {_ID_HEADER} {what}", "bad_application_id", 401)

    def _take(self, kind: Kind, elements: list[Json], caller: str, at: datetime) -> None:
        """Take all elements of a request, or none.

        Raises:
            RefusedError: One of them breaks a rule.
        """
        ledger = self.store.collector
        check(kind, elements, at, self.readings)
        new_types = ledger.types[kind.name].check(elements)
        ledger.types[kind.name].learn(new_types)
        fresh = ledger.receive(kind, elements)
        Writer(self.store, self.readings, self.new_id).write(kind, fresh, caller, at)


def _tagged(response: Response) -> Response:
    name, value = _CONFIG_TAG
    response.headers[name] = value
    return response
