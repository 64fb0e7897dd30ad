"""Moesif's collector API over HTTP: the writing half."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moesif_sandbox.moesif.account import Account
from moesif_sandbox.moesif.collector.ledger import CollectorLedger
from moesif_sandbox.moesif.collector.rules import KINDS, Kind, check, read
from moesif_sandbox.moesif.collector.writer import Writer
from moesif_sandbox.moesif.search import Json
from moesif_sandbox.settings import Settings
from moesif_sandbox.web import Endpoint, RefusedError, json_answer, route, unpacked

_ID_HEADER = "X-Moesif-Application-Id"
_CREATED = 201
# What Moesif's client libraries ask for at their start, with the tag that they compare.
_CONFIG: Json = {"sample_rate": 100, "user_sample_rate": {}, "company_sample_rate": {}}
_CONFIG_TAG = ("X-Moesif-Config-ETag", "sandbox")


@dataclass
class CollectorApi:
    """The endpoints, with what they need."""

    account: Account
    ledger: CollectorLedger
    settings: Settings
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            route("GET", "/config", self._gives(_CONFIG)),
            route("GET", "/rules", self._gives([])),
            *(route("POST", f"/{kind.name}", self._takes(kind, batch=False)) for kind in KINDS),
            *(
                route("POST", f"/{kind.name}/batch", self._takes(kind, batch=True))
                for kind in KINDS
            ),
        ]

    def _gives(self, answer: object) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            self._authorise(request)
            return _tagged(json_answer(answer))

        return endpoint

    def _takes(self, kind: Kind, *, batch: bool) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            sent = await request.body()
            entry: Json = {"path": request.url.path, "bytes_sent": len(sent), "status": _CREATED}
            self.ledger.requests.append(entry)
            try:
                self._authorise(request)
                body = unpacked(request.headers, sent)
                entry["bytes"] = len(body)
                elements = read(kind, body, len(sent), batch=batch)
                entry["elements"] = len(elements)
                self._take(kind, elements, request.client.host if request.client else "")
            except RefusedError as error:
                entry |= {"status": error.status, "reason": error.reason, "detail": str(error)}
                self.ledger.refused.append(entry)
                raise
            request.state.records = len(elements)
            return _tagged(json_answer({}, _CREATED))

        return endpoint

    def _authorise(self, request: Request) -> None:
        given = request.headers.get(_ID_HEADER)
        if given != self.settings.application_id:
            what = "is missing" if given is None else "holds no application id that is known"
            raise RefusedError(f"the header {_ID_HEADER} {what}", "bad_application_id", 401)

    def _take(self, kind: Kind, elements: list[Json], caller: str) -> None:
        """Take all elements of a request, or none."""
        at = self.clock()
        for number, element in enumerate(elements):
            check(kind, element, f"element {number}", at, self.settings)
        self.ledger.learn_types(kind, elements)
        fresh = self.ledger.receive(kind, elements)
        writer = Writer(self.account, self.settings, at)
        self.ledger.callers_address += writer.write(kind, fresh, caller)


def _tagged(response: Response) -> Response:
    response.headers.append(*_CONFIG_TAG)
    return response
