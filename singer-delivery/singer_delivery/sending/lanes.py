"""Senders side by side.

All messages of one key go through the same lane, so one user's changes arrive in their order,
retries and halvings included, while other users' go on in the other lanes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from singer_delivery.sending.batching import Batch, Batcher, Limits, Message
from singer_delivery.sending.lane import Lane, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from singer_delivery.sending.lane import Connection
    from singer_delivery.sending.retry import Advice

QUEUED_BATCHES = 2
"""Batches a lane may hold: the one that is being sent, and the next."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the batches of a run go.

    Attributes:
        limits: What a batch may hold, for each of the service's endpoints.
        connect: Makes one lane's connection.
        advice: What to name where the service ends the run.
        open: Opens what the connections write to, if that is a file; may raise `OutputError`.
    """

    limits: Sequence[Limits]
    connect: Callable[[], Connection]
    advice: Advice
    open: Callable[[], None] = lambda: None


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
