"""Moesif's management API over HTTP: the reading half, as far as its reference describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from time import perf_counter
from typing import TYPE_CHECKING

from starlette.routing import Route

from moesif_sandbox.answers import error_answer, json_answer
from moesif_sandbox.moesif_dsl import Json, SearchError, as_choice
from moesif_sandbox.moesif_profiles import subscriptions_of
from moesif_sandbox.moesif_search import read_body, search
from moesif_sandbox.moesif_source import parse_source
from moesif_sandbox.moesif_times import parse_boundary, zone_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from moesif_sandbox.moesif_access import Access, MinuteLimit
    from moesif_sandbox.moesif_index import Index
    from moesif_sandbox.store import Store

    Endpoint = Callable[[Request], Awaitable[Response]]

_SEARCH = "/search/{org}/search"
_COUNT = "/search/{org}/count"
_COHORT_TYPES = ("user", "company")
_WITHOUT_SUBSCRIPTIONS = parse_source({"excludes": ["subscriptions", "company.subscriptions"]})


@dataclass
class MoesifApi:
    """The endpoints, with what they need."""

    store: Store
    access: Access
    limit: MinuteLimit
    clock: Callable[[], datetime]
    total_as_object: bool = False
    embedded_subscriptions: bool = True
    max_page_bytes: int | None = None

    def routes(self) -> list[Route]:
        """Return the endpoints; where a path has `~`, any organisation is taken."""
        users, companies = self.store.users, self.store.companies
        return [
            self._post(f"{_SEARCH}/users", "read:users", self._search(users)),
            self._post(f"{_SEARCH}/usermetrics/users", "read:users", self._search(users)),
            self._post(f"{_SEARCH}/companies", "read:companies", self._search(companies)),
            self._post(
                f"{_SEARCH}/companymetrics/companies", "read:companies", self._search(companies)
            ),
            self._post(f"{_SEARCH}/events", "read:events", self._search_events(status=201)),
            self._post(f"{_COUNT}/users", "read:users", self._search(users, count=True)),
            self._post(
                f"{_COUNT}/companies", "read:companies", self._search(companies, count=True)
            ),
            self._post(f"{_COUNT}/events", "read:events", self._search_events(count=True)),
            self._get("/search/{org}/users/{id}", "read:users", self._single(users)),
            self._get("/search/{org}/companies/{id}", "read:companies", self._single(companies)),
            self._get(
                "/search/{org}/companies/{id}/subscriptions", "read:companies", self._subscriptions
            ),
            self._get("/search/{org}/subscriptions/{id}", "read:subscriptions", self._subscription),
            self._get("/{org}/cohorts", "read:cohorts", self._cohorts),
        ]

    def _post(self, path: str, scope: str, endpoint: Endpoint) -> Route:
        return Route(path, self._guarded(scope, endpoint), methods=["POST"])

    def _get(self, path: str, scope: str, endpoint: Endpoint) -> Route:
        return Route(path, self._guarded(scope, endpoint), methods=["GET"])

    def _guarded(self, scope: str, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            if not self.limit.allows(self.clock()):
                return error_answer(429, "rate_limited", "too many queries in this minute")
            refusal = self.access.refusal(request.headers.get("authorization"), scope)
            if refusal:
                return error_answer(401, "unauthorized", refusal)
            try:
                return await endpoint(request)
            except SearchError as error:
                return error_answer(400, "search_error", str(error))

        return guarded

    def _search(self, index: Index, *, count: bool = False) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            body = read_body(await request.body())
            self._optional_window(request)
            return self._found(request, index, body | {"size": 0} if count else body, status=200)

        return endpoint

    def _search_events(self, *, status: int = 200, count: bool = False) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            body = within(read_body(await request.body()), *self._window(request))
            body = body | {"size": 0} if count else body
            return self._found(request, self.store.events, body, status)

        return endpoint

    def _found(self, request: Request, index: Index, body: Json, status: int) -> Response:
        started = perf_counter()
        self.store.before_search(index)
        found = search(index, body, self.clock())
        total: object = found.total
        if self.total_as_object:
            total = {"value": found.total, "relation": found.relation}
        hits: Json = {} if found.total is None else {"total": total}
        answer: Json = {
            "took": int((perf_counter() - started) * 1000),
            "timed_out": False,
            "hits": hits | {"hits": [self._shown(hit) for hit in found.hits]},
        }
        if found.aggregations:
            answer["aggregations"] = found.aggregations
        page = json_answer(answer, status)
        if self.max_page_bytes is not None and len(page.body) > self.max_page_bytes:
            return error_answer(413, "too_large", "the page is too large: ask for fewer hits")
        request.state.records = len(found.hits)
        return page

    def _shown(self, hit: Json) -> Json:
        """Return a document as the account's answers have it, found by a search or by its id."""
        source = hit.get("_source")
        if self.embedded_subscriptions or not isinstance(source, dict):
            return hit
        return {**hit, "_source": _WITHOUT_SUBSCRIPTIONS.apply(source)}

    def _window(self, request: Request) -> tuple[int, int]:
        """Return the time that an event search spans: both of its ends must be given."""
        given = request.query_params
        zone = zone_of(given["time_zone"]) if "time_zone" in given else timezone.utc
        missing = [name for name in ("from", "to") if not given.get(name)]
        if missing:
            raise SearchError(f"the query parameter [{missing[0]}] is required")
        now = self.clock()
        start = parse_boundary(given["from"], now, zone, end=False, where="from")
        end = parse_boundary(given["to"], now, zone, end=True, where="to")
        if start > end:
            raise SearchError("[from] is later than [to]")
        return start, end

    def _optional_window(self, request: Request) -> None:
        """Check the window of a profile search; it limits the metrics, not the profiles."""
        if "from" in request.query_params and "to" in request.query_params:
            self._window(request)

    def _single(self, index: Index) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            document = index.get(request.path_params["id"])
            if document is None:
                return error_answer(404, "not_found", "no such document")
            return json_answer(self._shown({"_id": document.id, "_source": document.source}))

        return endpoint

    async def _subscriptions(self, request: Request) -> Response:
        company = self.store.companies.get(request.path_params["id"])
        if company is None:
            return error_answer(404, "not_found", "no such company")
        return json_answer(subscriptions_of(company.source))

    async def _subscription(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        for company in self.store.companies.documents:
            for subscription in subscriptions_of(company.source):
                if subscription.get("subscription_id") == wanted:
                    return json_answer(subscription)
        return error_answer(404, "not_found", "no such subscription")

    async def _cohorts(self, request: Request) -> Response:
        kind = as_choice(request.query_params.get("cohort_type"), "cohort_type", _COHORT_TYPES)
        return json_answer([part for part in self.store.cohorts if part.get("cohort_type") == kind])


def within(body: Json, start: int, end: int) -> Json:
    """Return an event search that is limited to a half-open span of time."""
    limits = {"gte": start, "lt": end, "format": "epoch_millis"}
    window: Json = {"range": {"request.time": limits}}
    query = body.get("query", {"match_all": {}})
    return body | {"query": {"bool": {"filter": [query, window]}}}
