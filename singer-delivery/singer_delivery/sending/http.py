"""The one place that talks HTTP: a batch of encoded messages becomes a request and an answer.

What a service wants to be told and how its answers read is the `Service`'s to say; that every
answer, and every failure to get one, is an `Answer` is said here.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Protocol

import requests
from isal import igzip
from requests.auth import AuthBase
from typing_extensions import override

from singer_delivery.sending.addresses import stays_here, with_scheme
from singer_delivery.sending.retry import NO_ANSWER, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GZIP_LEVEL = 1  # of ISA-L's 0 to 3, which is a fifth of zlib's work at the same size
EXCERPT_CHARACTERS = 500
RENEW_AFTER = 3
"""Failures in a row after which a new connection is opened: a service's addresses change."""


class Endpoint(NamedTuple):
    """One of the addresses of a service.

    Attributes:
        url: Where batches are posted.
        max_bytes: What a body may hold there before compression, if `batch_max_bytes` is more.
        name: What is posted there, if the messages themselves have no `type` that says so.
    """

    url: str
    max_bytes: int = sys.maxsize
    name: str = ""


class Service(Protocol):
    """What a target must say of the service it writes to."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Where batches are posted, in the order in which one user's must arrive."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What each request carries besides, such as what proves who we are."""

    @property
    def secrets(self) -> Sequence[str]:
        """What must never appear in a log or a rejects file."""

    def body(self, messages: Sequence[bytes]) -> bytes:
        """Make the body of one attempt to deliver these messages."""

    def accepts(self, content: bytes) -> bool:
        """Tell whether the body of a 2xx answer is what the service says on success."""


class HeaderAuth(AuthBase):
    """Headers as `requests` wants them so that a netrc file does not replace them."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Connection:
    """A kept-alive connection to a service, for one thread.

    Args:
        service: Where to, and how.
        timeout: Seconds to wait for the connection, and again for the answer.
        compress: Whether to gzip bodies.
        user_agent: Who we say we are.
    """

    def __init__(
        self, service: Service, *, timeout: float, compress: bool, user_agent: str
    ) -> None:
        self.bytes_sent = 0
        self._service = service
        self._timeout = timeout
        self._compress = compress
        self._failures = 0
        self._session = requests.Session()
        self._session.headers.update({"Content-Type": "application/json", "User-Agent": user_agent})
        if compress:
            self._session.headers["Content-Encoding"] = "gzip"
        auth = HeaderAuth(service.headers)
        # All of a request but its body is the same each time, and so are proxies and certificates.
        self._prepared = [
            self._session.prepare_request(requests.Request("POST", with_scheme(url), auth=auth))
            for url, *_ in service.endpoints
        ]
        self._environment = [
            self._session.merge_environment_settings(
                url, {"no_proxy": "*"} if stays_here(url) else {}, None, None, None
            )
            for url, *_ in service.endpoints
        ]

    def post(self, endpoint: int, messages: Sequence[bytes]) -> Answer:
        """Send one batch once; never raises for what a service or a network can do."""
        body = self._service.body(messages)
        if self._compress:
            body = igzip.compress(body, GZIP_LEVEL, mtime=0)
        request = self._prepared[endpoint].copy()
        request.prepare_body(body, None)
        try:
            response = self._session.send(
                request,
                timeout=self._timeout,
                allow_redirects=False,
                **self._environment[endpoint],
            )
        except requests.RequestException as error:
            answer = Answer(NO_ANSWER, detail=describe(error, self._timeout))
        else:
            answer = self._read(response)
        self.bytes_sent += len(body)
        self._renew_after_failures(answer)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _read(self, response: requests.Response) -> Answer:
        accepted = response.ok and self._service.accepts(response.content)
        detail = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
        if response.ok and not accepted:
            detail += " with a body that does not say success"
        excerpt = "" if accepted else self._without_secrets(response.text)[:EXCERPT_CHARACTERS]
        return Answer(response.status_code, accepted, detail, excerpt, response.headers)

    def _without_secrets(self, text: str) -> str:
        for secret in self._service.secrets:
            text = text.replace(secret, "***")
        return text

    def _renew_after_failures(self, answer: Answer) -> None:
        failed = answer.status == NO_ANSWER or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self._failures = self._failures + 1 if failed else 0
        if self._failures and self._failures % RENEW_AFTER == 0:
            self._session.close()


def ask(url: str, *, timeout: float, auth: AuthBase | None = None) -> requests.Response:
    """GET something beside the batches; no redirect may lead a key elsewhere.

    Raises:
        requests.RequestException: There is no answer.
    """
    url = with_scheme(url)
    with requests.Session() as session:
        session.trust_env = not stays_here(url)
        return session.get(url, auth=auth, timeout=timeout, allow_redirects=False)


def describe(error: requests.RequestException, timeout: float) -> str:
    """Say in a few words why there was no answer.

    The text of the exception itself is not used: it holds the address, and addresses can
    hold keys.
    """
    if isinstance(error, requests.Timeout):
        return f"no answer within {timeout:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed (is the certificate valid, and trusted here?)"
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the connection was closed before an answer was complete"
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
