"""The few records that a run with `--send-only` or `--send-id` sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from singer_delivery.sending.batching import Message, RecordHandle
    from singer_delivery.sending.service import Endpoint

NOT_CHOSEN = "not_chosen"
"""The reason of records that are skipped."""


class EnoughSentError(Exception):
    """All records that were asked for are sent, so the input need not be read any further."""


class _Sent(NamedTuple):
    record: RecordHandle
    messages: Sequence[Message]

    @property
    def is_delivered(self) -> bool:
        return (
            bool(self.record.attempts and not self.record.unresolved) and not self.record.rejected
        )


@dataclass(slots=True)
class Selection:
    """Chooses records, and remembers what they were sent as.

    Attributes:
        most: How many records are sent at most; None for all that have one of the ids.
        ids: Keys of records, or ids of users or companies; empty for any.
    """

    most: int | None = None
    ids: Collection[str] = ()
    _sent: list[_Sent] = field(default_factory=list)

    def may_hold(self, key: str | None) -> bool:
        """Return whether a record that is rejected or left out may be one that was asked for."""
        return not self.ids or key is None or key in self.ids

    def chooses(self, key: str | None, messages: Sequence[Message]) -> bool:
        """Return whether a record is to be sent.

        Args:
            key: The values of its key properties as text.
            messages: What it is sent as; their keys are the ids of users or companies.
        """
        return not self.ids or key in self.ids or any(each.key in self.ids for each in messages)

    def sent(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note that a record is sent.

        Args:
            record: Its handle.
            messages: What it is sent as.

        Raises:
            EnoughSentError: It is the last one.
        """
        self._sent.append(_Sent(record, messages))
        if self.most is not None and len(self._sent) >= self.most:
            raise EnoughSentError

    def text(self, endpoints: Sequence[Endpoint]) -> str:
        """Return a table of the messages that the service has acknowledged.

        No user's id is in it: a message without an id is found by its record's place in the input.

        Args:
            endpoints: Those of the service.
        """
        rows = [("record", "stream", "call", "id to look for")]
        rows += [
            (
                str(sent.record.number),
                sent.record.stream,
                message.call or endpoints[message.endpoint].name or "message",
                message.id or "(has none)",
            )
            for sent in self._sent
            if sent.is_delivered
            for message in sent.messages
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join(lines) if len(rows) > 1 else "Nothing was sent."
