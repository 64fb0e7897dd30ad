"""Senders side by side, each with one request at a time.

All messages of one key go through the same lane, so one user's changes arrive in their order,
retries and halvings included, while other users' go on in the other lanes. A lane's thread
only talks to the service; what comes of it is told in `Outcome`s to the reading thread, which
alone knows of checkpoints, rejects and counts.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from singer_delivery.errors import DeliveryError, ServiceError, place_of
from singer_delivery.sending.batching import Batch, Batcher, Limits, Message
from singer_delivery.sending.retry import Answer, Patience, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

logger = logging.getLogger("singer_delivery")

QUEUED_BATCHES = 2
"""Batches a lane may hold: the one that is being sent, and the next."""


class Poster(Protocol):
    """What a lane needs of a connection."""

    bytes_sent: int

    def post(self, endpoint: int, messages: Sequence[bytes]) -> Answer:
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


Outcome = Acknowledged | Refused | Failed | Finished


@dataclass(slots=True)
class Traffic:
    """What went over the wire."""

    requests: int = 0
    retries: int = 0
    waited_seconds: float = 0.0
    bytes_sent: int = 0


class Pace:
    """When the next request may go, for all lanes together.

    A lane that is told to slow down slows all of them.

    Args:
        per_second: At most so many requests a second, or None.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float]) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()

    def delay(self) -> float:
        """Take the next place and return 0, or return how long there is none."""
        with self._lock:
            now = self._clock()
            if self._next > now:
                return self._next - now
            self._next = now + self._interval
            return 0.0

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


class _StoppedError(Exception):
    """The run ends: leave the batch as it is."""


class Lane(threading.Thread):
    """One sender: takes batches, retries and halves them, and says what became of each message.

    Args:
        name: The thread's name.
        connection: This lane's own.
        pace: Shared by all lanes.
        max_seconds: How long a batch may be retried.
        report: Takes outcomes; called on this thread.
        stop: Set when the run ends early: nothing new is sent from then on.
        clock: Seconds on a clock that never goes back.
        uniform: A number from 0 to 1, for the jitter of waits.
    """

    def __init__(
        self,
        name: str,
        connection: Poster,
        *,
        pace: Pace,
        max_seconds: float,
        report: Callable[[Outcome], None],
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
                self._deliver(batch)
            except _StoppedError:
                pass
            except DeliveryError as error:
                self._report(Failed(error))
            except Exception as error:  # noqa: BLE001, a defect here must end the run, not hang it
                self._report(Failed(DeliveryError(f"Stopped by a defect: {place_of(error)}")))
            self._report(Finished(self))
        self._connection.close()

    def _deliver(self, batch: Batch) -> None:
        """Send a batch until the service has decided on each message of it."""
        endpoint, messages = batch
        answer = self._answer(endpoint, [message.body for message in messages])
        decision = verdict(answer)
        if decision is Verdict.ACKNOWLEDGED:
            self._report(Acknowledged(messages))
        elif decision is Verdict.STOP:
            raise ServiceError(
                f"The service refuses this sender: {answer.detail}. Check the key and the address."
            )
        elif len(messages) == 1:
            self._report(Refused(messages[0], answer))
        else:
            middle = len(messages) // 2
            self._deliver(Batch(endpoint, messages[:middle]))
            self._deliver(Batch(endpoint, messages[middle:]))

    def _answer(self, endpoint: int, bodies: Sequence[bytes]) -> Answer:
        """Send until there is an answer that is worth no further attempt."""
        patience = Patience(self._max_seconds)
        while True:
            self._wait_for_place()
            answer = self._connection.post(endpoint, bodies)
            self.traffic.requests += 1
            self.traffic.bytes_sent = self._connection.bytes_sent
            if verdict(answer) is not Verdict.AGAIN:
                return answer
            seconds, asked = patience.wait(
                answer, now=self._clock(), wall=time.time(), random=self._uniform
            )
            self.traffic.retries += 1
            logger.warning("%s; trying again in %.1f s", answer.detail, seconds)
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


@dataclass(slots=True)
class Lanes:
    """All lanes, and the batches that are filling up for each; used by the reading thread only.

    Args:
        limits: What one batch may hold, for each endpoint.
        lanes: Started senders.
        before_batch: Called before a batch is given to one of them; may raise.
    """

    limits: Sequence[Limits]
    lanes: Sequence[Lane]
    before_batch: Callable[[], None] | None = None
    _batchers: list[Batcher] = field(init=False)

    def __post_init__(self) -> None:
        self._batchers = [Batcher(self.limits) for _ in self.lanes]

    def put(self, message: Message, now: float) -> bool:
        """Take a message; its batch leaves when it is full. Tell whether one left."""
        number = zlib.crc32(message.key.encode()) % len(self.lanes)
        leaving = self._batchers[number].add(message, now)
        for batch in leaving:
            self._send(self.lanes[number], batch)
        return bool(leaving)

    def flush(self, now: float | None = None) -> None:
        """Let those batches leave that have waited long enough, or all of them."""
        for lane, batcher in zip(self.lanes, self._batchers, strict=True):
            deadline = batcher.deadline
            if deadline is not None and (now is None or deadline <= now):
                for batch in batcher.take():
                    self._send(lane, batch)

    @property
    def deadline(self) -> float | None:
        """When the next batch must leave."""
        return min((d for d in self._deadlines() if d is not None), default=None)

    @property
    def congested(self) -> bool:
        """Whether a lane holds all it may: nothing more should be read until it moves."""
        return any(lane.queued > QUEUED_BATCHES for lane in self.lanes)

    @property
    def busy(self) -> bool:
        """Whether any batch that left is not finished."""
        return any(lane.queued for lane in self.lanes)

    @property
    def traffic(self) -> Traffic:
        """What all lanes together put on the wire so far."""
        total = Traffic()
        for lane in self.lanes:
            total.requests += lane.traffic.requests
            total.retries += lane.traffic.retries
            total.waited_seconds += lane.traffic.waited_seconds
            total.bytes_sent += lane.traffic.bytes_sent
        return total

    def close(self) -> None:
        """Let the lanes end when they have finished what they hold."""
        for lane in self.lanes:
            lane.close()

    def _send(self, lane: Lane, batch: Batch) -> None:
        if self.before_batch:
            self.before_batch()
        lane.put(batch)

    def _deadlines(self) -> Iterator[float | None]:
        return (batcher.deadline for batcher in self._batchers)
