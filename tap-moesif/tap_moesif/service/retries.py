"""Retries: how many, and how long to wait before each; pure.

| failure                                 | retries                                              |
|-----------------------------------------|------------------------------------------------------|
| after an earlier response from Moesif   | up to 8 attempts, in about a minute                  |
| before any response from Moesif         | up to 4 attempts in 50 s: the address may be wrong   |
| a response that asks to wait            | after that wait, up to an hour of waits in all       |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from singer_delivery.http import backoff
from singer_delivery.http.waits import MAX_WAITING_SECONDS
from tap_moesif.service.errors import AttemptError, GivenUpError, LongWaitError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ATTEMPTS = 8
MAX_ATTEMPTS_UNANSWERED = 4
MAX_SECONDS_UNANSWERED = 50.0
MAX_REQUESTED_WAIT_SECONDS = MAX_WAITING_SECONDS
BACKOFF_MAX_SECONDS = 30.0
MIN_REQUESTED_WAIT_SECONDS = 1.0


@dataclass(slots=True)
class RetryBudget:
    """The attempts of one request, and the waits between them.

    Args:
        started: When the request was first sent, on a monotonic clock, in seconds.
        random: Returns a random number from 0 to 1.
        max_failures: Maximum number of failures.
    """

    started: float
    random: Callable[[], float]
    max_failures: int = MAX_ATTEMPTS
    failures: int = 0
    _attempts: int = 0
    _waited: float = 0.0

    def wait(self, error: AttemptError, now: float, *, answered: bool) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            error: The error of the last attempt.
            now: The current time, on the clock of `started`.
            answered: Whether Moesif has responded to any request in this run.

        Raises:
            MoesifError: There are no attempts left.
        """
        self._attempts += 1
        if error.wait:  # with zero, our own backoff applies
            return self._requested_wait(error, error.wait)
        self.failures += 1
        seconds = now - self.started - self._waited
        gone = self.failures >= MAX_ATTEMPTS_UNANSWERED or seconds >= MAX_SECONDS_UNANSWERED
        if self.failures >= self.max_failures or (gone and not answered):
            raise GivenUpError(
                failure=error, attempts=self._attempts, seconds=seconds, advice=error.advice
            ) from error
        return backoff(self.failures, self.random, BACKOFF_MAX_SECONDS)

    def _requested_wait(self, error: AttemptError, seconds: float) -> float:
        if self._waited + seconds > MAX_REQUESTED_WAIT_SECONDS:
            before = f", after {self._waited:.0f} s in {self._attempts - 1} waits"
            raise LongWaitError(
                failure=error,
                requested=seconds,
                before=before if self._waited else "",
                limit=MAX_REQUESTED_WAIT_SECONDS,
                advice=error.advice,
            ) from error
        wait = max(seconds, MIN_REQUESTED_WAIT_SECONDS)
        self._waited += wait
        return wait
