"""The sandbox's own endpoints: received data, faults, and Moesif's data."""

from datetime import timedelta
from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moesif_sandbox.faults import read_faults
from moesif_sandbox.moesif.account import ON_DEMAND, edited, touch
from moesif_sandbox.moesif.collector import seen
from moesif_sandbox.moesif.search import Json
from moesif_sandbox.state import State
from moesif_sandbox.times import zulu
from moesif_sandbox.web import RefusedError, json_response, route

T = TypeVar("T")


class _Touch(msgspec.Struct, forbid_unknown_fields=True):
    users: int = 0
    companies: int = 0
    activity: bool = False


class _Shift(msgspec.Struct, forbid_unknown_fields=True):
    offset_seconds: float


class _Put(msgspec.Struct):
    replace: bool = False
    searchable_after: Annotated[int, msgspec.Meta(ge=ON_DEMAND)] | None = None


class ControlApi:
    """The endpoints under `/sandbox`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            route("GET", "/segment", self._segment),
            route("GET", "/collector", self._collector),
            route("GET", "/moesif", self._moesif),
            route("GET", "/requests", self._requests),
            route("GET", "/faults", self._list_faults),
            route("POST", "/faults", self._add_faults),
            route("DELETE", "/faults", self._clear_faults),
            route("POST", "/touch", self._touch),
            route("POST", "/documents", self._documents),
            route("POST", "/index", self._index),
            route("POST", "/clock", self._shift),
            route("POST", "/reset", self._reset),
        ]

    async def _segment(self, request: Request) -> Response:
        ledger, given = self._state.segment, request.query_params
        lists = {name: getattr(ledger, name) for name in ("accepted", "discarded", "duplicates")}
        answer: Json = {name: getattr(ledger, name) for name in ("requests", "refused", "flagged")}
        answer["counts"] = {name: len(messages) for name, messages in lists.items()}
        limit = given.get("limit", "0")
        if not limit.isdecimal():
            raise RefusedError("limit must be a number", "bad_request")
        if given.get("messages") != "false":
            answer |= {name: messages[-int(limit) :] for name, messages in lists.items()}
        return json_response(answer)

    async def _collector(self, request: Request) -> Response:
        ledger = self._state.collector
        lists = {"accepted": ledger.accepted, "duplicates": ledger.duplicates}
        counts = {name: {k: len(v) for k, v in kinds.items()} for name, kinds in lists.items()}
        answer: Json = {name: getattr(ledger, name) for name in ("requests", "refused")}
        answer |= {"counts": counts, "callers_address": ledger.callers_address, "ids": ledger.ids()}
        is_short = request.query_params.get("elements") == "false"
        return json_response(answer if is_short else answer | lists)

    async def _moesif(self, _request: Request) -> Response:
        return json_response(self._state.account.counts())

    async def _requests(self, _request: Request) -> Response:
        return json_response([*self._state.log.entries])

    async def _list_faults(self, _request: Request) -> Response:
        return json_response(self._state.faults.listed())

    async def _add_faults(self, request: Request) -> Response:
        try:
            self._state.faults.add(read_faults(await request.body()))
        except ValueError as error:
            raise RefusedError(str(error), "bad_fault") from error
        return await self._list_faults(request)

    async def _clear_faults(self, request: Request) -> Response:
        self._state.faults.clear(request.query_params.get("name"))
        return await self._list_faults(request)

    async def _touch(self, request: Request) -> Response:
        wanted = _decoded(await request.body(), _Touch)
        account, now, settings = self._state.account, self._state.clock(), self._state.settings
        change = (lambda old, at: seen(old, {}, at, settings)) if wanted.activity else edited
        users = touch(account.users, wanted.users, now, change)
        companies = touch(account.companies, wanted.companies, now, change)
        return json_response({"users": users, "companies": companies})

    async def _documents(self, request: Request) -> Response:
        account, body = self._state.account, await request.body()
        how, given = _decoded(body, _Put), _decoded(body, Json)
        kinds = {name: raw for name, raw in given.items() if name not in how.__struct_fields__}
        if unknown := kinds.keys() - account.indexes.keys() - account.lists.keys():
            raise RefusedError(f"unknown names: {sorted(unknown)}", "bad_request")
        documents = _decoded(msgspec.json.encode(kinds), dict[str, list[Json] | None])
        for kind, raw in documents.items():
            if raw is not None:
                account.put(kind, raw, how.searchable_after, replace=how.replace)
        return await self._moesif(request)

    async def _index(self, request: Request) -> Response:
        self._state.account.find_all()
        return await self._moesif(request)

    async def _shift(self, request: Request) -> Response:
        wanted, clock = _decoded(await request.body(), _Shift), self._state.clock
        try:
            offset = timedelta(seconds=wanted.offset_seconds)
            now = clock.clock() + offset
        except OverflowError as error:
            raise RefusedError(str(error), "bad_request") from error
        clock.offset = offset
        return json_response({"now": zulu(now)})

    async def _reset(self, request: Request) -> Response:
        self._state.reset()
        return await self._moesif(request)


def _decoded(body: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.DecodeError as error:
        raise RefusedError(str(error), "bad_request") from error
