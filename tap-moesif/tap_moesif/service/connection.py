"""The one place that talks HTTP: a request becomes an answer, or an error that says why not."""

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
from tap_moesif.service.errors import (
    NoAnswerError,
    TooLargeAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_moesif.service.request import Request

CONNECT_SECONDS = 10
MAX_ANSWER_BYTES = 64 << 20
"""An answer that is larger, once decompressed, is not read to its end."""


class Answer(NamedTuple):
    """What was answered.

    Attributes:
        status: The HTTP status.
        headers: The answer's headers, names in any letter case.
        content: The body, decompressed.
        elapsed: Seconds from sending the request until the headers came.
    """

    status: int
    headers: Mapping[str, str]
    content: bytearray
    elapsed: float


class Connection:
    """A kept-alive connection to the API, for one thread.

    Args:
        address: The API's address.
        key: The management key.
        app_id: The app to read, where the key serves several.
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
            timeout: Seconds to wait for the answer, and again for all of it.

        Raises:
            AttemptError: There is no answer, or only a part of one.
            TooLargeError: The answer is larger than `MAX_ANSWER_BYTES`.
        """
        try:
            with self.session.request(
                request.method,
                f"{self._url}{request.target}",
                data=request.content,
                params={**request.params, **self._app},
                auth=self._auth,
                headers={"Content-Type": "application/json"},
                timeout=(min(CONNECT_SECONDS, timeout), timeout),
                allow_redirects=False,  # a redirect may lead the key elsewhere
                stream=True,
            ) as response:
                content = read_body(response, MAX_ANSWER_BYTES)
        except (requests.RequestException, ValueError) as error:  # ValueError: urllib3's, of a host
            reason = no_answer_reason(error, timeout)
            raise NoAnswerError(host=host_of(self._url), reason=reason) from error
        if len(content) > MAX_ANSWER_BYTES:
            raise TooLargeAnswerError(path=request.path, most=MAX_ANSWER_BYTES >> 20)
        elapsed = response.elapsed.total_seconds()
        return Answer(response.status_code, response.headers, content, elapsed)

    def close(self) -> None:
        """Close the connection."""
        self.session.close()
