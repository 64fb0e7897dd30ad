"""Segment's tracking API and its CDN, and the received messages."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moesif_sandbox.segment.rules import Message, judge, read
from moesif_sandbox.settings import Settings
from moesif_sandbox.web import RefusedError, json_response, route, unpacked

# Segment, 'Regional Segment': the hosts of the regions.
API_HOSTS = {"us": "api.segment.io/v1", "eu": "events.eu1.segmentapis.com/v1"}
# Segment, 'Guaranteed delivery: de-duplication': at least this long, by `messageId` alone.
DUPLICATE_WINDOW = timedelta(hours=24)
# Segment, Engage default limits: an identify with this many traits is rejected there.
ENGAGE_TRAITS = 300


class SegmentLedger:
    """All requests, and their messages in order of arrival."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Remove everything."""
        self.requests = 0
        self.refused: list[str] = []  # why a whole request got a 400
        self.accepted: list[Message] = []
        self.discarded: list[Message] = []  # with the reason
        self.duplicates: list[Message] = []
        self.flagged: list[Message] = []  # accepted with a warning: the reason and the id
        self._seen: dict[str, datetime] = {}  # message ids, in order of arrival

    def receive(self, accepted: list[Message], discarded: list[Message], at: datetime) -> None:
        """Record the messages of a request with status 200."""
        self.discarded += discarded
        for message in accepted:
            id_, traits = message["messageId"], message.get("traits")
            if self._is_repeat(str(id_), at):
                self.duplicates.append(message)
                continue
            self.accepted.append(message)
            if isinstance(traits, dict) and len(traits) >= ENGAGE_TRAITS:
                self.flagged.append({"reason": "too_many_traits", "messageId": id_})

    def _is_repeat(self, message_id: str, at: datetime) -> bool:
        """Return whether the id was seen within the window, and store it if not."""
        while self._seen and at - next(iter(self._seen.values())) >= DUPLICATE_WINDOW:
            del self._seen[next(iter(self._seen))]
        is_repeat = message_id in self._seen
        self._seen.setdefault(message_id, at)
        return is_repeat


@dataclass
class SegmentApi:
    """The endpoints of Segment."""

    ledger: SegmentLedger
    settings: Settings
    clock: Callable[[], datetime]

    def routes(self, region: str | None = None) -> list[Route]:
        """Return the endpoint of a region's host, by default of the workspace's region."""

        async def batch(request: Request) -> Response:
            at, key = self.clock(), basic_key(request.headers.get("authorization", ""))
            self.ledger.requests += 1
            try:
                given = read(unpacked(request.headers, await request.body()))
            except RefusedError as error:
                self.ledger.refused.append(str(error))
                return json_response({"success": False, "message": str(error)}, 400)
            request.state.records = len(given.batch)
            self.ledger.receive(*judge(given, key, region, at, self.settings), at)
            return json_response({"success": True})

        return [route("POST", "/batch", batch)]

    def cdn_routes(self) -> list[Route]:
        """Return the endpoint where Segment's own libraries look up a write key."""
        return [route("GET", "/projects/{key}/settings", self._project)]

    async def _project(self, request: Request) -> Response:
        if request.path_params["key"] != self.settings.write_key:
            raise RefusedError("no such write key", "not_found", 404)
        own = {"apiKey": self.settings.write_key, "apiHost": API_HOSTS[self.settings.region]}
        return json_response({"integrations": {"Segment.io": own}, "plan": {}})


def basic_key(authorization: str) -> str | None:
    """Return the write key, which is the user name of Basic authentication."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded.partition(":")[0] if scheme.lower() == "basic" else None
