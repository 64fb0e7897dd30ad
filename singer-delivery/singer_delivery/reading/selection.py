"""The records that a run with `--send-only` or `--send-id` sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from singer_delivery.sending.batching import Message, RecordHandle
    from singer_delivery.sending.service import Endpoint

NOT_SELECTED = "not_chosen"
"""The reason of the other records, which are skipped."""


class EnoughSentError(Exception):
    """All selected records are sent, so the rest of the input need not be read."""


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
    """Selects records, and keeps their messages.

    Attributes:
        limit: The maximum number of records to send, or None for no limit.
        ids: Keys of records, or ids of users or companies; empty for all records.
    """

    limit: int | None = None
    ids: Collection[str] = ()
    _sent: list[_Sent] = field(default_factory=list)

    def may_include(self, key: str | None) -> bool:
        """Return whether a record without messages may be a selected one."""
        return not self.ids or key is None or key in self.ids

    def includes(self, key: str | None, messages: Sequence[Message]) -> bool:
        """Return whether a record is selected.

        Args:
            key: The values of its key properties as text.
            messages: Its messages, whose keys are the ids of users or companies.
        """
        return not self.ids or key in self.ids or any(each.key in self.ids for each in messages)

    def sent(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note that a record is sent.

        Args:
            record: Its handle.
            messages: Its messages.

        Raises:
            EnoughSentError: It is the last one.
        """
        self._sent.append(_Sent(record, messages))
        if self.limit is not None and len(self._sent) >= self.limit:
            raise EnoughSentError

    def text(self, endpoints: Sequence[Endpoint]) -> str:
        """Return a table of the messages that the service has acknowledged.

        It contains no user ids: a message without an id is identified by its record's number.

        Args:
            endpoints: The endpoints of the service.
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
