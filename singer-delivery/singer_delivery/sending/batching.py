"""Batches of messages, within limits of rows, bytes and waiting time."""

from __future__ import annotations

import sys
from collections.abc import Sequence  # noqa: TC003, msgspec looks at it
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import msgspec

from singer_delivery.errors import RecordRejected
from singer_delivery.fingerprints.subjects import Subject  # noqa: TC001
from singer_delivery.state.checkpoints import StateInterval  # noqa: TC001, msgspec looks at it


class RecordHandle(msgspec.Struct, eq=False, gc=False):
    """A record, tracked until all of its messages are resolved.

    Attributes:
        stream: The stream's name.
        line: The RECORD line as it was read, for the rejects file.
        interval: The STATE interval that it belongs to.
        number: Its number among the records of the input, from 1.
        key: The values of its key properties as text, if its outcome is reported.
        unresolved: The number of its unresolved messages.
        rejected: Whether one of its messages was rejected.
        reason: Why it was rejected or skipped.
        attempts: The number of requests that it was sent in.
        call: The calls of its messages, if its outcome is reported.
        message_id: The ids of its messages, if its outcome is reported.
        is_removal: Whether it stands for a removed user or company instead of a record.
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
        key: The order key, such as the id of the user: messages with the same key arrive in order.
        body: The encoded message, UTF-8 JSON.
        endpoint: The index of the service's endpoint that receives it.
        entity_key: The key of the user or company that it describes, from
            `fingerprints.changes.entity_key`, if only changes are sent; None for an event.
        fingerprint: 16-byte digest of the content, if only changes are sent.
        id_at: The offset of its id in the body, if the id is made from the content.
        call: The kind of message for reports, such as `identify`; by default the endpoint's name.
        id: Its id in the service, for reports, if it has one.
        subject: The user or company that it describes, if `on_removed` needs it.
        traits: The names of its traits, if `on_removed` sets them to null.
        removes: If it removes its subject: the entity keys to delete once it is acknowledged.
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
    """The messages of one request to one endpoint."""

    endpoint: int
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a batch.

    Attributes:
        rows: The maximum number of messages.
        size: The maximum size of the body in bytes, before compression.
        envelope: The size of a body without messages, in bytes.
        seconds: How long a message may wait for its batch to fill.
        message: The maximum size of one message, in bytes.
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
class _OpenBatch:
    """A batch that is not full."""

    limits: Limits
    messages: list[Message] = field(default_factory=list)
    size: int = 0
    deadline: float = 0.0

    def drain(self) -> list[Message]:
        """Return the messages, and start an empty batch."""
        messages, self.messages, self.size = self.messages, [], self.limits.envelope
        return messages


class Batcher:
    """Fills the batches of one lane.

    Messages to one endpoint keep their order. A batch is returned after those of the endpoints
    before its own, so that a user arrives before the user's actions.

    Args:
        limits: The limits for each endpoint, in the order in which the endpoints must be reached.
    """

    def __init__(self, limits: Sequence[Limits]) -> None:
        self._open = [_OpenBatch(each, size=each.envelope) for each in limits]

    def add(self, message: Message, now: float) -> Sequence[Batch]:
        """Add a message; return the batches that are due, usually none."""
        batch = self._open[message.endpoint]
        limits = batch.limits
        size = len(message.body) + 1  # with a comma
        due: Sequence[Batch] = ()
        if batch.messages and batch.size + size > limits.size:
            due = self.drain(message.endpoint)
        if not batch.messages:
            batch.deadline = now + limits.seconds
        batch.messages.append(message)
        batch.size += size
        if len(batch.messages) >= limits.rows:
            due = [*due, *self.drain(message.endpoint)]
        return due

    def drain(self, endpoint: int | None = None) -> list[Batch]:
        """Return the batches of the endpoints up to this one, or of all; start empty ones."""
        last = len(self._open) if endpoint is None else endpoint + 1
        return [
            Batch(number, batch.drain())
            for number, batch in enumerate(self._open[:last])
            if batch.messages
        ]

    @property
    def deadline(self) -> float | None:
        """When the oldest batch is due even if it is not full, on the clock of `add`."""
        return min((each.deadline for each in self._open if each.messages), default=None)
