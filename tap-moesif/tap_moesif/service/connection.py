"""HTTP: sends a request and returns the response, or raises an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import requests

from singer_delivery.http import (
    HeaderAuth,
    host_of,
    no_answer_reason,
    read_body,
    session_to,
    with_scheme,
)
from tap_moesif.service.errors import NoAnswerError, TooLargeAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_moesif.service.request import Request

CONNECT_SECONDS = 10
MAX_ANSWER_BYTES = 64 << 20
"""Maximum size of a response, decompressed; reading stops there."""


class Answer(NamedTuple):
    """A response.

    Attributes:
        status: The HTTP status.
        headers: The headers, with case-insensitive names.
        content: The body, decompressed.
        elapsed: Time from the request to the headers, in seconds.
    """

    status: int
    headers: Mapping[str, str]
    content: bytearray
    elapsed: float


class Connection:
    """A persistent connection to the API, for one thread.

    Args:
        address: The API's base URL.
        key: The Management API key.
        app_id: The app to read, if the key has access to several.
    """

    def __init__(self, address: str, key: str, app_id: str | None = None) -> None:
        self.session = session_to(address)
        self._url = with_scheme(address).rstrip("/")
        self._auth = HeaderAuth({"Authorization": f"Bearer {key}"})
        self._app = {"app_id": app_id} if app_id else {}

    def send(self, request: Request, timeout: float) -> Answer:
        """Send a request once.

        Args:
            request: The request.
            timeout: Seconds to wait for the headers, and again for the body.

        Raises:
            AttemptError: There was no response, or an incomplete one.
            TooLargeError: The response is larger than `MAX_ANSWER_BYTES`.
        """
        connect_seconds = min(CONNECT_SECONDS, timeout)
        try:
            with self.session.request(
                request.method,
                f"{self._url}{request.target}",
                data=request.content,
                params={**request.params, **self._app},
                auth=self._auth,
                headers={"Content-Type": "application/json"},
                timeout=(connect_seconds, timeout),
                allow_redirects=False,  # a redirect may lead the key elsewhere
                stream=True,
            ) as response:
                content = read_body(response, MAX_ANSWER_BYTES)
        except (requests.RequestException, ValueError) as error:  # urllib3, for an invalid host
            reason = no_answer_reason(error, timeout, connect_seconds)
            raise NoAnswerError(host=host_of(self._url), reason=reason) from error
        if len(content) > MAX_ANSWER_BYTES:
            raise TooLargeAnswerError(path=request.path, limit=MAX_ANSWER_BYTES >> 20)
        elapsed = response.elapsed.total_seconds()
        return Answer(response.status_code, response.headers, content, elapsed)

    def close(self) -> None:
        """Close the connection."""
        self.session.close()
