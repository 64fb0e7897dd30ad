"""The rejects file: records that could not be delivered, with the reasons.

It is a Singer stream (SCHEMA and RECORD lines), so the target that wrote it can replay it:
`target-segment < rejects/….singer.jsonl`. In each record `_delivery_reject` contains the reason,
the detail from the service or the check, the times of the first and the last rejection, and the
number of requests; a replay does not send that field. Several runs may write to one file at once,
such as the windows of a backfill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_delivery.rejects.reasons import Reason, with_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.files import LineFile


class Rejects:
    """Appends rejected records to a file, which is created by the first one.

    Args:
        file: The file; existing content is kept.
        now: Returns the current time as ISO 8601.
        enabled: Whether the file is written.
    """

    def __init__(self, file: LineFile, now: Callable[[], str], *, enabled: bool = True) -> None:
        self._now = now
        self._enabled = enabled
        self._file = file
        self._schemas: dict[str, bytes] = {}
        self._written: dict[str, bytes] = {}

    @property
    def place(self) -> str:
        """The path or URL of the file."""
        return self._file.place

    @property
    def sync_seconds(self) -> float:
        """The shortest reasonable time between two calls of `sync`."""
        return self._file.sync_seconds

    def schema(self, stream: str, line: bytes) -> None:
        """Note the SCHEMA line of a stream, for its next records."""
        self._schemas[stream] = line.strip()

    def add(self, stream: str, line: bytes, reason: str, detail: str, attempts: int = 0) -> None:
        """Append a record as it was read, with the reason.

        Args:
            stream: The name of its stream.
            line: Its RECORD line.
            reason: A short code.
            detail: One sentence.
            attempts: The number of requests in this run that contained it.

        Raises:
            OutputError: The file cannot be written.
        """
        if not self._enabled:
            return
        record = with_reason(line, Reason(reason, detail, self._now(), attempts)) + b"\n"
        schema = self._schemas.get(stream)
        with self._file.locked() as is_ours:
            if not is_ours:
                self._written.clear()  # another process may have written schemas since
            if schema is not None and self._written.get(stream) != schema:
                record = schema + b"\n" + record
            self._file.append(record)
        if schema is not None:
            self._written[stream] = schema

    def sync(self) -> None:
        """Make everything durable, on the disk or in the bucket; STATE may pass it only afterwards.

        Raises:
            OutputError: The file cannot be written.
        """
        self._file.sync()

    def close(self) -> None:
        """Close the file.

        Raises:
            OutputError: The file cannot be written.
        """
        self._file.close()
