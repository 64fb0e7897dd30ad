"""The sandbox's own endpoints: what arrived, what is to go wrong, which data there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from starlette.routing import Route

from moesif_sandbox.answers import error_answer, json_answer
from moesif_sandbox.faults import FaultPlan, read_faults
from moesif_sandbox.moesif_profiles import Readings, seen
from moesif_sandbox.segment_times import show_time
from moesif_sandbox.store import ON_DEMAND, Store, documents_of, edited, touch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from moesif_sandbox.clock import ShiftedClock
    from moesif_sandbox.moesif_dsl import Json
    from moesif_sandbox.moesif_index import Document, Index
    from moesif_sandbox.request_log import RequestLog

_USER_IDS = ("user_id", "identified_user_id")


class Touch(msgspec.Struct, forbid_unknown_fields=True):
    """How many documents to change, and how: by an edit, or by activity on the API."""

    users: int = 0
    companies: int = 0
    activity: bool = False


class Documents(msgspec.Struct, forbid_unknown_fields=True):
    """Raw documents to put beside those that are there, or in their place."""

    users: list[dict[str, object]] | None = None
    companies: list[dict[str, object]] | None = None
    events: list[dict[str, object]] | None = None
    cohorts: list[dict[str, object]] | None = None
    replace: bool = False
    searchable_after: int | None = None  # searches of their kind; -1: when `/index` says so

    def __post_init__(self) -> None:
        """Refuse what can only be a slip."""
        if self.searchable_after is not None and self.searchable_after < ON_DEMAND:
            raise ValueError("searchable_after is a number of searches, or -1")


class Shift(msgspec.Struct, forbid_unknown_fields=True):
    """How far the sandbox's clock is off."""

    offset_seconds: float


@dataclass
class SandboxApi:
    """The endpoints, with what they look into."""

    store: Store
    faults: FaultPlan
    log: RequestLog
    clock: ShiftedClock
    readings: Readings
    _first_offset: timedelta = field(init=False)

    def __post_init__(self) -> None:
        """Remember to which offset `reset` returns."""
        self._first_offset = self.clock.offset

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/segment", self._segment, methods=["GET"]),
            Route("/collector", self._collector, methods=["GET"]),
            Route("/moesif", self._moesif, methods=["GET"]),
            Route("/requests", self._requests, methods=["GET"]),
            Route("/faults", self._list_faults, methods=["GET"]),
            Route("/faults", self._add_faults, methods=["POST"]),
            Route("/faults", self._clear_faults, methods=["DELETE"]),
            Route("/touch", self._touch, methods=["POST"]),
            Route("/documents", self._documents, methods=["POST"]),
            Route("/index", self._index, methods=["POST"]),
            Route("/clock", self._shift, methods=["POST"]),
            Route("/reset", self._reset, methods=["POST"]),
        ]

    async def _segment(self, request: Request) -> Response:
        ledger = self.store.segment
        lists: dict[str, Sequence[object]] = {
            "accepted": ledger.accepted,
            "discarded": [{"reason": reason, "message": m} for reason, m in ledger.discarded],
            "duplicates": ledger.duplicates,
        }
        answer: Json = {
            "requests": ledger.requests,
            "refused": ledger.refused,
            "flagged": [
                {"reason": reason, "messageId": m["messageId"]} for reason, m in ledger.flagged
            ],
            "counts": {name: len(messages) for name, messages in lists.items()},
        }
        limit = request.query_params.get("limit", "0")
        if not limit.isdecimal():
            return error_answer(400, "bad_request", "limit must be a number")
        if request.query_params.get("messages") != "false":
            answer |= {name: messages[-int(limit) :] for name, messages in lists.items()}
        return json_answer(answer)

    async def _collector(self, request: Request) -> Response:
        ledger = self.store.collector
        answer: Json = {
            "requests": ledger.requests,
            "refused": ledger.refused,
            "counts": {
                "accepted": {name: len(taken) for name, taken in ledger.accepted.items()},
                "duplicates": {name: len(taken) for name, taken in ledger.duplicates.items()},
            },
            "callers_address": ledger.callers_address,
            "ids": ledger.ids(),
        }
        if request.query_params.get("elements") != "false":
            answer |= {"accepted": ledger.accepted, "duplicates": ledger.duplicates}
        return json_answer(answer)

    async def _moesif(self, _request: Request) -> Response:
        return json_answer(self.store.counts())

    async def _requests(self, _request: Request) -> Response:
        return json_answer(list(self.log.entries))

    async def _list_faults(self, _request: Request) -> Response:
        return json_answer(self.faults.listed())

    async def _add_faults(self, request: Request) -> Response:
        try:
            self.faults.add(read_faults(await request.body()))
        except ValueError as error:
            return error_answer(400, "bad_fault", str(error))
        return json_answer(self.faults.listed())

    async def _clear_faults(self, request: Request) -> Response:
        self.faults.clear(request.query_params.get("name"))
        return json_answer(self.faults.listed())

    async def _touch(self, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=Touch)
        except msgspec.DecodeError as error:
            return error_answer(400, "bad_request", str(error))
        now = self.clock()
        change = self._active if wanted.activity else edited
        return json_answer(
            {
                "users": touch(self.store.users, wanted.users, now, change),
                "companies": touch(self.store.companies, wanted.companies, now, change),
            }
        )

    def _active(self, source: Json, at: datetime) -> Json:
        return seen(source, at, at, self.readings)

    async def _documents(self, request: Request) -> Response:
        try:
            given = msgspec.json.decode(await request.body(), type=Documents)
        except msgspec.DecodeError as error:
            return error_answer(400, "bad_request", str(error))
        kinds = (
            (self.store.users, given.users, _USER_IDS),
            (self.store.companies, given.companies, ("company_id",)),
            (self.store.events, given.events, ()),
        )
        for index, raw, id_fields in kinds:
            if raw is not None:
                if given.replace:
                    index.clear()
                self._put(index, documents_of(raw, id_fields), given.searchable_after)
        if given.cohorts is not None:
            self.store.cohorts = [*([] if given.replace else self.store.cohorts), *given.cohorts]
        return json_answer(self.store.counts())

    def _put(self, index: Index, documents: list[Document], searches: int | None) -> None:
        if searches is None:
            index.put(documents)
        else:
            self.store.put_late(index, documents, searches)

    async def _index(self, _request: Request) -> Response:
        self.store.find_all()
        return json_answer(self.store.counts())

    async def _shift(self, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=Shift)
            offset = timedelta(seconds=wanted.offset_seconds)
            now = self.clock.clock() + offset
        except (msgspec.DecodeError, OverflowError) as error:
            return error_answer(400, "bad_request", str(error))
        self.clock.offset = offset
        return json_answer({"now": show_time(now)})

    async def _reset(self, _request: Request) -> Response:
        self.reset()
        return json_answer(self.store.counts())

    def reset(self) -> None:
        """Return everything to the start."""
        self.store.reset()
        self.clock.offset = self._first_offset
        self.faults.reset()
        self.log.clear()
