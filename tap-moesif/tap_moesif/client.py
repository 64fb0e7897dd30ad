"""Moesif's Management API over HTTP: one request at a time, its rate, its clock and its errors."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec
import requests
from requests.auth import AuthBase
from typing_extensions import override

from tap_moesif.errors import (
    FailedError,
    MoesifError,
    NotAllowedError,
    NotThereError,
    NotUnderstoodError,
    RateLimitedError,
    TooLargeError,
)
from tap_moesif.pace import RATE_WINDOW_SECONDS, Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

logger = logging.getLogger("tap-moesif")

TIMEOUT_SECONDS = 120
READ_AT_ONCE = 1 << 20  # bytes; `requests` itself takes a hundredth, for each page
CHUNK_BYTES = 1 << 20  # of an answer, in place of the 10 KB that `requests` reads at a time
MAX_FAILURES = 8  # in a row; about a minute in all
MAX_FAILURES_UNANSWERED = 4  # where no API ever answered: a wrong address, more likely
FAILURES_UNTIL_LESS = 2  # in a row: it may be the size of the page
MAX_REFUSALS_FOR_RATE = 20  # in a row: somebody else uses up the limit
MAX_RATE_WAIT_SECONDS = 3_600  # asked for at once: better to run again then
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_MAX_SECONDS = 30.0

HINTS: Mapping[int, str] = {
    400: "the search was not understood; is app_id right?",
    404: "there is no such path; are api_url, users_path and companies_path right?",
    413: "the page is too large; set a smaller page_size.",
}
ERRORS: Mapping[int, type[MoesifError]] = {
    400: NotUnderstoodError,
    404: NotThereError,
    413: TooLargeError,
}


class BearerAuth(AuthBase):
    """The management key, as `requests` wants it so that a netrc file does not replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs the key to be allowed to, for the error message.

    Attributes:
        stream: That is read.
        scope: The scope's name.
        otherwise: What else the user can do than to grant it.
    """

    stream: str
    scope: str
    otherwise: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request: a POST where it has a body, else a GET.

    Attributes:
        path: Below the API's address, with `{id}` where `id` belongs: so it can be shown.
        need: What the key must be allowed to do.
        params: Of the query string.
        body: JSON.
        id: Of what is asked for.
    """

    path: str
    need: Need
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    id: str = ""


@dataclass(slots=True)
class Moesif:
    """A connection to Moesif's Management API.

    Args:
        url: Of the API, without a trailing slash.
        auth: Proves who we are.
        pace: When the next request may go.
        app_id: Of the app, where the key serves several.
        session: Of `requests`.
        sleep: Waits for seconds.
        wall: Seconds since the epoch, on this machine's clock.
        uniform: A number from 0 to 1.

    Attributes:
        asked: When the last request that was answered was sent, on Moesif's clock, in seconds
            since the epoch. Where its answers have no `Date` this is the machine's own.
    """

    url: str
    auth: AuthBase
    pace: Pace
    app_id: str | None = None
    session: requests.Session = field(default_factory=requests.Session)
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time
    uniform: Callable[[], float] = random.random
    asked: float = 0.0
    _answered: bool = False

    def ask(
        self,
        request: Request,
        read: Callable[[bytes], T],
        less: Callable[[], Request | None] = lambda: None,
    ) -> T:
        """Send a request until its answer can be read.

        Args:
            request: What to ask.
            read: Reads the answer; raises a `FailedError` where it is not to be believed.
            less: Asks for less instead, where an answer was too large or may have been.

        Raises:
            MoesifError: There is no such answer to be had.
        """
        failures = refusals = 0
        while True:
            try:
                return self._attempt(request, read)
            except TooLargeError:
                smaller = less()
                if smaller is None:
                    raise
                request = smaller
            except RateLimitedError as limited:
                refusals = _again(refusals, MAX_REFUSALS_FOR_RATE, limited)
                self._wait(limited.seconds, limited)
            except FailedError as failed:
                most = MAX_FAILURES if self._answered else MAX_FAILURES_UNANSWERED
                failures = _again(failures, most, failed)
                if failures >= FAILURES_UNTIL_LESS:
                    request = less() or request
                ceiling = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** (failures - 1))
                self._wait(ceiling * self.uniform(), failed)

    def _wait(self, seconds: float, why: MoesifError) -> None:
        logger.warning("%s; trying again in %.1f s", str(why).rstrip("."), seconds)
        self.sleep(seconds)

    def now(self, request: Request) -> float:
        """Give the time on Moesif's clock; where nothing was answered yet, ask for something."""
        if not self.asked:
            self.ask(request, lambda _: None)
        return self.asked

    def _attempt(self, request: Request, read: Callable[[bytes], T]) -> T:
        with self.pace:
            sent = self.wall()
            response, content = self._send(request)
        if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            self._answered = True
            raise self._error(response, request)
        answer = read(content)
        self._answered = True
        date = _seconds(response.headers.get("Date"))
        # `Date` is cut to seconds and may be of the end of the search: never later than this.
        self.asked = sent if date is None else date - response.elapsed.total_seconds()
        return answer

    def _send(self, request: Request) -> tuple[requests.Response, bytes]:
        try:
            response = self.session.request(
                "GET" if request.body is None else "POST",
                f"{self.url}{request.path.replace('{id}', quote(request.id, safe=''))}",
                data=None if request.body is None else msgspec.json.encode(request.body),
                params={**request.params, **({"app_id": self.app_id} if self.app_id else {})},
                auth=self.auth,
                headers={"Content-Type": "application/json"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            )
            return response, b"".join(response.iter_content(CHUNK_BYTES))
        except (requests.RequestException, ValueError) as error:  # ValueError: urllib3's, of a host
            raise FailedError(
                f"No answer from Moesif at {self.url} ({_reason(error)}). Is api_url right, and "
                "can this machine reach it?"
            ) from error

    def _error(self, response: requests.Response, request: Request) -> MoesifError:
        status, path, need = response.status_code, request.path, request.need
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return NotAllowedError(
                f"Moesif refuses the key for {path} (HTTP {status}): management_api_key is wrong, "
                f"expired, or lacks the scope {need.scope}, which the stream '{need.stream}' "
                "needs. Make a key with that scope in Moesif under Settings > API Keys > "
                f"Management API, or {need.otherwise}.",
                need.scope,
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = self._rate_wait(response.headers)
            if wait > MAX_RATE_WAIT_SECONDS:
                return MoesifError(f"Moesif asks to wait {wait:.0f} s; run again after that.")
            return RateLimitedError(wait)
        text = f"Moesif answers {path} with HTTP {status}"
        if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return FailedError(f"{text}.")
        hint = HINTS.get(status, "is api_url right?")
        if status == HTTPStatus.BAD_REQUEST:
            hint += f" If it is, {need.otherwise}."
        return ERRORS.get(status, MoesifError)(f"{text}: {hint}")

    def _rate_wait(self, headers: Mapping[str, str]) -> float:
        """Obey `Retry-After`; without one, wait for the next calendar minute of Moesif's clock."""
        now = _seconds(headers.get("Date"))
        if now is None:
            now = self.wall()
        retry_after = headers.get("Retry-After")
        try:
            return max(0.0, float(retry_after or "none"))
        except ValueError:
            pass
        until = _seconds(retry_after)
        return (
            RATE_WINDOW_SECONDS - now % RATE_WINDOW_SECONDS
            if until is None
            else max(0.0, until - now)
        )


def _again(count: int, most: int, why: MoesifError) -> int:
    """Count one more, or give up."""
    if count + 1 == most:
        raise MoesifError(str(why)) from why
    return count + 1


def _seconds(date: str | None) -> float | None:
    """Read a header's date as seconds since the epoch."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None


def _reason(error: Exception) -> str:
    """Say in a word why there was no answer; the exception's own text can hold addresses."""
    if isinstance(error, requests.Timeout):
        return f"nothing within {TIMEOUT_SECONDS} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was closed in the middle of the answer"
    if isinstance(error, requests.ConnectionError):
        return "no connection, or closed without an answer"
    return type(error).__name__
