"""The records of a run, from their lines to their outcomes; used by one thread.

A record is read, and then sent, skipped or rejected. Once all of its messages are resolved, its
outcome is counted, and a STATE after it may be written.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from singer_delivery.errors import RecordRejected
from singer_delivery.sending.batching import RecordHandle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_delivery.fingerprints.changes import Fingerprints
    from singer_delivery.rejects.file import Rejects
    from singer_delivery.removals.comparison import RemovalDetector
    from singer_delivery.removals.messages import Remover
    from singer_delivery.reporting.reports import Reports
    from singer_delivery.sending.batching import Message
    from singer_delivery.state.writer import StateWriter


class Records:
    """Tracks each record of a run until its outcome is known.

    Args:
        states: Writes STATE lines, each once the records before it are resolved.
        rejects: The rejects file.
        reports: Reports the outcomes of the records.
        fingerprints: What was last acknowledged, if only changes are sent.
        removals: Detects removals, for `on_removed`; only with `fingerprints`.
    """

    def __init__(
        self,
        states: StateWriter,
        rejects: Rejects,
        reports: Reports,
        fingerprints: Fingerprints | None = None,
        removals: RemovalDetector | None = None,
    ) -> None:
        self._states = states
        self._rejects = rejects
        self._reports = reports
        self._summary = reports.summary
        self._fingerprints = fingerprints
        self._removals = removals
        self._numbers = count(1)

    def schema(self, stream: str, line: bytes, removers: Mapping[str, Remover]) -> None:
        """Note a SCHEMA.

        Args:
            stream: The name of the stream.
            line: The SCHEMA line.
            removers: The functions that make the messages for removals, by the stream's names
                after the stream maps.
        """
        self._rejects.schema(stream, line)
        if self._removals:
            self._removals.schema(stream, removers)

    def activate(self, stream: str, version: int | None) -> None:
        """Note an ACTIVATE_VERSION; if it ends a read, STATE waits for the removals."""
        if self._removals and self._removals.activate(stream, version):
            self._states.hold(stream)
        else:
            self._states.release(stream)

    @property
    def needs_keys(self) -> bool:
        """Whether the keys of records are needed: for their outcomes, or to detect removals."""
        return self._reports.outcomes is not None or self._removals is not None

    def read(
        self, stream: str, line: bytes, key: str | None = None, version: int | None = None
    ) -> RecordHandle:
        """Note a record that was read, and return the handle to resolve it by.

        Args:
            stream: The name of its stream.
            line: Its RECORD line.
            key: The values of its key properties as text, if `needs_keys`.
            version: The version of the stream that it belongs to.
        """
        self._summary.read[stream] += 1
        if self._removals:
            self._removals.record(stream, version)
            self._states.release(stream)
        interval = self._states.checkpoints.record()
        return RecordHandle(stream, line, interval, next(self._numbers), key)

    def detect_removals(self) -> Iterator[tuple[RecordHandle, Message]]:
        """Yield each removal with its message; reject those without one.

        Raises:
            OutputError: The reads cannot be compared.
            TooManyRemovedError: There are more removals than `max_removed` allows.
        """
        for stream, line, make in self._removals.detect() if self._removals else ():
            interval = self._states.checkpoints.record()
            record = RecordHandle(stream, line, interval, next(self._numbers), is_removal=True)
            try:
                message = make()
            except RecordRejected as rejected:
                self.reject(record, rejected)
            else:
                record.key = message.key
                yield record, message

    def accept(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note a record whose messages are sent, if they are changes."""
        if self._removals and not record.is_removal:
            self._removals.sent(record, messages)

    def changes(self, messages: Sequence[Message]) -> list[Message]:
        """Return those of a record's messages that must be sent; their entities were looked up."""
        return [each for each in messages if self._must_be_sent(each)]

    def before_batch(self) -> None:
        """Store what must survive a kill, before a batch is queued.

        Raises:
            OutputError: It cannot be stored.
        """
        if self._fingerprints:
            self._fingerprints.before_batch()
        if self._removals:
            self._removals.before_batch()

    def skip(self, record: RecordHandle, reason: str) -> None:
        """Count a skipped record by its reason."""
        self._summary.skip_reasons[reason] += 1
        record.reason = reason
        self._note_unsent(record)
        self.resolve(record, "skipped")

    def reject(self, record: RecordHandle, rejected: RecordRejected) -> None:
        """Put a record into the rejects file."""
        record.rejected = True
        record.reason = rejected.reason
        self._note_unsent(record)
        reason, detail = rejected.reason, rejected.detail
        self._rejects.add(record.stream, record.line, reason, detail, record.attempts)
        self._reports.rejected(record, rejected.reason)
        if not record.unresolved:
            self.resolve(record, "rejected")

    def resolve_message(self, message: Message, *, acknowledged: bool) -> None:
        """Note the outcome of a message, and with its last one that of the record."""
        if self._fingerprints:
            self._fingerprints.resolve(message, acknowledged=acknowledged)
        record = message.record
        if acknowledged and message.removes is not None:
            self._summary.removed[record.stream] += 1
            if self._removals:
                self._removals.forget(message.removes)
        if preview := self._reports.preview:
            preview.sent(message)
        record.unresolved -= 1
        if not record.unresolved:
            self.resolve(record, "rejected" if record.rejected else "delivered")

    def resolve(self, record: RecordHandle, outcome: str) -> None:
        """Count a record by its outcome, so that STATE may pass it."""
        self._reports.resolved(record, outcome)
        self._states.checkpoints.resolve(record.interval)

    def close(self) -> None:
        """Store what was noted, and close all files.

        Raises:
            OutputError: A file cannot be written.
        """
        self._rejects.sync()
        self._rejects.close()
        self._reports.close()
        if self._fingerprints:
            try:
                if self._removals:
                    self._fingerprints.flush()
                    self._removals.flush()
            finally:
                self._fingerprints.close()

    def _must_be_sent(self, message: Message) -> bool:
        if self._fingerprints is None or self._fingerprints.send(message):
            return True
        if message.removes and self._removals:
            self._removals.forget(message.removes)  # an earlier run has sent it
        return False

    def _note_unsent(self, record: RecordHandle) -> None:
        """Note a record that was read but is not sent."""
        if self._removals and not record.is_removal:
            self._removals.unsent(record)
