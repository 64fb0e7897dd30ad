"""A Moesif account in this process: documents that a test changes while a sync reads them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from moesif_sandbox.moesif.search import Document, Index, SearchError, search
from moesif_sandbox.settings import Settings
from scripted import Reply, Request, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Account(ScriptedService):
    """Answers searches from documents, on a clock of its own.

    Attributes:
        now: What Moesif's clock shows; it goes on with each request by a second.
        meanwhile: Called with the number of each search for users, before it is answered.
        spoil: Makes another answer of a search's answer.
        searches: How many pages of users were searched for; the last user of all is no page.
        whole_sources: Whether documents are answered whole, whatever `_source` says.
        lists: What is answered to a GET, by path.
        replies: The whole answers to GETs, by path.
        dated: Whether answers say in their `Date` what the clock shows.
        limits: What the search engine refuses.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.now = NOON
        self.meanwhile: Callable[[int], None] = lambda _: None
        self.spoil: Callable[[Request, dict[str, Any]], Any] = lambda _, answer: answer
        self.searches = 0
        self.dated = True
        self.limits = Settings()
        self.whole_sources = False
        self.lists: dict[str, Any] = {}
        self.replies: dict[str, Reply] = {}
        self._index = {
            "users": Index(),
            "companies": Index(),
            "events": Index(),
        }

    def user(self, id_: str, **document: Any) -> None:
        """Write a user; times may be given as the age they have now."""
        self._put("users", id_, **{"user_id": id_, **document})

    def holding(self, documents: Sequence[dict[str, Any]]) -> Account:
        """Write users as they are, known by the `user_id` that they have; give the account."""
        for number, document in enumerate(documents, 1):
            self._put("users", document.get("user_id") or f"id_{number}", **document)
        return self

    def company(self, id_: str, **document: Any) -> None:
        self._put("companies", id_, company_id=id_, **document)

    def call(self, user_id: str, ago: timedelta, **event: Any) -> None:
        """Write an API call."""
        index = self._index["events"]
        request = {"time": self.time(ago), "uri": "https://x/a", "route": "/a"}
        self._put("events", f"e{len(index):06d}", user_id=user_id, request=request, **event)

    def put_event(self, id_: str, **event: Any) -> None:
        """Write an event."""
        self._put("events", id_, **event)

    def time(self, ago: timedelta) -> str:
        """Write a time as Moesif does: without a zone."""
        return (self.now - ago).replace(tzinfo=None).isoformat(timespec="milliseconds")

    def asked(self, path: str) -> list[Any]:
        """Give the bodies of the searches of one kind."""
        return [r.json for r in self.requests if urlsplit(r.path).path.endswith(f"/{path}")]

    def refuse(self, reply: Reply, path: str = "/", having: bytes = b"") -> None:
        """Give this reply to each search whose path and body hold these."""
        self.spoil = lambda request, answer: (
            reply if path in request.path and having in request.body else answer
        )

    def break_off(self, search: int) -> None:
        """Refuse the search for users of some number, from 1, and those behind."""
        self.spoil = lambda request, answer: (
            Reply(400) if "/users" in request.path and self.searches >= search else answer
        )

    def recover(self) -> None:
        """Answer everything again."""
        self.spoil = lambda _, answer: answer

    def _put(self, kind: str, id_: str, **document: Any) -> None:
        source = {
            name: self.time(value) if isinstance(value, timedelta) else value
            for name, value in document.items()
        }
        self._index[kind].put([Document(id_, source)])

    def _answer(self, request: Request) -> Reply:
        self.now += timedelta(seconds=1)
        headers = {"Date": format_datetime(self.now, usegmt=True) if self.dated else "today"}
        path = urlsplit(request.path).path
        if request.method == "GET":
            return self.replies.get(path) or Reply(200, self.lists.get(path, []), headers)
        url = urlsplit(request.path)
        kind = url.path.rpartition("/")[2]
        body = request.json
        if kind == "users" and b'"desc"' not in request.body:
            self.searches += 1
            self.meanwhile(self.searches)
        if self.whole_sources:
            body.pop("_source", None)
        if kind == "events":
            query = parse_qs(url.query)
            assert query["from"] <= query["to"] or query["to"] == ["now"]
        try:
            found = search(self._index[kind], body, self.limits)
        except SearchError as error:
            told = {"error": {"type": error.reason, "reason": str(error)}}
            return Reply(error.status, told, headers)
        answer: dict[str, Any] = {"hits": {"total": found.total, "hits": found.hits}}
        if found.aggregations:
            answer["aggregations"] = found.aggregations
        spoilt = self.spoil(request, answer)
        return spoilt if isinstance(spoilt, Reply) else Reply(200, spoilt, headers)


def settings(service: ScriptedService, **more: object) -> dict[str, Any]:
    """Give the smallest settings that read a service; pages do not grow from `page_size`."""
    size = {"max_page_size": more["page_size"]} if more.get("page_size") else {}
    mine = {"management_api_key": "k", "api_url": service.url, "usage_rollup": False}
    return {**mine, **size, **more}
