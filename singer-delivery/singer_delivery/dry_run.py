"""In place of the service: takes every batch, and writes down what would have been sent."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from singer_delivery.errors import OutputError
from singer_delivery.rejects import OWNER_ONLY, write_all
from singer_delivery.retry import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from singer_delivery.http import Service


class DryRun:
    """A connection that leads nowhere, shared by all lanes.

    Args:
        service: Whose request bodies are made.
        path: Takes them, a line each; what stood there is gone. None for nowhere.
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

    def post(self, _endpoint: int, messages: Sequence[bytes]) -> Answer:
        """Write down the body of the request that would be sent now.

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
        """Keep the file open: the other lanes have it too."""

    def _cannot(self, error: OSError) -> OutputError:
        return OutputError(f"Cannot write dry_run_path {self._path}: {error.strerror}.")
