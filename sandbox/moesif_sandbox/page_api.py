"""The page over HTTP: itself, its files, the contents of its lists, and what its buttons do."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moesif_sandbox import page_runs, page_switches
from moesif_sandbox.answers import error_answer
from moesif_sandbox.page import MOST_CHANGED_USERS, Done, Snapshot, document
from moesif_sandbox.page_lists import panels
from moesif_sandbox.page_panels import CONTENT
from moesif_sandbox.page_rows import clock_time, counted
from moesif_sandbox.page_view import View
from moesif_sandbox.store import edited, touch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from moesif_sandbox.sandbox_api import SandboxApi

    Endpoint = Callable[[Request], Awaitable[Response]]

_FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_SHOWN_DEEDS = 4
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


@dataclass
class PageApi:
    """The endpoints, with what they look into and act upon."""

    sandbox: SandboxApi
    keys: page_runs.Keys
    _done: deque[Done] = field(default_factory=lambda: deque(maxlen=_SHOWN_DEEDS))

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/", self._page, methods=["GET"]),
            *(Route(f"/page/{name}", _file(name), methods=["GET"]) for name in _FILES),
            Route(f"{CONTENT}/{{panel}}/{{list}}", self._content, methods=["GET"]),
            Route("/page/touch", self._touch, methods=["POST"]),
            Route("/page/switch", self._switch, methods=["POST"]),
            Route("/page/clear", self._clear, methods=["POST"]),
            Route("/page/reset", self._reset, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        sandbox, address = self.sandbox, str(request.base_url).rstrip("/")
        snapshot = Snapshot(
            sandbox.store,
            sandbox.log,
            sandbox.faults,
            sandbox.clock(),
            list(self._done),
            (
                (
                    "In the checkout (to install once is enough):",
                    page_runs.meltano(address, self.keys),
                ),
                ("Without Meltano", page_runs.pipe(address, self.keys)),
            ),
        )
        return _answer(document(snapshot, View(request.query_params)), "text/html")

    async def _content(self, request: Request) -> Response:
        found: object = None
        for panel in panels(self.sandbox.store, self.sandbox.log):
            listing = panel.lists.get(request.path_params["list"])
            if panel.name == request.path_params["panel"] and listing is not None:
                found = listing.find(request.query_params.get("key", ""))
        if found is None:
            return error_answer(404, "not_found", "it is there no more")
        text = msgspec.json.format(msgspec.json.encode(found), indent=2)
        return _answer(text.decode(), "application/json")

    async def _touch(self, request: Request) -> Response:
        given = (await _form(request)).get("users", "")
        count = int(given) if given.isascii() and given.isdecimal() else 0
        if not 1 <= count <= MOST_CHANGED_USERS:
            return error_answer(400, "bad_request", f"from 1 to {MOST_CHANGED_USERS} users")
        changed = touch(self.sandbox.store.users, count, self.sandbox.clock(), edited)
        return self._after(request, f"{counted(len(changed), 'user')} changed in Moesif")

    async def _switch(self, request: Request) -> Response:
        form = await _form(request)
        name, service = form.get("switch", ""), form.get("service", "")
        switch = page_switches.SWITCHES.get(name)
        if switch is None or service not in switch.services:
            return error_answer(400, "bad_request", "there is no such switch")
        if switch.poisons and not self.sandbox.store.users.documents:
            return self._after(request, "Moesif has no user that could be poisoned")
        on = page_switches.turn(self.sandbox.faults, name, service, self._first_user())
        if on and switch.poisons:
            touch(self.sandbox.store.users, 1, self.sandbox.clock(), edited)
        where = page_switches.SERVICES[service][0]
        return self._after(request, f"{switch.label} {'on' if on else 'off'} at {where}")

    async def _clear(self, request: Request) -> Response:
        self.sandbox.faults.clear()
        return self._after(request, "All faults are off")

    async def _reset(self, request: Request) -> Response:
        self.sandbox.reset()
        return self._after(request, "The sandbox is as it was at its start")

    def _first_user(self) -> str:
        """Return the user that `touch` changes first."""
        return next((user.id for user in self.sandbox.store.users.documents), "")

    def _after(self, request: Request, text: str) -> Response:
        """Note what was done, and show the page in the same view as before."""
        number = self._done[0].number + 1 if self._done else 0
        self._done.appendleft(Done(number, clock_time(self.sandbox.clock()), text))
        return RedirectResponse(View(request.query_params).address(), 303, _HEADERS)


def _file(name: str) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        text = (
            resources.files("moesif_sandbox").joinpath("static").joinpath(name).read_text("utf-8")
        )
        return _answer(text, _FILES[name])

    return endpoint


def _answer(text: str, media_type: str) -> Response:
    return Response(text, headers=_HEADERS, media_type=media_type)


async def _form(request: Request) -> dict[str, str]:
    """Return a form's fields; a browser sends no others in this encoding."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
