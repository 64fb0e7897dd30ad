"""Sends a request once and returns the response, whatever its status."""

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
    from tap_moesif.service.rate_limit import RateLimiter

TIMEOUT_SECONDS = 120
_REQUIRED = RequiredScope("first contact", "", "")


class Reply(NamedTuple):
    """A response.

    Attributes:
        status: The HTTP status.
        headers: The headers, with case-insensitive names.
        json: The parsed body; None if it is not JSON.
        error: The type of the search engine's error; empty if there is none.
        seconds: Time from the request to the headers, in seconds.
    """

    status: int
    headers: Mapping[str, str]
    json: Any
    error: str
    seconds: float

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx and the body is JSON."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and self.json is not None

    @property
    def hits(self) -> list[dict[str, Any]]:
        """The hits of a search; empty if there are none."""
        outer = self.json.get("hits") if isinstance(self.json, dict) else None
        hits = outer.get("hits") if isinstance(outer, dict) else None
        return [hit for hit in hits if isinstance(hit, dict)] if isinstance(hits, list) else []

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The documents in the hits."""
        sources = [hit.get("_source") for hit in self.hits]
        return [source for source in sources if isinstance(source, dict)]

    @override
    def __str__(self) -> str:
        """Return the status and the type of the engine's error."""
        if HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES and self.json is None:
            return f"{self.status}, but not JSON"
        return f"{self.status} ({self.error})" if self.error else str(self.status)


@dataclass(slots=True)
class Probe:
    """Sends single requests to Moesif, within the rate limit.

    Attributes:
        connection: A connection to the API.
        pace: The rate limiter.
        wall: Returns seconds since the epoch.
        request_count: Number of requests sent.
        rate_limited: The first response with status 429, if any.
    """

    connection: Connection
    pace: RateLimiter
    wall: Callable[[], float]
    request_count: int = 0
    rate_limited: Reply | None = field(default=None)

    def request(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        id_: str = "",
    ) -> Reply:
        """Send a request. After the first 429, wait and retry once.

        Args:
            path: Path below the API's base URL, with `{id}` as the placeholder of `id_`.
            body: JSON body; without one the request is a GET.
            params: Query string parameters.
            id_: Value for `{id}` in the path.

        Raises:
            AttemptError: There was no response.
        """
        request = Request(path, _REQUIRED, params or {}, body, id_)
        reply = self._send(request)
        if reply.status != HTTPStatus.TOO_MANY_REQUESTS or self.rate_limited:
            return reply
        self.rate_limited = reply
        now = self.wall()
        wait = retry_after(reply.status, reply.headers, now)
        self.pace.pause(RATE_WINDOW_SECONDS - now % RATE_WINDOW_SECONDS if wait is None else wait)
        return self._send(request)

    def _send(self, request: Request) -> Reply:
        with self.pace:
            self.request_count += 1
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
