"""A lane: a thread that sends one request at a time.

It sends `Report`s to the reading thread, which alone handles checkpoints, rejects and counts.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from singer_delivery.errors import DefectError, DeliveryError, place_of
from singer_delivery.http import GivenUpError, RetryBudget, retry_after
from singer_delivery.sending.batching import Batch, Message
from singer_delivery.sending.retry import (
    UNREACHED_SECONDS,
    Answer,
    ServiceErrors,
    Verdict,
    is_unreached,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_delivery.sending.rate_limit import RateLimiter

logger = logging.getLogger("singer_delivery")


class Connection(Protocol):
    """A connection to the service; see `sending.connection`."""

    bytes_sent: int

    def post(self, endpoint: int, messages: Sequence[bytes], retries: int = 0) -> Answer:
        """Send one batch to an endpoint, once."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The service acknowledged these messages, after this many requests."""

    messages: Sequence[Message]
    attempts: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The service refused this message alone, after this many requests."""

    message: Message
    answer: Answer
    attempts: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The run must end with this error."""

    error: DeliveryError


@dataclass(frozen=True, slots=True)
class Answered:
    """A request ended with this status, or without an answer, after this many seconds."""

    endpoint: int
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A lane has finished a batch, delivered or not, after this many seconds."""

    lane: Lane
    seconds: float


Report = Acknowledged | Refused | Failed | Answered | Finished


@dataclass(slots=True)
class Traffic:
    """Counts of requests and bytes."""

    requests: int = 0
    retries: int = 0
    waited_seconds: float = 0.0
    bytes_sent: int = 0


class _StoppedError(Exception):
    """The run ends; the batch stays unresolved."""


class Lane(threading.Thread):
    """Sends batches in order, retries and halves them, and reports the outcomes.

    Args:
        name: The thread's name.
        connection: Used by this lane alone.
        rate_limiter: Limits the request rate of all lanes.
        max_seconds: How long a batch may be retried.
        errors: Makes the errors that end the run.
        reached: Set after the service's first answer; shared by all lanes.
        report: Receives the reports, on this thread.
        stop: Set when the run ends early; no new request is sent then.
        clock: A monotonic clock, in seconds.
        uniform: Returns a number from 0 to 1, for the jitter of waits.
    """

    def __init__(
        self,
        name: str,
        connection: Connection,
        *,
        rate_limiter: RateLimiter,
        max_seconds: float,
        errors: ServiceErrors,
        reached: threading.Event,
        report: Callable[[Report], None],
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.queued = 0  # batches that are not finished; counted by the reading thread
        self.traffic = Traffic()
        self._connection = connection
        self._rate_limiter = rate_limiter
        self._max_seconds = max_seconds
        self._errors = errors
        self._reached = reached
        self._report = report
        self._stop_sending = stop
        self._clock = clock
        self._uniform = uniform
        self._inbox: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()

    def put(self, batch: Batch) -> None:
        """Queue a batch."""
        self.queued += 1
        self._inbox.put(batch)

    def close(self) -> None:
        """End the thread when the queue is empty."""
        self._inbox.put(None)

    @override
    def run(self) -> None:
        """Deliver the queued batches in order."""
        while (batch := self._inbox.get()) is not None:
            started = self._clock()
            try:
                self._deliver(batch, RetryBudget(self._max_seconds))
            except _StoppedError:
                pass
            except DeliveryError as error:
                self._report(Failed(error))
            except Exception as error:  # noqa: BLE001, a bug here must end the run, not hang it
                self._report(Failed(DefectError(place=place_of(error))))
            self._report(Finished(self, self._clock() - started))
        self._connection.close()

    def _deliver(self, batch: Batch, budget: RetryBudget, attempts: int = 0) -> None:
        """Deliver a batch, halving it while it is refused.

        Args:
            batch: The messages.
            budget: Limits the retries of the whole batch.
            attempts: The number of earlier requests with these messages.
        """
        endpoint, messages = batch
        bodies = [message.body for message in messages]
        answer, tries = self._answer(endpoint, bodies, budget)
        attempts += tries
        decision = verdict(answer)
        if decision is Verdict.ACKNOWLEDGED:
            self._report(Acknowledged(messages, attempts))
        elif decision is Verdict.STOP:
            raise self._errors.of(endpoint).refused(answer)
        elif len(messages) == 1:
            self._report(Refused(messages[0], answer, attempts))
        else:
            middle = len(messages) // 2
            self._deliver(Batch(endpoint, messages[:middle]), budget, attempts)
            self._deliver(Batch(endpoint, messages[middle:]), budget, attempts)

    def _answer(
        self, endpoint: int, bodies: Sequence[bytes], budget: RetryBudget
    ) -> tuple[Answer, int]:
        """Send until the answer is not retried; return it and the number of requests."""
        tries = 0
        while True:
            tries += 1
            self._wait_for_turn()
            sent = self._clock()
            answer = self._connection.post(endpoint, bodies, budget.retries)
            self._report(Answered(endpoint, answer.status, self._clock() - sent))
            self.traffic.requests += 1
            self.traffic.bytes_sent = self._connection.bytes_sent
            if not is_unreached(answer):
                self._reached.set()
            if verdict(answer) is not Verdict.RETRY:
                budget.answered(self._clock())
                return answer, tries
            self._wait_after(answer, budget, self._errors.of(endpoint))

    def _wait_after(self, answer: Answer, budget: RetryBudget, errors: ServiceErrors) -> None:
        """Wait before the next attempt; a wait that the service requests applies to all lanes."""
        requested = retry_after(answer.status, answer.headers, time.time())
        unreached = not self._reached.is_set()
        try:
            seconds = budget.wait(
                requested,
                now=self._clock(),
                random=self._uniform,
                max_seconds=UNREACHED_SECONDS if unreached else None,
            )
        except GivenUpError as error:
            first = unreached and error.seconds < self._max_seconds
            raise errors.given_up(answer, error, first=first) from error
        self.traffic.retries += 1
        # Only the first, second, fourth and so on: retries may last an hour.
        if budget.retries.bit_count() == 1:
            logger.warning("%s: %s; retrying in %.1f s", errors.host, answer.detail, seconds)
        if requested or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._rate_limiter.pause(seconds)
        else:
            self._wait(seconds)

    def _wait_for_turn(self) -> None:
        if self._stop_sending.is_set():
            raise _StoppedError
        while (seconds := self._rate_limiter.delay()) > 0:
            self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        self.traffic.waited_seconds += seconds
        if self._stop_sending.wait(seconds):
            raise _StoppedError
