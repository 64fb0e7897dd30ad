"""Lanes that send in parallel.

All messages with one key go through the same lane, so that the changes of one user arrive in order,
retries and halved batches included, while other lanes continue.
"""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from singer_delivery.sending.batching import Batch, Batcher, Limits, Message
from singer_delivery.sending.lane import Lane, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from singer_delivery.sending.lane import Connection, Report
    from singer_delivery.sending.pace import Pace
    from singer_delivery.sending.retry import Advice

QUEUED_BATCHES = 2
"""Batches that a lane may hold: the one being sent, and the next."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the batches of a run go.

    Attributes:
        limits: The limits of a batch, for each endpoint.
        connect: Returns a new connection, one for each lane.
        advice: Makes the errors that end the run.
        open: Opens what the connections write to, if that is a file; may raise `OutputError`.
    """

    limits: Sequence[Limits]
    connect: Callable[[], Connection]
    advice: Advice
    open: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Lanes:
    """All lanes and the batches being filled for each; used by the reading thread only.

    Args:
        limits: The limits of a batch, for each endpoint.
        lanes: Started lanes.
        before_batch: Called before a batch is queued; may raise.
    """

    limits: Sequence[Limits]
    lanes: Sequence[Lane]
    before_batch: Callable[[], None] | None = None
    _batchers: list[Batcher] = field(init=False)

    def __post_init__(self) -> None:
        self._batchers = [Batcher(self.limits) for _ in self.lanes]

    def put(self, message: Message, now: float) -> bool:
        """Add a message to its lane's batch; return whether a batch was queued."""
        number = zlib.crc32(message.key.encode()) % len(self.lanes)
        leaving = self._batchers[number].add(message, now)
        for batch in leaving:
            self._send(self.lanes[number], batch)
        return bool(leaving)

    def flush(self, now: float | None = None) -> None:
        """Queue the batches that are due at this time, or all of them."""
        for lane, batcher in zip(self.lanes, self._batchers, strict=True):
            deadline = batcher.deadline
            if deadline is not None and (now is None or deadline <= now):
                for batch in batcher.take():
                    self._send(lane, batch)

    @property
    def deadline(self) -> float | None:
        """When the next batch is due."""
        return min((d for d in self._deadlines() if d is not None), default=None)

    @property
    def congested(self) -> bool:
        """Whether a lane holds as many batches as it may, so that reading must pause."""
        return any(lane.queued > QUEUED_BATCHES for lane in self.lanes)

    @property
    def busy(self) -> bool:
        """Whether any queued batch is not finished."""
        return any(lane.queued for lane in self.lanes)

    @property
    def traffic(self) -> Traffic:
        """The traffic of all lanes so far."""
        total = Traffic()
        for lane in self.lanes:
            total.requests += lane.traffic.requests
            total.retries += lane.traffic.retries
            total.waited_seconds += lane.traffic.waited_seconds
            total.bytes_sent += lane.traffic.bytes_sent
        return total

    def close(self) -> None:
        """End the lanes' threads when their queues are empty."""
        for lane in self.lanes:
            lane.close()

    def _send(self, lane: Lane, batch: Batch) -> None:
        if self.before_batch:
            self.before_batch()
        lane.put(batch)

    def _deadlines(self) -> Iterator[float | None]:
        return (batcher.deadline for batcher in self._batchers)


def start_lanes(
    number: int,
    destination: Destination,
    *,
    pace: Pace,
    max_seconds: float,
    report: Callable[[Report], None],
    before_batch: Callable[[], None] | None,
    stop: threading.Event,
    clock: Callable[[], float],
) -> Lanes:
    """Start lanes to a destination.

    Args:
        number: How many.
        destination: Where batches go, and their limits.
        pace: Limits the request rate of all lanes.
        max_seconds: How long a batch may be retried.
        report: Takes the lanes' reports; called on their threads.
        before_batch: Called before a batch is queued; may raise.
        stop: Set when the run ends early; no new request is sent then.
        clock: A monotonic clock, in seconds.
    """
    reached = threading.Event()
    lanes = [
        Lane(
            f"lane-{each}",
            destination.connect(),
            pace=pace,
            max_seconds=max_seconds,
            advice=destination.advice,
            reached=reached,
            report=report,
            stop=stop,
            clock=clock,
        )
        for each in range(number)
    ]
    for lane in lanes:
        lane.start()
    return Lanes(destination.limits, lanes, before_batch)
