"""The rejects file: what could not be delivered, with the reason, ready to be sent again.

It is a Singer stream (SCHEMA and RECORD lines), so the target that wrote it reads it again:
`target-segment < rejects/….singer.jsonl`. Each record carries `_delivery_reject` with the
reason, what the service or the check said, and when; on replay that field is left out.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REJECT_FIELD = "_delivery_reject"
OWNER_ONLY = 0o600
"""The mode of files that hold records."""
_BLOCK = 1 << 16


class Rejects:
    """Appends rejected records to a file that is made when the first one comes.

    Args:
        path: The file; what an earlier run left there is kept.
        now: The present as ISO 8601.
        keep: Whether the file is written.
    """

    def __init__(self, path: Path, now: Callable[[], str], *, keep: bool = True) -> None:
        self.path = path
        self._now = now
        self._keep = keep
        self._file: int | None = None
        self._unsynced = False
        self._schemas: dict[str, bytes] = {}
        self._written: dict[str, bytes] = {}

    def schema(self, stream: str, line: bytes) -> None:
        """Note the SCHEMA line that the records to come of this stream follow."""
        self._schemas[stream] = line.strip()

    def add(self, stream: str, line: bytes, reason: str, detail: str) -> None:
        """Append a record as it came, with why it was rejected.

        Raises:
            OutputError: The file cannot be written.
        """
        if not self._keep:
            return
        schema = self._schemas.get(stream)
        text = b""
        if schema is not None and self._written.get(stream) != schema:
            text = schema + b"\n"
        text += _with_reason(line, {"reason": reason, "detail": detail, "at": self._now()}) + b"\n"
        try:
            write_all(self._open(), text)
        except OSError as error:
            raise self._cannot(error) from error
        if schema is not None:
            self._written[stream] = schema
        self._unsynced = True

    def sync(self) -> None:
        """Return once everything added is on the disk; a checkpoint may pass it then.

        Raises:
            OutputError: It cannot be brought there.
        """
        if self._unsynced and self._file is not None:
            try:
                os.fsync(self._file)
            except OSError as error:
                raise self._cannot(error) from error
            self._unsynced = False

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
            self._file = os.open(self.path, flags, OWNER_ONLY)
            _drop_torn_line(self._file)
        return self._file

    def _cannot(self, error: OSError) -> OutputError:
        return OutputError(
            f"Cannot write the rejects file {self.path}: {error.strerror}. "
            "Make room or set rejects_path to a place that can be written."
        )


def _with_reason(line: bytes, reason: dict[str, str]) -> bytes:
    try:
        return msgspec.json.encode(_add(msgspec.json.decode(line), reason))
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # What JSON has no word for is kept as it came, for whoever mends it.
        return json.dumps(_add(json.loads(line), reason)).encode()
    except RecursionError:
        # Too deep to be looked into: the reason stands beside the record.
        body = line.rstrip().removesuffix(b"}")
        return b'%b,"%b":%b}' % (body, REJECT_FIELD.encode(), msgspec.json.encode(reason))


def _add(message: dict[str, Any], reason: dict[str, str]) -> dict[str, Any]:
    record = message.get("record")
    message["record"] = {**(record if isinstance(record, dict) else {}), REJECT_FIELD: reason}
    return message


def _drop_torn_line(file: int) -> None:
    """Take away the half line that a killed run left; no state stands behind it."""
    end = position = os.fstat(file).st_size
    while position:
        start = max(0, position - _BLOCK)
        newline = os.pread(file, position - start, start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position < end:
        os.ftruncate(file, position)


def write_all(file: int, text: bytes) -> None:
    """Write a text to a file, however many pieces it takes."""
    while text:
        text = text[os.write(file, text) :]
