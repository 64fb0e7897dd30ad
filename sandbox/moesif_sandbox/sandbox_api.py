"""The sandbox's own endpoints: what arrived, what is to go wrong, which data there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from starlette.routing import Route

from moesif_sandbox.answers import error_answer, json_answer
from moesif_sandbox.faults import FaultPlan, read_faults
from moesif_sandbox.store import Store, documents_of, touch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from moesif_sandbox.moesif_dsl import Json
    from moesif_sandbox.traffic import RequestLog

_USER_IDS = ("user_id", "identified_user_id")


class Touch(msgspec.Struct, forbid_unknown_fields=True):
    """How many documents to change."""

    users: int = 0
    companies: int = 0


class Documents(msgspec.Struct, forbid_unknown_fields=True):
    """Raw documents to put beside those that are there, or in their place."""

    users: list[dict[str, object]] | None = None
    companies: list[dict[str, object]] | None = None
    events: list[dict[str, object]] | None = None
    replace: bool = False


@dataclass
class SandboxApi:
    """The endpoints, with what they look into."""

    store: Store
    faults: FaultPlan
    log: RequestLog
    clock: Callable[[], datetime]

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
            "refused": ledger.refused(),
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

    async def _clear_faults(self, _request: Request) -> Response:
        self.faults.clear()
        return json_answer([])

    async def _touch(self, request: Request) -> Response:
        try:
            wanted = msgspec.json.decode(await request.body(), type=Touch)
        except msgspec.DecodeError as error:
            return error_answer(400, "bad_request", str(error))
        now = self.clock()
        return json_answer(
            {
                "users": touch(self.store.users, wanted.users, now),
                "companies": touch(self.store.companies, wanted.companies, now),
            }
        )

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
                index.put(documents_of(raw, id_fields))
        return json_answer(self.store.counts())

    async def _reset(self, _request: Request) -> Response:
        self.store.reset()
        self.faults.reset()
        self.log.entries.clear()
        return json_answer(self.store.counts())
