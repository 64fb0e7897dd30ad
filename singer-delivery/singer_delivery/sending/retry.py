"""What an answer means and how long to wait before the next attempt; pure.

| answer                                        | what follows                               |
|-----------------------------------------------|--------------------------------------------|
| 2xx that reads as accepted                    | acknowledged                               |
| no answer, 408, 429, 5xx but 501, 2xx that    | again, after exponential backoff with full |
| does not read as accepted                     | jitter or as long as the service asks      |
| 400, 413, 422                                 | halved, until the bad message stands alone |
| everything else                               | the run stops, nothing is rejected         |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_delivery.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_ANSWER = 0
"""The status of a request to which no answer came."""

BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_MAX_SECONDS = 60.0

RETRIED = frozenset({NO_ANSWER, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
HALVED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said to one request.

    Attributes:
        status: The HTTP status, or `NO_ANSWER`.
        accepted: Whether the body of a 2xx says what it says on success.
        detail: A few words for the log, without secrets or payload.
        excerpt: The beginning of the body for the rejects file, without secrets.
        headers: The answer's headers, names in any case as `requests` has them.
    """

    status: int
    accepted: bool = False
    detail: str = ""
    excerpt: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Verdict(Enum):
    """What an answer means for the batch it answers."""

    ACKNOWLEDGED = auto()
    AGAIN = auto()
    REFUSED = auto()
    STOP = auto()


def verdict(answer: Answer) -> Verdict:
    """Read the table at the top of this module."""
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.ACKNOWLEDGED if answer.accepted else Verdict.AGAIN
    if status in RETRIED:
        return Verdict.AGAIN
    if status in HALVED:
        return Verdict.REFUSED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
        return Verdict.AGAIN
    return Verdict.STOP


def asked_wait(headers: Mapping[str, str], wall: float) -> float | None:
    """Read how many seconds the service asks to wait, or None.

    Args:
        headers: `Retry-After` (seconds or an HTTP date, RFC 9110, 10.2.3), else
            `X-RateLimit-Reset` (seconds: Segment, "HTTP Tracking API", rate limits; an epoch
            time where it is one, as other services write it).
        wall: Seconds since the epoch.
    """
    for name in ("Retry-After", "X-RateLimit-Reset"):
        seconds = _seconds(headers.get(name), wall)
        if seconds is not None:
            return seconds
    return None


_EPOCH_FROM = 1_000_000_000  # no service asks for a wait of thirty years


def _seconds(value: str | None, wall: float) -> float | None:
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        return _seconds_until(value, wall)
    if number != number or number < 0:  # noqa: PLR0124, NaN
        return None
    return max(0.0, number - wall) if number >= _EPOCH_FROM else number


def _seconds_until(date: str, wall: float) -> float | None:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, when.timestamp() - wall)


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """Exponential backoff with full jitter: a wait anywhere below the doubling ceiling.

    Args:
        attempt: 1 for the first failure.
        random: A number from 0 to 1.
    """
    ceiling: float = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(attempt - 1, 16))
    return ceiling * random()


@dataclass(slots=True)
class Patience:
    """How long one batch has been failing, and what to do next.

    Waits that the service asked for count neither as attempts nor as time; one ask longer
    than `max_seconds` ends the run.

    Attributes:
        max_seconds: How long a batch may fail before the run stops (`retry_max_seconds`).
    """

    max_seconds: float
    _failing_since: float | None = None
    _attempts: int = 0

    def wait(
        self, answer: Answer, *, now: float, wall: float, random: Callable[[], float]
    ) -> tuple[float, bool]:
        """Say how long to wait before the next attempt, and whether the service asked for it.

        Raises:
            ServiceError: It has taken, or would take, longer than `max_seconds`.
        """
        asked = asked_wait(answer.headers, wall)
        if asked:  # zero asks for nothing: our own backoff keeps us from hammering
            if asked > self.max_seconds:
                raise ServiceError(
                    f"The service asks to wait {asked:.0f} s ({answer.detail}), longer than "
                    f"retry_max_seconds ({self.max_seconds:g}): run again later, or raise it."
                )
            if self._failing_since is not None:
                self._failing_since += asked
            return asked, True
        if self._failing_since is None:
            self._failing_since = now
        self._attempts += 1
        wait = backoff(self._attempts, random)
        left = self._failing_since + self.max_seconds - now
        if left <= 0:
            raise ServiceError(
                f"No delivery for {self.max_seconds:g} s (retry_max_seconds): {answer.detail}."
            )
        return min(wait, left), False
