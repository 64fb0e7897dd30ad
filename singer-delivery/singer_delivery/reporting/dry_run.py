"""A dry run: request bodies in a file, counts and examples in the log."""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from singer_delivery.errors import DryRunFileError, OutputError
from singer_delivery.files import OWNER_ONLY, write_all
from singer_delivery.reporting.masking import masked
from singer_delivery.sending.retry import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from singer_delivery.sending.batching import Message
    from singer_delivery.sending.service import Endpoint, Service

EXAMPLES = 3
"""The number of messages of each stream that are shown."""


class DryRun:
    """A connection that sends nothing, shared by all lanes.

    Args:
        service: The service, which makes the request bodies.
        path: The file for the bodies, one per line, which is overwritten; None for no file.
    """

    def __init__(self, service: Service, path: Path | None) -> None:
        self.bytes_sent = 0
        self._service = service
        self._path = path
        self._lock = threading.Lock()
        self._file: int | None = None

    def open(self) -> None:
        """Open the file.

        Raises:
            OutputError: It cannot be written.
        """
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            self._file = os.open(self._path, flags, OWNER_ONLY)
        except OSError as error:
            raise self._cannot(error) from error

    def post(self, _endpoint: int, messages: Sequence[bytes], _retries: int = 0) -> Answer:
        """Write the body of the request that would be sent.

        Raises:
            OutputError: The file cannot be written.
        """
        body = self._service.body(messages)
        with self._lock:
            if self._file is not None:
                try:
                    write_all(self._file, body + b"\n")
                except OSError as error:
                    raise self._cannot(error) from error
        return Answer(200, accepted=True)

    def close(self) -> None:
        """Do nothing: other lanes use the file too."""

    def _cannot(self, error: OSError) -> OutputError:
        return DryRunFileError(path=self._path, reason=error.strerror)


class _Call(msgspec.Struct):
    """The type of a message."""

    type: str = "message"


class Preview:
    """Counts what would be sent, with some messages as examples.

    Args:
        endpoints: The endpoints of the service.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[str, list[str]] = {}

    def sent(self, message: Message) -> None:
        """Count a message that would be sent."""
        stream = message.record.stream
        call = self._call(message)
        self._counts[stream, call if message.removes is None else f"removed: {call}"] += 1
        examples = self._examples.setdefault(stream, [])
        if len(examples) < EXAMPLES:
            examples.append(_example(message.body))

    def not_sent(self, stream: str, why: str) -> None:
        """Count a record that would not be sent."""
        self._counts[stream, why] += 1

    def text(self) -> str:
        """Return the counts as a table, and the examples."""
        rows = [("stream", "what", "count")]
        rows += [(*what, str(count)) for what, count in sorted(self._counts.items())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{stream:{widths[0]}}  {what:{widths[1]}}  {count:>{widths[2]}}"
            for stream, what, count in rows
        ]
        for stream, examples in self._examples.items():
            lines += [
                "",
                f"Examples of {stream}, with each letter as x and each digit as 0:",
                *examples,
            ]
        return "\n".join(lines) + "\n"

    def _call(self, message: Message) -> str:
        if name := self._endpoints[message.endpoint].name:
            return name
        try:
            return msgspec.json.decode(message.body, type=_Call).type
        except msgspec.DecodeError:
            return _Call.type


def _example(body: bytes) -> str:
    """Return a message as masked JSON, with its type unmasked."""
    try:
        message = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "(not JSON)"
    shown = masked(message)
    if isinstance(message, dict) and "type" in message:
        shown["type"] = message["type"]
    return msgspec.json.encode(shown).decode()
