"""The outcomes file: the outcome of each record, one line per record.

It is a Singer stream (SCHEMA and RECORD lines), so that any target can load it into a table. It
contains the key of a record and no other value of it. A line with `delivered` is written after the
acknowledgement, and a STATE line only once the lines of all records before it are on the disk.
After a kill, the line of a delivered record may be missing; the next run then sends the record
again and writes the line.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_delivery.files import LineFile
    from singer_delivery.reporting.run import Run
    from singer_delivery.sending.batching import Message, RecordHandle
    from singer_delivery.sending.service import Endpoint

STREAM = "delivery_outcomes"

RESOLUTION_SECONDS = 0.001
"""Records that are resolved within this time have the same timestamp."""

SYNC_SECONDS = 0.5
"""The shortest time between two syncs to the disk, which take some milliseconds each."""

WRITTEN_TOGETHER = 1_000
"""The number of lines that are written together."""

_TEXT = {"type": ["string", "null"]}
SCHEMA: dict[str, Any] = {
    "type": "SCHEMA",
    "stream": STREAM,
    "schema": {
        "type": "object",
        "properties": {
            "run_id": {"type": "string"},
            "record": {"type": "integer"},
            "target": {"type": "string"},
            "stream": {"type": "string"},
            "key": _TEXT,
            "call": _TEXT,
            "message_id": _TEXT,
            "outcome": {"type": "string"},
            "reason": _TEXT,
            "attempts": {"type": "integer"},
            "at": {"type": "string", "format": "date-time"},
        },
    },
    "key_properties": ["run_id", "record"],
}


class _Outcome(msgspec.Struct, gc=False):
    run_id: str
    record: int
    target: str
    stream: str
    key: str | None
    call: str | None
    message_id: str | None
    outcome: str
    reason: str | None
    attempts: int
    at: str


class _RecordLine(msgspec.Struct, tag_field="type", tag="RECORD", gc=False):
    stream: str
    record: _Outcome


class Outcomes:
    """Appends the outcomes of records to a file, which is created by the first ones.

    Args:
        file: The file; existing content is kept.
        run: The run that the records belong to.
        endpoints: The endpoints of the service; the name of one is the call of its messages that
            have none.
        clock: Returns seconds since the epoch.
    """

    def __init__(
        self,
        file: LineFile,
        run: Run,
        endpoints: Sequence[Endpoint],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run_id = run.id
        self._target = run.target
        self._calls = [endpoint.name for endpoint in endpoints]
        self._clock = clock
        self._file = file
        self._schema = msgspec.json.encode(SCHEMA) + b"\n"
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self._lines: list[_RecordLine] = []
        self._timed = 0.0
        self._time = ""

    @property
    def sync_seconds(self) -> float:
        """The shortest reasonable time between two calls of `sync`."""
        return max(SYNC_SECONDS, self._file.sync_seconds)

    def sent(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note the messages of a record."""
        calls = self._calls
        if len(messages) == 1:  # almost always
            [message] = messages
            record.call = message.call or calls[message.endpoint] or None
            record.message_id = message.id or None
        else:
            record.call = ",".join(each.call or calls[each.endpoint] for each in messages)
            record.message_id = ",".join(each.id for each in messages)

    def add(self, record: RecordHandle, outcome: str) -> None:
        """Note the outcome of a record.

        Raises:
            OutputError: The file cannot be written.
        """
        now = self._clock()
        if abs(now - self._timed) >= RESOLUTION_SECONDS:
            self._timed = now
            moment = datetime.fromtimestamp(now, timezone.utc)
            self._time = moment.isoformat(timespec="milliseconds")
        self._lines.append(
            _RecordLine(
                STREAM,
                _Outcome(
                    self._run_id,
                    record.number,
                    self._target,
                    record.stream,
                    record.key,
                    record.call,
                    record.message_id,
                    outcome,
                    record.reason,
                    record.attempts,
                    self._time,
                ),
            )
        )
        if len(self._lines) >= WRITTEN_TOGETHER:
            self._write()

    def sync(self) -> None:
        """Make everything durable, on the disk or in the bucket; STATE may pass it only afterwards.

        Raises:
            OutputError: The file cannot be written.
        """
        self._write()
        self._file.sync()

    def close(self) -> None:
        """Write everything to the disk, and close the file.

        Raises:
            OutputError: The file cannot be written.
        """
        try:
            self._write()
        finally:
            self._file.close()

    def _write(self) -> None:
        if not self._lines:
            return
        text = self._encode_lines(self._lines)
        with self._file.locked() as is_ours:
            self._file.append(text if is_ours else self._schema + text)
        self._lines.clear()
