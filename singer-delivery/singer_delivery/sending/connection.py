"""Sends a batch of messages as an HTTP request, and reads the answer.

`Service` defines the request body and which answers mean success. Every answer and every failure is
returned as an `Answer`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import requests
from isal import igzip

from singer_delivery.http import (
    NO_ANSWER,
    HeaderAuth,
    no_answer_reason,
    read_body,
    session_to,
    status_line,
    with_scheme,
    without_secrets,
)
from singer_delivery.sending.retry import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_delivery.sending.service import Endpoint, Service

GZIP_LEVEL = 1  # of ISA-L's 0 to 3: a fifth of zlib's CPU time for the same size
MAX_ANSWER_BYTES = 1_000_000
EXCERPT_CHARACTERS = 500

RENEW_AFTER = 3
"""Consecutive failures after which a new connection is opened, in case DNS has changed."""

FIRST_CONNECT_SECONDS = 10.0
"""The timeout for a connection before the first answer."""


class HttpConnection:
    """A kept-alive connection to a service, for one thread.

    Args:
        service: The service to write to.
        timeout: Timeout for the connection, and again for the answer, in seconds.
        compress: Whether to gzip bodies.
        user_agent: The User-Agent header.
        secrets: The keys, which are masked in excerpts of answers.
    """

    def __init__(
        self,
        service: Service,
        *,
        timeout: float,
        compress: bool,
        user_agent: str,
        secrets: Sequence[str] = (),
    ) -> None:
        self.bytes_sent = 0
        self._service = service
        self._secrets = [*service.secrets, *secrets]
        self._timeout = timeout
        self._compress = compress
        self._failures = 0
        self._answered = False
        urls = [with_scheme(endpoint.url) for endpoint in service.endpoints]
        self._session = session_to(urls[0])
        self._session.headers.update({"Content-Type": "application/json", "User-Agent": user_agent})
        if compress:
            self._session.headers["Content-Encoding"] = "gzip"
        # Only the body differs between requests; headers, proxies and certificates do not.
        self._prepared = [
            self._session.prepare_request(_request(endpoint, url, service))
            for endpoint, url in zip(service.endpoints, urls, strict=True)
        ]
        self._environment = [
            self._session.merge_environment_settings(url, {}, True, None, None) for url in urls
        ]

    def post(self, endpoint: int, messages: Sequence[bytes], retries: int = 0) -> Answer:
        """Send one batch once; failures of the service or the network raise no exception.

        Args:
            endpoint: The index of the service's endpoint.
            messages: UTF-8 JSON.
            retries: The number of attempts before this one.
        """
        request = self._prepared[endpoint].copy()
        body = b""
        deletes = self._service.endpoints[endpoint].deletes is not None
        if deletes:
            request.prepare_url(f"{request.url}/{_path_of(messages)}", None)
        else:
            body = self._service.body(messages)
            if self._compress:
                body = igzip.compress(body, GZIP_LEVEL, mtime=0)
            request.prepare_body(body, None)
        if retries:  # as Segment's own clients of 2026 send it, not on the first attempt
            request.headers["X-Retry-Count"] = str(retries)
        connect_seconds = self._connect_seconds
        try:
            response = self._session.send(
                request,
                timeout=(connect_seconds, self._timeout),
                allow_redirects=False,
                **self._environment[endpoint],
            )
            content = bytes(read_body(response, MAX_ANSWER_BYTES))
        except (requests.RequestException, ValueError) as error:  # ValueError: urllib3's
            answer = Answer(
                NO_ANSWER, detail=no_answer_reason(error, self._timeout, connect_seconds)
            )
        else:
            self._answered = True
            answer = self._read(response, content, deletes=deletes)
        self.bytes_sent += len(body)
        self._renew_after_failures(answer)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    @property
    def _connect_seconds(self) -> float:
        return self._timeout if self._answered else min(self._timeout, FIRST_CONNECT_SECONDS)

    def _read(self, response: requests.Response, content: bytes, *, deletes: bool) -> Answer:
        detail = status_line(response.status_code)
        if deletes and response.status_code == HTTPStatus.NOT_FOUND:
            return Answer(response.status_code, True, detail, headers=response.headers)
        is_success = HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES
        if is_success and self._service.accepts(content):
            return Answer(response.status_code, True, detail, headers=response.headers)
        if is_success:
            detail += " with a body that does not confirm success"
        text = without_secrets(content.decode(errors="replace"), self._secrets)
        return Answer(
            response.status_code,
            detail=detail,
            excerpt=text[:EXCERPT_CHARACTERS],
            headers=response.headers,
            about_sender=self._service.blames_sender(content),
        )

    def _renew_after_failures(self, answer: Answer) -> None:
        failed = answer.status == NO_ANSWER or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self._failures = self._failures + 1 if failed else 0
        if self._failures and self._failures % RENEW_AFTER == 0:
            self._session.close()


def _request(endpoint: Endpoint, url: str, service: Service) -> requests.Request:
    if endpoint.deletes is None:
        return requests.Request("POST", url, auth=HeaderAuth(service.headers))
    none = {"Content-Type": None, "Content-Encoding": None}
    return requests.Request("DELETE", url, none, auth=HeaderAuth(endpoint.deletes.headers))


def _path_of(messages: Sequence[bytes]) -> str:
    """Return the path that a request's only message deletes."""
    [message] = messages
    path: str = msgspec.json.decode(message)["delete"]
    return path
