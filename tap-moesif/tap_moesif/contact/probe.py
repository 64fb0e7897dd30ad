"""Sends a request once, and takes whatever is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from singer_delivery.http import retry_after
from tap_moesif.service.refusals import RATE_WINDOW_SECONDS, read_reason
from tap_moesif.service.request import Request, RequiredScope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_moesif.service.connection import Connection
    from tap_moesif.service.pace import Pace

TIMEOUT_SECONDS = 120
_REQUIRED = RequiredScope("first contact", "", "")


class Reply(NamedTuple):
    """What was answered.

    Attributes:
        status: The HTTP status.
        headers: Names in any letter case.
        json: The body; None where it is no JSON.
        error: The type of the search engine's error, where it names one.
        seconds: How long the answer took.
    """

    status: int
    headers: Mapping[str, str]
    json: Any
    error: str
    seconds: float

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx with JSON."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and self.json is not None

    @property
    def hits(self) -> list[dict[str, Any]]:
        """The hits of a search; empty where there are none."""
        outer = self.json.get("hits") if isinstance(self.json, dict) else None
        hits = outer.get("hits") if isinstance(outer, dict) else None
        return [hit for hit in hits if isinstance(hit, dict)] if isinstance(hits, list) else []

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The documents of its hits."""
        sources = [hit.get("_source") for hit in self.hits]
        return [source for source in sources if isinstance(source, dict)]

    @override
    def __str__(self) -> str:
        """Return the status, and the type of the engine's error."""
        if HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and self.json is None:
            return f"{self.status}, but no JSON"
        return f"{self.status} ({self.error})" if self.error else str(self.status)


@dataclass(slots=True)
class Probe:
    """Asks Moesif, within the limit of queries.

    Attributes:
        connection: A connection to the API.
        pace: Says when the next request may go.
        wall: Returns seconds since the epoch.
        asked: How many requests were sent.
        limited: The answer that said that there were too many, if one did.
    """

    connection: Connection
    pace: Pace
    wall: Callable[[], float]
    asked: int = 0
    limited: Reply | None = field(default=None)

    def ask(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        id_: str = "",
    ) -> Reply:
        """Send a request; where there were too many, wait as long as it takes, and once more.

        Args:
            path: Below the API's address, with `{id}` in place of `id_`.
            body: For a POST.
            params: The query string's.
            id_: Goes into the path.

        Raises:
            AttemptError: There is no answer.
        """
        request = Request(path, _REQUIRED, params or {}, body, id_)
        reply = self._send(request)
        if reply.status != HTTPStatus.TOO_MANY_REQUESTS or self.limited:
            return reply
        self.limited = reply
        now = self.wall()
        wait = retry_after(reply.status, reply.headers, now)
        self.pace.pause(RATE_WINDOW_SECONDS - now % RATE_WINDOW_SECONDS if wait is None else wait)
        return self._send(request)

    def _send(self, request: Request) -> Reply:
        with self.pace:
            self.asked += 1
            answer = self.connection.send(request, TIMEOUT_SECONDS)
        try:
            found = json.loads(answer.content)
        except (ValueError, RecursionError):
            found = None
        is_error = answer.status >= HTTPStatus.BAD_REQUEST
        types = read_reason(answer.content).types if is_error else ()
        return Reply(
            answer.status, answer.headers, found, types[-1] if types else "", answer.elapsed
        )
