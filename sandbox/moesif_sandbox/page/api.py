"""The endpoints of the page: HTML, static files, contents of lists, and actions."""

import re
from collections import deque
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from moesif_sandbox.moesif.account import edited, touch
from moesif_sandbox.page import chart, switches
from moesif_sandbox.page.lists import panels, shown
from moesif_sandbox.page.view import View, counted, runs
from moesif_sandbox.state import State
from moesif_sandbox.web import RefusedError, route

CHANGED_USERS = 25
MAX_CHANGED_USERS = 10_000
_SHOWN_DEEDS = 4
_FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with less, a form's Origin would be null
    "X-Content-Type-Options": "nosniff",
}
_BETWEEN_TAGS = re.compile(r">\s+<")  # whitespace that would disturb the script's comparison


class PageApi:
    """The endpoints of the page."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._deeds: deque[tuple[int, str, str]] = deque(maxlen=_SHOWN_DEEDS)  # number, time, text
        self._templates = Environment(
            loader=PackageLoader("moesif_sandbox.page"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.filters |= {"commas": "{:,}".format, "counted": counted}

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            route("GET", "/", self._page),
            *(route("GET", f"/page/{name}", self._file) for name in _FILES),
            route("GET", "/page/content/{panel}/{list}", self._content),
            route("POST", "/page/touch", self._touch),
            route("POST", "/page/switch", self._switch),
            route("POST", "/page/clear", self._clear),
            route("POST", "/page/reset", self._reset),
        ]

    async def _page(self, request: Request) -> Response:
        state, view, now = self._state, View(request.query_params), self._state.clock()
        span = view.choice("span", chart.SPANS)
        service = view.choice("faults", switches.SERVICES)
        html = self._templates.get_template("page.html").render(
            view=view,
            held=state.account.counts(),
            written=sum(map(len, state.collector.accepted.values())),
            segment=state.segment,
            runs=runs(str(request.base_url).rstrip("/"), state.settings),
            spans=chart.SPANS,
            span=span,
            lanes=chart.lanes(state.log, int(now.timestamp()), span),
            services=switches.SERVICES,
            service=service,
            switches=switches.states(state.faults, service, now),
            others=switches.others(state.faults, service),
            users=CHANGED_USERS,
            most_users=MAX_CHANGED_USERS,
            deeds=self._deeds,
            lists=[shown(panel, view) for panel in panels(state)],
        )
        return Response(_BETWEEN_TAGS.sub("><", html), headers=_HEADERS, media_type="text/html")

    async def _file(self, request: Request) -> Response:
        path = Path(__file__).with_name("static") / request.url.path.rpartition("/")[2]
        return FileResponse(path, headers=_HEADERS, media_type=_FILES[path.name])

    async def _content(self, request: Request) -> Response:
        given, key = request.path_params, request.query_params.get("key", "")
        lists = {panel.name: panel.lists for panel in panels(self._state)}
        listing = lists.get(given["panel"], {}).get(given["list"])
        found = listing.find(key) if listing else None
        if found is None:
            raise RefusedError("it no longer exists", "not_found", 404)
        text = msgspec.json.format(msgspec.json.encode(found), indent=2)
        return Response(text, headers=_HEADERS, media_type="application/json")

    async def _touch(self, request: Request) -> Response:
        count = View(await _form(request)).number("users") or 0
        if not 1 <= count <= MAX_CHANGED_USERS:
            raise RefusedError(f"from 1 to {MAX_CHANGED_USERS} users", "bad_request")
        return self._done(request, f"{counted(self._change(count), 'user')} changed in Moesif")

    async def _switch(self, request: Request) -> Response:
        form = await _form(request)
        name, service = form.get("switch", ""), form.get("service", "")
        switch = switches.SWITCHES.get(name)
        if switch is None or service not in switch.services:
            raise RefusedError("unknown switch", "bad_request")
        first = next((user.id for user in self._state.account.users.documents), None)
        if switch.poisons and first is None:
            return self._done(request, "Moesif has no user to poison")
        on = switches.turn(self._state.faults, name, service, first)
        if on and switch.poisons:
            self._change(1)
        where = switches.SERVICES[service][0]
        return self._done(request, f"{switch.label} {'on' if on else 'off'} at {where}")

    async def _clear(self, request: Request) -> Response:
        self._state.faults.clear()
        return self._done(request, "All faults are off")

    async def _reset(self, request: Request) -> Response:
        self._state.reset()
        return self._done(request, "The sandbox was reset")

    def _change(self, users: int) -> int:
        return len(touch(self._state.account.users, users, self._state.clock(), edited))

    def _done(self, request: Request, text: str) -> Response:
        """Add an action to the page's log, and redirect to the same view."""
        number = self._deeds[0][0] + 1 if self._deeds else 0
        self._deeds.appendleft((number, f"{self._state.clock():%H:%M:%S}", text))
        return RedirectResponse(View(request.query_params).address(), 303, _HEADERS)


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
