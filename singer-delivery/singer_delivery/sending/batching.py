"""Batches of messages, within a service's limits of rows, bytes and waiting time."""

from __future__ import annotations

import sys
from collections.abc import Sequence  # noqa: TC003, msgspec looks at it
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import msgspec

from singer_delivery.errors import RecordRejected
from singer_delivery.fingerprints.identities import Subject  # noqa: TC001
from singer_delivery.state.checkpoints import StateInterval  # noqa: TC001, msgspec looks at it


class RecordHandle(msgspec.Struct, eq=False, gc=False):
    """A record, tracked until all of its messages are resolved.

    Attributes:
        stream: The stream's name.
        line: The RECORD line as it was read, for the rejects file.
        interval: The STATE interval that it belongs to.
        number: Its place among the records of the input, from 1.
        key: The values of its key properties as text, if its outcome is reported.
        unresolved: The number of its messages that are not resolved.
        rejected: Whether one of its messages was rejected.
        reason: Why it was rejected or skipped.
        attempts: The number of requests that it was sent in.
        call: The calls that it was sent as, if its outcome is reported.
        message_id: Their ids.
        is_removal: Whether it is no record, but a user or company that a complete read lacks.
    """

    stream: str
    line: bytes
    interval: StateInterval
    number: int = 0
    key: str | None = None
    unresolved: int = 0
    rejected: bool = False
    reason: str | None = None
    attempts: int = 0
    call: str | None = None
    message_id: str | None = None
    is_removal: bool = False


class Message(msgspec.Struct, eq=False, gc=False):
    """One call to the service, encoded.

    Attributes:
        key: Messages with the same key arrive in order, such as those of one user.
        body: The message as it is sent, UTF-8 JSON.
        endpoint: The index of the service's endpoint that it is sent to.
        entity_key: The key of the user or company that it describes, from
            `fingerprints.changes.entity_key`, if only changes are sent; None for an event.
        fingerprint: 16-byte digest of the content, if only changes are sent.
        id_at: The offset of its id in the body, if the id is made from the content.
        call: The kind of message, such as `identify`, for reports; the endpoint's name by default.
        id: The id by which the service knows it, for reports, if it has one.
        subject: The user or company that it describes, if `on_removed` needs it.
        traits: The names of the traits that it sends, if `on_removed` sets them to null.
        removes: If it tells that its subject is gone: the entity keys that are forgotten then.
        record: The handle of its record; set when it is sent.
    """

    key: str
    body: bytes
    endpoint: int = 0
    entity_key: int | None = None
    fingerprint: bytes = b""
    id_at: int = 0
    call: str = ""
    id: str = ""
    subject: Subject | None = None
    traits: tuple[str, ...] = ()
    removes: Sequence[int] | None = None
    record: RecordHandle = cast("RecordHandle", None)


class Batch(NamedTuple):
    """Messages that go to one endpoint in one request."""

    endpoint: int
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one batch may hold.

    Attributes:
        rows: Messages.
        size: Bytes of the body, before compression.
        envelope: Bytes of a body without messages.
        seconds: How long a message may wait for its batch to fill.
        message: Bytes of the largest message that the service takes.
    """

    rows: int
    size: int
    envelope: int
    seconds: float
    message: int = sys.maxsize

    def check(self, message: Message) -> None:
        """Check that a message fits into a batch of its own.

        Raises:
            RecordRejected: It is too large for the service.
        """
        if len(message.body) > self.message:
            raise RecordRejected(
                "message_too_large",
                f"The message has {len(message.body)} bytes; a batch takes {self.message}.",
            )


@dataclass(slots=True)
class _Filling:
    """A batch that is not full."""

    limits: Limits
    messages: list[Message] = field(default_factory=list)
    size: int = 0
    deadline: float = 0.0

    def take(self) -> list[Message]:
        """Return the messages, perhaps none, and start an empty batch."""
        messages, self.messages, self.size = self.messages, [], self.limits.envelope
        return messages


class Batcher:
    """Fills the batches of one lane.

    The messages to one endpoint keep their order. When a batch is returned, the batches of the
    endpoints before its own come first, so that a user arrives before the user's actions.

    Args:
        limits: For each endpoint, in the order in which they must be reached.
    """

    def __init__(self, limits: Sequence[Limits]) -> None:
        self._fillings = [_Filling(each, size=each.envelope) for each in limits]

    def add(self, message: Message, now: float) -> Sequence[Batch]:
        """Add a message; return the batches that are due, usually none."""
        filling = self._fillings[message.endpoint]
        limits = filling.limits
        size = len(message.body) + 1  # and a comma
        leaving: Sequence[Batch] = ()
        if filling.messages and filling.size + size > limits.size:
            leaving = self.take(message.endpoint)
        if not filling.messages:
            filling.deadline = now + limits.seconds
        filling.messages.append(message)
        filling.size += size
        if len(filling.messages) >= limits.rows:
            leaving = [*leaving, *self.take(message.endpoint)]
        return leaving

    def take(self, endpoint: int | None = None) -> list[Batch]:
        """Return the batches of the endpoints up to this one, or of all, and start empty ones."""
        last = len(self._fillings) if endpoint is None else endpoint + 1
        return [
            Batch(number, filling.take())
            for number, filling in enumerate(self._fillings[:last])
            if filling.messages
        ]

    @property
    def deadline(self) -> float | None:
        """When the oldest batch is due even if it is not full, on the clock of `add`."""
        return min((each.deadline for each in self._fillings if each.messages), default=None)
