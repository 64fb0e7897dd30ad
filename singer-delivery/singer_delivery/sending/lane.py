"""One sender, with one request at a time.

Its thread only talks to the service; what comes of it is told in `Report`s to the reading thread,
which alone knows of checkpoints, rejects and counts.
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

from singer_delivery.errors import DeliveryError, place_of
from singer_delivery.http import GivenUpError, RetryBudget, retry_after
from singer_delivery.sending.batching import Batch, Message
from singer_delivery.sending.retry import (
    UNREACHED_SECONDS,
    Advice,
    Answer,
    Verdict,
    is_unreached,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_delivery.sending.pace import Pace

logger = logging.getLogger("singer_delivery")


class Connection(Protocol):
    """What a lane needs of a connection."""

    bytes_sent: int

    def post(self, endpoint: int, messages: Sequence[bytes], retries: int = 0) -> Answer:
        """Send one batch once, to one of the service's endpoints."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The service took these messages."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Refused:
    """The service refused this one message, sent alone."""

    message: Message
    answer: Answer


@dataclass(frozen=True, slots=True)
class Failed:
    """The run cannot go on."""

    error: DeliveryError


@dataclass(frozen=True, slots=True)
class Finished:
    """A lane is done with a batch, whatever became of it."""

    lane: Lane


Report = Acknowledged | Refused | Failed | Finished


@dataclass(slots=True)
class Traffic:
    """What went over the wire."""

    requests: int = 0
    retries: int = 0
    waited_seconds: float = 0.0
    bytes_sent: int = 0


class _StoppedError(Exception):
    """The run ends: leave the batch as it is."""


class Lane(threading.Thread):
    """One sender: takes batches, retries and halves them, and says what became of each message.

    Args:
        name: The thread's name.
        connection: This lane's own.
        pace: Shared by all lanes.
        max_seconds: How long a batch may be retried.
        advice: What to name where the run must end.
        reached: Set once the service has answered in this run; shared by all lanes.
        report: Takes outcomes; called on this thread.
        stop: Set when the run ends early: nothing new is sent from then on.
        clock: Seconds on a clock that never goes back.
        uniform: A number from 0 to 1, for the jitter of waits.
    """

    def __init__(
        self,
        name: str,
        connection: Connection,
        *,
        pace: Pace,
        max_seconds: float,
        advice: Advice,
        reached: threading.Event,
        report: Callable[[Report], None],
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.queued = 0  # the reading thread's own count of batches given and not finished
        self.traffic = Traffic()
        self._connection = connection
        self._pace = pace
        self._max_seconds = max_seconds
        self._advice = advice
        self._reached = reached
        self._report = report
        self._stop_sending = stop
        self._clock = clock
        self._uniform = uniform
        self._inbox: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()

    def put(self, batch: Batch) -> None:
        """Take a batch to deliver after those taken before."""
        self.queued += 1
        self._inbox.put(batch)

    def close(self) -> None:
        """End once everything taken is dealt with."""
        self._inbox.put(None)

    @override
    def run(self) -> None:
        """Deliver batch after batch."""
        while (batch := self._inbox.get()) is not None:
            try:
                self._deliver(batch, RetryBudget(self._max_seconds))
            except _StoppedError:
                pass
            except DeliveryError as error:
                self._report(Failed(error))
            except Exception as error:  # noqa: BLE001, a defect here must end the run, not hang it
                self._report(Failed(DeliveryError(f"Stopped by a defect: {place_of(error)}")))
            self._report(Finished(self))
        self._connection.close()

    def _deliver(self, batch: Batch, budget: RetryBudget) -> None:
        """Send a batch until the service has decided on each message of it."""
        endpoint, messages = batch
        answer = self._answer(endpoint, [message.body for message in messages], budget)
        decision = verdict(answer)
        if decision is Verdict.ACKNOWLEDGED:
            self._report(Acknowledged(messages))
        elif decision is Verdict.STOP:
            raise self._advice.refused(answer)
        elif len(messages) == 1:
            self._report(Refused(messages[0], answer))
        else:
            middle = len(messages) // 2
            self._deliver(Batch(endpoint, messages[:middle]), budget)
            self._deliver(Batch(endpoint, messages[middle:]), budget)

    def _answer(self, endpoint: int, bodies: Sequence[bytes], budget: RetryBudget) -> Answer:
        """Send until there is an answer that is worth no further attempt."""
        while True:
            self._wait_for_place()
            answer = self._connection.post(endpoint, bodies, budget.retries)
            self.traffic.requests += 1
            self.traffic.bytes_sent = self._connection.bytes_sent
            if not is_unreached(answer):
                self._reached.set()
            if verdict(answer) is not Verdict.AGAIN:
                budget.answered(self._clock())
                return answer
            self._wait_after(answer, budget)

    def _wait_after(self, answer: Answer, budget: RetryBudget) -> None:
        """Wait before the next attempt, or let all lanes wait where the service asks for it."""
        asked = retry_after(answer.status, answer.headers, time.time())
        unreached = not self._reached.is_set()
        try:
            seconds = budget.wait(
                asked,
                now=self._clock(),
                random=self._uniform,
                max_seconds=UNREACHED_SECONDS if unreached else None,
            )
        except GivenUpError as error:
            first = unreached and error.seconds < self._max_seconds
            raise self._advice.given_up(answer, error, first=first) from error
        self.traffic.retries += 1
        # The first, the second, the fourth and so on: it may be an hour of them.
        if budget.retries.bit_count() == 1:
            host = self._advice.host
            logger.warning("%s: %s; trying again in %.1f s", host, answer.detail, seconds)
        if asked or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._pace.pause(seconds)
        else:
            self._wait(seconds)

    def _wait_for_place(self) -> None:
        if self._stop_sending.is_set():
            raise _StoppedError
        while (seconds := self._pace.delay()) > 0:
            self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        self.traffic.waited_seconds += seconds
        if self._stop_sending.wait(seconds):
            raise _StoppedError
