"""The rejects file: records that could not be delivered, with the reason, ready to be replayed.

It is a Singer stream (SCHEMA and RECORD lines), so the target that wrote it reads it again:
`target-segment < rejects/….singer.jsonl`. Each record carries `_delivery_reject` with the
reason, what the service or the check said, when, when for the first time, and in how many requests
it was sent; on replay that field is left out. Several runs may write to one file at once, such as
the windows of a backfill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_delivery.rejects.reasons import Reason, with_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.files import LineFile


class Rejects:
    """Appends rejected records to a file, which is created with the first one.

    Args:
        file: The file; existing content is kept.
        now: Returns the current time as ISO 8601.
        keep: Whether the file is written.
    """

    def __init__(self, file: LineFile, now: Callable[[], str], *, keep: bool = True) -> None:
        self._now = now
        self._keep = keep
        self._file = file
        self._schemas: dict[str, bytes] = {}
        self._written: dict[str, bytes] = {}

    @property
    def place(self) -> str:
        """Where the file is."""
        return self._file.place

    @property
    def sync_seconds(self) -> float:
        """How long to wait between two calls of `sync`."""
        return self._file.sync_seconds

    def schema(self, stream: str, line: bytes) -> None:
        """Note the SCHEMA line of the next records of a stream."""
        self._schemas[stream] = line.strip()

    def add(self, stream: str, line: bytes, reason: str, detail: str, attempts: int = 0) -> None:
        """Append a record as it was read, with the reason.

        Args:
            stream: The name of its stream.
            line: Its RECORD line.
            reason: A short code.
            detail: One sentence.
            attempts: The number of requests that it was sent in, in this run.

        Raises:
            OutputError: The file cannot be written.
        """
        if not self._keep:
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
        """Bring everything to the disk or the bucket; only then may a STATE line pass it.

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
