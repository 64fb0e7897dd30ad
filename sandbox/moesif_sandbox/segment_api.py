"""Segment's tracking API and its CDN over HTTP."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.routing import Route

from moesif_sandbox.answers import error_answer, json_answer
from moesif_sandbox.bodies import RefusedError, content
from moesif_sandbox.segment import TYPES, Arrival, Source, judge, read

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from moesif_sandbox.store import Store

# Segment, 'Regional Segment': where a workspace of each region takes its messages.
API_HOSTS = {"us": "api.segment.io/v1", "eu": "events.eu1.segmentapis.com/v1"}
_BATCH_PATHS = ("batch", "import")


@dataclass
class SegmentApi:
    """The endpoints, with what they need."""

    store: Store
    source: Source
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def routes(self, region: str | None = None) -> list[Route]:
        """Return the endpoints of a region's host, or of the host of the workspace's own."""
        kinds = [(path, None) for path in _BATCH_PATHS] + [(kind, kind) for kind in TYPES]
        return [
            Route(f"/{path}", self._receiver(kind, region), methods=["POST"])
            for path, kind in kinds
        ]

    def cdn_routes(self) -> list[Route]:
        """Return the path that Segment's own code asks whether a write key exists."""
        return [Route("/projects/{key}/settings", self._settings, methods=["GET"])]

    def _receiver(
        self, kind: str | None, region: str | None
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            at = self.clock()
            address = request.client.host if request.client else ""
            arrival = Arrival(at, address, basic_key(request.headers.get("authorization")), region)
            try:
                batch = read(content(request.headers, await request.body()), kind)
            except RefusedError as error:
                self.store.segment.refuse(str(error))
                return json_answer({"success": False, "message": str(error)}, 400)
            request.state.records = len(batch.messages)
            self.store.segment.receive(judge(batch, arrival, self.source, self.new_id), at)
            return json_answer({"success": True})

        return endpoint

    async def _settings(self, request: Request) -> Response:
        if request.path_params["key"] != self.source.write_key:
            return error_answer(404, "not_found", "no such write key")
        own = {"apiKey": self.source.write_key, "apiHost": API_HOSTS[self.source.region]}
        return json_answer({"integrations": {"Segment.io": own}, "plan": {}})


def basic_key(authorization: str | None) -> str | None:
    """Return the user name of Basic auth, which is where a write key is sent."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
