"""How long to wait before the next attempt, and when to give up; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_MAX_SECONDS = 60.0

MAX_WAITING_SECONDS = 3_600.0
"""How long one request may be retried in total, waits that the service requests included."""

_EPOCH_FROM = 1_000_000_000  # no service requests a wait of thirty years


def http_date(value: str | None) -> float | None:
    """Read an HTTP date as seconds since the epoch; one without a zone is UTC (RFC 9110, 5.6.7)."""
    try:
        when = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return when.timestamp()


def retry_after(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """Return the wait that an answer requests, in seconds.

    Args:
        status: The HTTP status; `X-RateLimit-Reset` is read on 429 only, as it is informational
            on other answers.
        headers: `Retry-After` (seconds or an HTTP date, RFC 9110, 10.2.3), else
            `X-RateLimit-Reset` (seconds: Segment, "HTTP Tracking API", rate limits; or an epoch
            time, as other services write it). `Date` is the service's clock.
        now: Seconds since the epoch by this machine's clock, for an answer without a `Date`.

    Returns:
        The seconds, or None if it requests no wait.
    """
    date = http_date(headers.get("Date"))
    now = now if date is None else date
    seconds = _seconds(headers.get("Retry-After"), now)
    if seconds is None and status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = _seconds(headers.get("X-RateLimit-Reset"), now)
    return seconds


def _seconds(value: str | None, now: float) -> float | None:
    try:
        number = float(value or "none")
    except ValueError:
        until = http_date(value)
        return None if until is None else max(0.0, until - now)
    if not 0 <= number < float("inf"):
        return None
    return max(0.0, number - now) if number >= _EPOCH_FROM else number


def backoff(attempt: int, random: Callable[[], float], most: float = BACKOFF_MAX_SECONDS) -> float:
    """Return a random wait below a doubling ceiling: exponential backoff with full jitter.

    Args:
        attempt: 1 for the first failure.
        random: Returns a number from 0 to 1.
        most: The highest ceiling, in seconds.
    """
    ceiling: float = min(most, BACKOFF_FIRST_SECONDS * 2 ** min(attempt - 1, 16))
    return ceiling * random()


class GivenUpError(Exception):
    """No further attempt is made.

    Attributes:
        seconds: The limit that is exceeded.
        attempts: The number of attempts.
    """

    def __init__(self, seconds: float, attempts: int) -> None:
        super().__init__(f"{attempts} attempts")
        self.seconds = seconds
        self.attempts = attempts


class FailedTooLongError(GivenUpError):
    """All attempts have failed for too long."""


class WaitedTooLongError(GivenUpError):
    """The service has requested one wait after another, for too long in total."""


class RequestedWaitTooLongError(GivenUpError):
    """The service requests a wait that is longer than the limit.

    Attributes:
        requested: The wait, in seconds.
    """

    def __init__(self, seconds: float, attempts: int, requested: float) -> None:
        super().__init__(seconds, attempts)
        self.requested = requested


@dataclass(slots=True)
class RetryBudget:
    """The waits and limits of repeated attempts at one request.

    A wait that the service requests counts neither as an attempt nor towards `max_seconds`. A
    single wait longer than `max_seconds` ends the attempts, and so does a total over
    `max_waiting_seconds`.

    Attributes:
        max_seconds: How long attempts may fail, from the first failure.
        max_waiting_seconds: How long all waits together may take.
    """

    max_seconds: float
    max_waiting_seconds: float = MAX_WAITING_SECONDS
    retries: int = 0
    _failures: int = 0
    _failing_since: float | None = None
    _waiting_since: float | None = None
    _waited: float = 0.0

    def __post_init__(self) -> None:
        self.max_waiting_seconds = max(self.max_seconds, self.max_waiting_seconds)

    def wait(
        self,
        requested: float | None,
        *,
        now: float,
        random: Callable[[], float],
        max_seconds: float | None = None,
    ) -> float:
        """Return how long to wait before the next attempt.

        Args:
            requested: The wait that the service requests, from `retry_after`.
            now: A monotonic clock, in seconds.
            random: Returns a number from 0 to 1.
            max_seconds: A lower limit for this kind of failure.

        Raises:
            GivenUpError: A limit is exceeded.
        """
        attempts = self.retries + 1
        if self._waiting_since is None:
            self._waiting_since = now
        if requested:  # zero is no wait; the usual backoff applies
            if requested > self.max_seconds:
                raise RequestedWaitTooLongError(self.max_seconds, attempts, requested)
            if self._failing_since is not None:
                self._failing_since += requested
            wait = requested
        else:
            most = self.max_seconds if max_seconds is None else min(max_seconds, self.max_seconds)
            wait = self._backoff(now, most, random)
        if self._waited + now - self._waiting_since + wait > self.max_waiting_seconds:
            raise WaitedTooLongError(self.max_waiting_seconds, attempts)
        self.retries += 1
        return wait

    def answered(self, now: float) -> None:
        """Reset after an answer that is not retried, for the next request."""
        if self._waiting_since is not None:
            self._waited += now - self._waiting_since
        self.retries = self._failures = 0
        self._failing_since = self._waiting_since = None

    def _backoff(self, now: float, most: float, random: Callable[[], float]) -> float:
        if self._failing_since is None:
            self._failing_since = now
        self._failures += 1
        left = self._failing_since + most - now
        if left <= 0:
            raise FailedTooLongError(most, self.retries + 1)
        return min(backoff(self._failures, random), left)
