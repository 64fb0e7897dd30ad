"""How often a request is sent again, and after which wait; pure.

| attempt                             | what follows                                             |
|-------------------------------------|----------------------------------------------------------|
| failed, Moesif has answered before  | again, up to 8 attempts, about a minute                  |
| failed, nothing was ever answered   | again, up to 4 attempts within 50 s: a wrong address     |
| Moesif asks to wait                 | again after that wait; an hour of these in all, no more  |
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
MAX_ASKED_SECONDS = MAX_WAITING_SECONDS
BACKOFF_MAX_SECONDS = 30.0
MIN_ASKED_SECONDS = 1.0


@dataclass(slots=True)
class RetryBudget:
    """What one request has cost so far.

    Args:
        started: When it was first sent, in seconds on a clock that never goes back.
        random: Returns a number from 0 to 1.
        most: How often it may fail.
    """

    started: float
    random: Callable[[], float]
    most: int = MAX_ATTEMPTS
    failures: int = 0
    _attempts: int = 0
    _asked: float = 0.0

    def wait(self, error: AttemptError, now: float, *, answered: bool) -> float:
        """Return how many seconds to wait before the next attempt.

        Args:
            error: Why the last attempt failed.
            now: The time, on the clock of `started`.
            answered: Whether Moesif has answered anything in this run.

        Raises:
            MoesifError: There is no next attempt.
        """
        self._attempts += 1
        if error.wait:  # zero asks for nothing: our own backoff keeps us from hammering
            return self._as_asked(error, error.wait)
        self.failures += 1
        seconds = now - self.started - self._asked
        gone = self.failures >= MAX_ATTEMPTS_UNANSWERED or seconds >= MAX_SECONDS_UNANSWERED
        if self.failures >= self.most or (gone and not answered):
            raise GivenUpError(
                failure=error, attempts=self._attempts, seconds=seconds, advice=error.advice
            ) from error
        return backoff(self.failures, self.random, BACKOFF_MAX_SECONDS)

    def _as_asked(self, error: AttemptError, seconds: float) -> float:
        if self._asked + seconds > MAX_ASKED_SECONDS:
            before = f", after {self._asked:.0f} s in {self._attempts - 1} waits"
            raise LongWaitError(
                failure=error,
                asked=seconds,
                before=before if self._asked else "",
                most=MAX_ASKED_SECONDS,
                advice=error.advice,
            ) from error
        wait = max(seconds, MIN_ASKED_SECONDS)
        self._asked += wait
        return wait
