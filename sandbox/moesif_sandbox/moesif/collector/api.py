"""Moesif's collector API over HTTP, the writing half, and what it was sent."""

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
from moesif_sandbox.web import Endpoint, RefusedError, json_answer, route, unpacked

_ID_HEADER = "X-Moesif-Application-Id"
_CREATED = 201
# What Moesif's client libraries ask for at their start.
_CONFIG: Json = {"sample_rate": 100, "user_sample_rate": {}, "company_sample_rate": {}}
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean"}  # all else is a number


class CollectorLedger:
    """Every request, and the elements that were taken or dropped, by kind and as they came."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.requests: list[Json] = []  # also those that were refused
        self.refused: list[Json] = []  # of these requests; nothing of them is taken
        self.accepted: dict[str, list[Json]] = {kind.name: [] for kind in KINDS}
        self.duplicates: dict[str, list[Json]] = {kind.name: [] for kind in KINDS}
        self.callers_address: list[str] = []  # events that named no address
        self._types: dict[str, str] = {}
        self._transactions: set[object] = set()

    def learn_types(self, kind: Kind, elements: Sequence[Json]) -> None:
        """Remember the types of the elements' metadata, or none if one differs from before.

        Moesif, 'User metadata': 'once Moesif has seen a key with one type, a value of another type
        is not accepted'. Null is no type; whole numbers and fractions are both numbers.
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
        """Record the elements of a request that was taken; return those that are no repeats.

        A `transaction_id` that came before, in an action or in an event, is a repeat.
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
        """Return the ids of what was accepted, each once, in the order in which they came."""
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
            yield from _types_of(part, f"{path}.{name!r}")  # quoted: a name may hold a dot
    elif isinstance(value, list):  # all elements of a list are of one type, too
        for part in value:
            yield from _types_of(part, f"{path}[]")


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
            *(
                route("POST", f"/{kind.name}{end}", self._takes(kind, batch=bool(end)))
                for kind in KINDS
                for end in ("", "/batch")
            ),
        ]

    def _gives(self, answer: object) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            self._authorise(request)
            return json_answer(answer)

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
            return json_answer({}, _CREATED)

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
