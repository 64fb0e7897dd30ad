"""Lanes, which send in parallel.

All messages with the same key use the same lane, so that the changes of one user arrive in order,
even after retries and halved batches, while other lanes continue.
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
    from singer_delivery.sending.rate_limit import RateLimiter
    from singer_delivery.sending.retry import ServiceErrors

QUEUED_BATCHES = 2
"""The maximum number of batches in a lane: the one being sent, and the next."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of a run's batches.

    Attributes:
        limits: The limits of batches, for each endpoint.
        connect: Returns a new connection, for one lane.
        errors: Makes the errors that end the run.
        open: Opens the file that the connections write to, if any; may raise `OutputError`.
    """

    limits: Sequence[Limits]
    connect: Callable[[], Connection]
    errors: ServiceErrors
    open: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Lanes:
    """All lanes and their open batches; used by the reading thread only.

    Args:
        limits: The limits of batches, for each endpoint.
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
        batches = self._batchers[number].add(message, now)
        for batch in batches:
            self._send(self.lanes[number], batch)
        return bool(batches)

    def flush(self, now: float | None = None) -> None:
        """Queue the batches that are due by this time, or all of them."""
        for lane, batcher in zip(self.lanes, self._batchers, strict=True):
            deadline = batcher.deadline
            if deadline is not None and (now is None or deadline <= now):
                for batch in batcher.drain():
                    self._send(lane, batch)

    @property
    def deadline(self) -> float | None:
        """When the next batch is due."""
        return min((d for d in self._deadlines() if d is not None), default=None)

    @property
    def congested(self) -> bool:
        """Whether a lane has more batches than it may, so that reading must pause."""
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
    rate_limiter: RateLimiter,
    max_seconds: float,
    report: Callable[[Report], None],
    before_batch: Callable[[], None] | None,
    stop: threading.Event,
    clock: Callable[[], float],
) -> Lanes:
    """Start the lanes of a run.

    Args:
        number: The number of lanes.
        destination: The destination of batches, and their limits.
        rate_limiter: Limits the request rate of all lanes.
        max_seconds: How long a batch may be retried.
        report: Receives the lanes' reports, on their threads.
        before_batch: Called before a batch is queued; may raise.
        stop: Set when the run ends early; no new request is sent then.
        clock: A monotonic clock, in seconds.
    """
    reached = threading.Event()
    lanes = [
        Lane(
            f"lane-{each}",
            destination.connect(),
            rate_limiter=rate_limiter,
            max_seconds=max_seconds,
            errors=destination.errors,
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
