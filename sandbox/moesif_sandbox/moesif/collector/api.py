"""Moesif's Collector API, and the data that it received."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moesif_sandbox.moesif.account import Account
from moesif_sandbox.moesif.collector.rules import KINDS, Kind, check, read
from moesif_sandbox.moesif.collector.writer import Writer
from moesif_sandbox.moesif.search import Json
from moesif_sandbox.settings import Settings
from moesif_sandbox.web import Endpoint, RefusedError, json_response, route, unpacked

_ID_HEADER = "X-Moesif-Application-Id"
_CREATED = 201
# Requested by Moesif's client libraries at their start.
_CONFIG: Json = {"sample_rate": 100, "user_sample_rate": {}, "company_sample_rate": {}}
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean"}  # all else is a number


class CollectorLedger:
    """All requests, and the accepted and duplicate elements by kind, in order of arrival."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Remove everything."""
        self.requests: list[Json] = []  # including refused ones
        self.refused: list[Json] = []  # the refused requests
        self.accepted: dict[str, list[Json]] = {kind.name: [] for kind in KINDS}
        self.duplicates: dict[str, list[Json]] = {kind.name: [] for kind in KINDS}
        self.callers_address: list[str] = []  # events without an IP address
        self._types: dict[str, str] = {}
        self._transactions: set[object] = set()

    def check_types(self, kind: Kind, elements: Sequence[Json]) -> None:
        """Check the types of metadata against earlier ones, and store new ones if all match.

        Moesif, 'User metadata': 'once Moesif has seen a key with one type, a value of another type
        is not accepted'. Nulls are ignored; integers and fractions are both numbers.
        """
        new: dict[str, str] = {}
        for number, element in enumerate(elements):
            for path, found in _types_of(element.get("metadata"), f"{kind.name}.metadata"):
                known = self._types.get(path) or new.setdefault(path, found)
                if known != found:
                    detail = f"element {number}: {path} was of type {known} and is {found}"
                    raise RefusedError(detail, "type_changed")
        self._types |= new

    def receive(self, kind: Kind, elements: Sequence[Json]) -> list[Json]:
        """Record the elements of an accepted request; return those that are not duplicates.

        An action or event with a `transaction_id` seen before is a duplicate.
        """
        fresh = []
        for element in elements:
            transaction = element.get("transaction_id") if kind.is_event else None
            if transaction in self._transactions:
                self.duplicates[kind.name].append(element)
                continue
            if transaction is not None:
                self._transactions.add(transaction)
            fresh.append(element)
        self.accepted[kind.name] += fresh
        return fresh

    def ids(self) -> dict[str, list[object]]:
        """Return the distinct ids of accepted elements, in order of arrival."""
        named = {
            kind.name: [one.get(kind.id_field) for one in self.accepted[kind.name]]
            for kind in KINDS
        }
        return {name: [*filter(None, dict.fromkeys(ids))] for name, ids in named.items()}


def _types_of(value: object, path: str) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield path, _TYPES.get(type(value), "number")
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _types_of(part, f"{path}.{name!r}")  # quoted: names may contain dots
    elif isinstance(value, list):  # all elements of a list must have one type, too
        for part in value:
            yield from _types_of(part, f"{path}[]")


@dataclass
class CollectorApi:
    """The endpoints of the Collector API."""

    account: Account
    ledger: CollectorLedger
    settings: Settings
    clock: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            route("GET", "/config", self._gives(_CONFIG)),
            route("GET", "/rules", self._gives([])),
            *(
                route("POST", f"/{kind.name}{end}", self._takes(kind, batch=bool(end)))
                for kind in KINDS
                for end in ("", "/batch")
            ),
        ]

    def _gives(self, answer: object) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            self._authorise(request)
            return json_response(answer)

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
            return json_response({}, _CREATED)

        return endpoint

    def _authorise(self, request: Request) -> None:
        given = request.headers.get(_ID_HEADER)
        if given != self.settings.application_id:
            what = "is missing" if given is None else "is not a known application id"
            raise RefusedError(f"the header {_ID_HEADER} {what}", "bad_application_id", 401)

    def _take(self, kind: Kind, elements: list[Json], caller: str) -> None:
        """Accept all elements of a request, or none."""
        at = self.clock()
        for number, element in enumerate(elements):
            check(kind, element, f"element {number}", at, self.settings)
        self.ledger.check_types(kind, elements)
        fresh = self.ledger.receive(kind, elements)
        writer = Writer(self.account, self.settings, at)
        self.ledger.callers_address += writer.write(kind, fresh, caller)
