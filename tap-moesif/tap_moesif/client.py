"""Moesif's Management API: search, paging, rate and errors.

A search is the engine's own DSL in a POST; the next page is the same request with
`search_after`, the sort values of the last hit (Moesif, "Management API", "Searching"). Offset,
scroll and point-in-time are not offered.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections import deque
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import requests
from requests.auth import AuthBase
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Hit = dict[str, Any]

logger = logging.getLogger("tap-moesif")

MAX_PAGE_SIZE = 10_000
"""The engine's default window; Moesif publishes no limit of its own."""

RATE_WINDOW_SECONDS = 60
"""Moesif counts its 500 queries by calendar minute ("Management API", "Rate limits")."""

TIMEOUT_SECONDS = 120
MAX_FAILURES = 8  # in a row; about a minute in all
MAX_FAILURES_UNANSWERED = 4  # where no API ever answered: a wrong address, more likely
MAX_REFUSALS_FOR_RATE = 20  # in a row: somebody else uses up the limit
MAX_RATE_WAIT_SECONDS = 3_600  # asked for at once: better to run again then
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_MAX_SECONDS = 30.0


HINTS: Mapping[int, str] = {
    400: "the search was not understood; is app_id right?",
    404: "there is no such path; are api_url, users_path and companies_path right?",
    413: "the page is too large; set a smaller page_size.",
}


class MoesifError(Exception):
    """The sync cannot go on; the message says what to change, without keys or data."""


class _FailedError(MoesifError):
    """An attempt failed; the next may not."""


class _RateLimitedError(MoesifError):
    """Moesif asks to wait, `seconds` long."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Moesif's limit of queries a minute is reached")
        self.seconds = seconds


class BearerAuth(AuthBase):
    """The management key, as `requests` wants it so that a netrc file does not replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Pace:
    """Keeps within so many requests in any sixty seconds, so in any calendar minute too.

    Args:
        per_minute: The limit.
        clock: Seconds on a clock that never goes back.
        sleep: Waits for seconds.
    """

    def __init__(
        self, per_minute: int, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._times: deque[float] = deque(maxlen=per_minute)
        self._clock = clock
        self._sleep = sleep

    def take(self) -> None:
        """Wait until the next request may go."""
        if len(self._times) == self._times.maxlen:
            wait = self._times[0] + RATE_WINDOW_SECONDS - self._clock()
            if wait > 0:
                logger.info("Waiting %.0f s to stay within requests_per_minute", wait)
                self._sleep(wait)
        self._times.append(self._clock())


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
        wall: Seconds since the epoch.
        uniform: A number from 0 to 1.
    """

    url: str
    auth: AuthBase
    pace: Pace
    app_id: str | None = None
    session: requests.Session = field(default_factory=requests.Session)
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], float] = time.time
    uniform: Callable[[], float] = random.random
    _answered: bool = False

    def search(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        scope: str,
        params: Mapping[str, str] | None = None,
        otherwise: str = "",
    ) -> dict[str, Any]:
        """Ask for one page of a search.

        Args:
            path: Below the API's address.
            body: The engine's DSL.
            scope: What the key must be allowed to do, for the error message.
            params: Of the query string.
            otherwise: What else the user can do than to grant the scope.

        Returns:
            The answer, whose `hits.hits` is a list.

        Raises:
            MoesifError: There is no such answer to be had.
        """
        query = {**(params or {}), **({"app_id": self.app_id} if self.app_id else {})}
        failures = refusals = 0
        why: MoesifError
        while True:
            self.pace.take()
            try:
                return self._attempt(path, msgspec.json.encode(body), query, scope, otherwise)
            except _RateLimitedError as limited:
                refusals += 1
                if refusals == MAX_REFUSALS_FOR_RATE:
                    raise
                wait, why = limited.seconds, limited
            except _FailedError as failed:
                failures += 1
                if failures == (MAX_FAILURES if self._answered else MAX_FAILURES_UNANSWERED):
                    raise
                ceiling = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** (failures - 1))
                wait, why = ceiling * self.uniform(), failed
            logger.warning("%s; trying again in %.1f s", str(why).rstrip("."), wait)
            self.sleep(wait)

    def pages(
        self, path: str, query: Mapping[str, Any], *, sort: Sequence[Any], size: int, scope: str
    ) -> Iterator[list[Hit]]:
        """Walk through everything a query finds, page by page.

        Only an empty page is the end: the service may give less than was asked for.
        """
        body: dict[str, Any] = {"query": query, "sort": sort, "size": size}
        while hits := self.search(path, body, scope=scope)["hits"]["hits"]:
            yield hits
            after = hits[-1].get("sort")
            if not after or after == body.get("search_after"):
                raise MoesifError(
                    f"Moesif's answer to {path} does not say where the next page begins, so the "
                    "rest cannot be read. Please report this with the name of the path."
                )
            body["search_after"] = after

    def _attempt(
        self, path: str, body: bytes, query: Mapping[str, str], scope: str, otherwise: str
    ) -> dict[str, Any]:
        try:
            response = self.session.post(
                f"{self.url}{path}",
                data=body,
                params=query,
                auth=self.auth,
                headers={"Content-Type": "application/json"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:  # ValueError: urllib3's, of a host
            raise _FailedError(
                f"No answer from Moesif at {self.url} ({_reason(error)}). Is api_url right, and "
                "can this machine reach it?"
            ) from error
        if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            self._answered = True
            raise self._error(response, path, scope, otherwise)
        answer = _answer(response.content, path)
        self._answered = True
        return answer

    def _error(
        self, response: requests.Response, path: str, scope: str, otherwise: str
    ) -> MoesifError:
        status = response.status_code
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return MoesifError(
                f"Moesif refuses the key for {path} (HTTP {status}): management_api_key is wrong, "
                f"expired, or lacks the scope {scope}. Make a key with that scope in Moesif under "
                f"Settings > API Keys > Management API{otherwise}."
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = self._rate_wait(response.headers.get("Retry-After"))
            if wait > MAX_RATE_WAIT_SECONDS:
                return MoesifError(f"Moesif asks to wait {wait:.0f} s; run again after that.")
            return _RateLimitedError(wait)
        if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _FailedError(f"Moesif answers {path} with HTTP {status}.")
        hint = HINTS.get(status, "is api_url right?")
        return MoesifError(f"Moesif answers {path} with HTTP {status}: {hint}")

    def _rate_wait(self, retry_after: str | None) -> float:
        """Obey `Retry-After`; without one, wait for the next calendar minute."""
        next_minute = RATE_WINDOW_SECONDS - self.wall() % RATE_WINDOW_SECONDS
        try:
            return max(0.0, float(retry_after or "none"))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(retry_after or "").timestamp() - self.wall())
        except ValueError:
            return next_minute


def changed_between(field: str, since: str | None, until: str | None) -> dict[str, Any]:
    """Write the query for documents changed in a half-open stretch of time.

    Args:
        field: That holds the time.
        since: ISO 8601, or None: from the beginning, and those that have no such time.
        until: ISO 8601, or None: to the end.
    """
    bounds = {name: time for name, time in (("gte", since), ("lt", until)) if time}
    if not bounds:
        return {"match_all": {}}
    within = {"range": {field: {**bounds, "format": "strict_date_optional_time"}}}
    if since:
        return within
    return {
        "bool": {
            "should": [within, {"bool": {"must_not": [{"exists": {"field": field}}]}}],
            "minimum_should_match": 1,
        }
    }


def _answer(content: bytes, path: str) -> dict[str, Any]:
    """Read a search's answer.

    Raises:
        _FailedError: It is none, or says itself that it is incomplete.
    """
    try:
        answer = _decode(content)
        hits = answer["hits"]["hits"]
    except (ValueError, LookupError, TypeError) as error:
        raise _FailedError(
            f"The answer to {path} is not the JSON of a search. Does api_url lead to Moesif's API, "
            "and not to a proxy's page?"
        ) from error
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise _FailedError(f"The answer to {path} holds no list of hits.")
    if answer.get("timed_out"):
        raise _FailedError(f"Moesif ran out of time over {path}; its page is incomplete.")
    return answer  # type: ignore[no-any-return]


def _decode(content: bytes) -> Any:  # noqa: ANN401, JSON is what it is
    """Read JSON; half a character, as a text cut short can end in, becomes U+FFFD.

    Raises:
        ValueError: It is none.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _with_whole_characters(json.loads(content))


def _with_whole_characters(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_with_whole_characters(inner) for inner in value]
    if isinstance(value, dict):
        return {
            _with_whole_characters(name): _with_whole_characters(inner)
            for name, inner in value.items()
        }
    return value


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
