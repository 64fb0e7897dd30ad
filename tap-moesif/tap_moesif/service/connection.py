"""The one place that talks HTTP: a request becomes an answer, or an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import requests
from requests.auth import AuthBase
from typing_extensions import override

from tap_moesif.service.addresses import is_local, shown, with_scheme
from tap_moesif.service.errors import AttemptError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_moesif.service.request import Request

CONNECT_SECONDS = 10
CHUNK_BYTES = 1 << 20  # of an answer, in place of the 10 KB that `requests` reads at a time
MAX_ANSWER_BYTES = 64 << 20
"""An answer that is larger, once decompressed, is not read to its end."""

ANSWER_TOO_LARGE = (
    f"An answer of Moesif to {{}} is larger than {MAX_ANSWER_BYTES >> 20} MB, which this tap does "
    "not read."
)


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
    content: bytes
    elapsed: float


class BearerAuth(AuthBase):
    """The management key, as `requests` wants it so that a netrc file does not replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Connection:
    """A kept-alive connection to the API, for one thread.

    Args:
        address: The API's address.
        key: The management key.
        app_id: The app to read, where the key serves several.
    """

    def __init__(self, address: str, key: str, app_id: str | None = None) -> None:
        self.session = requests.Session()
        self.session.trust_env = not is_local(address)
        self._url = with_scheme(address)
        self._auth = BearerAuth(key)
        self._app = {"app_id": app_id} if app_id else {}

    def send(self, request: Request, timeout: float) -> Answer:
        """Send a request once.

        Args:
            request: The request.
            timeout: Seconds to wait for the answer, or for more of it.

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
                content = self._read(response, request)
        except (requests.RequestException, ValueError) as error:  # ValueError: urllib3's, of a host
            raise AttemptError(
                f"No answer from Moesif at {shown(self._url)} ({describe(error, timeout)}).",
                "Is api_url right, and can this machine reach it?",
            ) from error
        elapsed = response.elapsed.total_seconds()
        return Answer(response.status_code, response.headers, content, elapsed)

    def close(self) -> None:
        """Close the connection."""
        self.session.close()

    @staticmethod
    def _read(response: requests.Response, request: Request) -> bytes:
        content = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise TooLargeError(
                    ANSWER_TOO_LARGE.format(request.path), "Does api_url lead to Moesif's API?"
                )
        return bytes(content)


def describe(error: Exception, timeout: float) -> str:
    """Say in a few words why there was no answer.

    The text of the exception itself is not used: it can hold the address, and so a password.
    """
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {min(CONNECT_SECONDS, timeout):.0f} s"
    if isinstance(error, requests.Timeout):
        return f"nothing within {timeout:.0f} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was closed in the middle of the answer"
    if isinstance(error, requests.ConnectionError):
        return "no connection, or closed without an answer"
    return type(error).__name__
