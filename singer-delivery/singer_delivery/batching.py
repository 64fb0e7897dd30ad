"""Messages into batches that keep a service's limits in rows, bytes and waiting time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from singer_delivery.checkpoints import Stretch


@dataclass(slots=True, eq=False)
class Source:
    """The record that messages come from, followed until all of them are settled.

    Attributes:
        stream: The stream's name.
        line: The RECORD line as it came, kept for the rejects file.
        stretch: Where it stands between STATE lines.
        unsettled: How many of its messages are still on their way.
        rejected: Whether one of its messages was rejected.
    """

    stream: str
    line: bytes
    stretch: Stretch
    unsettled: int = 0
    rejected: bool = False


@dataclass(slots=True, eq=False)
class Message:
    """One call to the service, encoded.

    Attributes:
        key: What must stay in order: a user's or a company's id.
        body: UTF-8 JSON, as it will stand in the request.
        source: The record it comes from.
    """

    key: str
    body: bytes
    source: Source


@dataclass(frozen=True, slots=True)
class Limits:
    """What one batch may hold.

    Attributes:
        rows: Messages.
        size: Bytes of the request's body before compression.
        envelope: Bytes of the body around the messages.
        seconds: How long a message may wait for its batch to fill.
    """

    rows: int
    size: int
    envelope: int
    seconds: float


@dataclass(slots=True)
class Batcher:
    """Fills one batch after another; of all that it takes nothing is lost or reordered."""

    limits: Limits
    _messages: list[Message] = field(default_factory=list)
    _size: int = 0
    _deadline: float = 0.0

    def add(self, message: Message, now: float) -> list[Message] | None:
        """Take a message; give the batch that it completes or does not fit into, if any."""
        size = len(message.body) + 1  # and a comma
        full = None
        if self._messages and self.limits.envelope + self._size + size > self.limits.size:
            full = self.take()
        if not self._messages:
            self._deadline = now + self.limits.seconds
        self._messages.append(message)
        self._size += size
        if full is None and len(self._messages) >= self.limits.rows:
            full = self.take()
        return full

    def take(self) -> list[Message]:
        """Give what is there, perhaps nothing, and begin anew."""
        messages, self._messages, self._size = self._messages, [], 0
        return messages

    @property
    def deadline(self) -> float | None:
        """When the batch must go even if it is not full, on the clock of `add`."""
        return self._deadline if self._messages else None
