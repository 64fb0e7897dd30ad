"""The reading half of Moesif's Management API, as far as its reference describes it."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import perf_counter

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moesif_sandbox.moesif.account import Account, subscriptions_of
from moesif_sandbox.moesif.listings import LISTINGS, Listing
from moesif_sandbox.moesif.search import Index, Json, SearchError, search
from moesif_sandbox.moesif.search.search import parse_source
from moesif_sandbox.settings import Settings
from moesif_sandbox.times import midnight, milliseconds, parse_iso
from moesif_sandbox.web import Endpoint, RefusedError, json_response, route

_USERS, _COMPANIES, _EVENTS = ["read:users"], ["read:companies"], ["read:events"]
_LISTED = [scope for listing in LISTINGS for scope in listing.scopes]
# Moesif, Management API, 'Scopes': the scopes for reading.
SCOPES = (*_USERS, *_COMPANIES, *_EVENTS, *dict.fromkeys(_LISTED))
_RELATIVE = re.compile(r"-(\d+)([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_SUBSCRIPTIONS = {"excludes": ["subscriptions", "company.subscriptions"]}


class ManagementApi:
    """The endpoints of the Management API."""

    def __init__(self, account: Account, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._account, self._settings, self._clock = account, settings, clock
        hidden = _SUBSCRIPTIONS if settings.without_embedded_subscriptions else {}
        self._shown = parse_source(hidden)
        self._minute, self._count = clock(), 0

    def routes(self) -> list[Route]:
        """Return the endpoints; they accept any organisation instead of `~`."""
        account, search = self._account, "/search/{org}/search"
        company = "/search/{org}/companies/{id}"
        users, companies = self._search(account.users), self._search(account.companies)
        return [
            self._route("POST", f"{search}/users", _USERS, users),
            self._route("POST", f"{search}/usermetrics/users", _USERS, users),
            self._route("POST", f"{search}/companies", _COMPANIES, companies),
            self._route("POST", f"{search}/companymetrics/companies", _COMPANIES, companies),
            self._route("POST", f"{search}/events", _EVENTS, self._search(account.events)),
            self._route("GET", "/search/{org}/users/{id}", _USERS, self._single(account.users)),
            self._route("GET", company, _COMPANIES, self._single(account.companies)),
            self._route("GET", f"{company}/subscriptions", _COMPANIES, self._subscriptions),
            *(
                self._route("GET", f"/{{org}}/{listing.path}", listing.scopes, self._list(listing))
                for listing in LISTINGS
            ),
        ]

    def _route(self, method: str, path: str, scopes: Sequence[str], endpoint: Endpoint) -> Route:
        async def guarded(request: Request) -> Response:
            if not self._is_within_limit(self._clock()):
                raise RefusedError("too many queries in this minute", "rate_limited", 429)
            self._authorise(request.headers.get("authorization", ""), scopes)
            return await endpoint(request)

        return route(method, path, guarded)

    def _is_within_limit(self, at: datetime) -> bool:
        """Count a request in its calendar minute (Moesif, Management API, 'Rate limits')."""
        minute = at.replace(second=0, microsecond=0)
        self._count = self._count + 1 if minute == self._minute else 1
        self._minute = minute
        limit = self._settings.moesif_requests_per_minute
        return limit is None or self._count <= limit

    def _authorise(self, given: str, scopes: Sequence[str]) -> None:
        scheme, _, key = given.partition(" ")
        if scheme.lower() != "bearer" or key.strip() != self._settings.management_key:
            reason = "the Authorization header must be: Bearer <management API key>"
            raise RefusedError(reason, "unauthorized", 401)
        for scope in scopes:
            if scope not in (self._settings.management_scopes or SCOPES):
                raise RefusedError(f"the key lacks the scope {scope}", "unauthorized", 401)

    def _search(self, index: Index) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                body = msgspec.json.decode(await request.body() or b"{}", type=Json)
            except msgspec.DecodeError as error:
                raise SearchError(f"the body is not valid JSON: {error}") from error
            is_events = index is self._account.events
            wanted = self._in_window(body, request) if is_events else body
            return self._found(request, index, wanted, 201 if is_events else 200)

        return endpoint

    def _found(self, request: Request, index: Index, body: Json, status: int) -> Response:
        started, settings = perf_counter(), self._settings
        self._account.before_search(index)
        found = search(index, body, settings)
        hits: Json = {"hits": [*map(self._cut, found.hits)]}
        if found.total is not None:
            as_object = {"value": found.total, "relation": "eq"}
            hits["total"] = as_object if settings.hits_total == "object" else found.total
        took = int((perf_counter() - started) * 1000)
        answer: Json = {"took": took, "timed_out": False, "hits": hits}
        if found.aggregations:
            answer["aggregations"] = found.aggregations
        page = json_response(answer, status)
        size, breaker = len(page.body), settings.circuit_breaker_bytes
        if size > (settings.max_page_bytes or size):
            raise RefusedError("the page is too large: ask for fewer hits", "too_large", 413)
        if size > (breaker or size):
            reason = f"[parent] Data too large, data for [<http_request>] would be [{size}b], which"
            reason += f" is larger than the limit of [{breaker}b]"
            raise RefusedError(reason, "circuit_breaking_exception", 429)
        request.state.records = len(found.hits)
        return page

    def _cut(self, hit: Json) -> Json:
        """Return a hit or a single document, with its `_source` reduced by the settings."""
        source = hit.get("_source")
        return {**hit, "_source": self._shown(source)} if isinstance(source, dict) else hit

    def _in_window(self, body: Json, request: Request) -> Json:
        """Restrict an event search to the time range in the query string."""
        now, given = self._clock(), request.query_params
        start, end = (_boundary(name, given.get(name, ""), now) for name in ("from", "to"))
        if start > end:
            raise SearchError("[from] is later than [to]")
        window = {"range": {"request.time": {"gte": start, "lt": end, "format": "epoch_millis"}}}
        query = body.get("query", {"match_all": {}})
        return body | {"query": {"bool": {"filter": [query, window]}}}

    async def _subscriptions(self, request: Request) -> Response:
        return json_response(subscriptions_of(_existing(self._account.companies, request)))

    def _single(self, index: Index) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            id_, source = request.path_params["id"], _existing(index, request)
            return json_response(self._cut({"_id": id_, "_source": source}))

        return endpoint

    def _list(self, listing: Listing) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            items, required = self._account.lists[listing.name], listing.required
            if required is not None:
                wanted = request.query_params.get(required)
                if wanted is None:
                    raise SearchError(f"the query parameter [{required}] is required")
                items = [item for item in items if item.get(required) == wanted]
            request.state.records = len(items)
            return json_response(items)

        return endpoint


def _existing(index: Index, request: Request) -> Json:
    source = index.get(request.path_params["id"])
    if source is None:
        raise RefusedError("no such document", "not_found", 404)
    return source


def _boundary(name: str, text: str, now: datetime) -> int:
    """Return a boundary of an event search (`from` or `to`) in epoch milliseconds.

    Relative times such as `-24h` or `now` are aligned to the start of the day for `from` and to its
    end for `to` (Moesif, 'Search Events': "relative dates are aligned to calendar dates").
    """
    relative = _RELATIVE.fullmatch(text)
    if text == "now" or relative:
        back = timedelta(**{_UNITS[relative[2]]: int(relative[1])} if relative else {})
        return milliseconds(midnight(now - back) + timedelta(days=name == "to"))
    moment = parse_iso(text)
    if moment is None:
        raise SearchError(f"[{name}] must be an ISO 8601 time or like -24h or now, but is [{text}]")
    return milliseconds(moment)
