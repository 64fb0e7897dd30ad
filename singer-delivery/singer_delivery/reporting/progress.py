"""The progress of a run, on standard error."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

LOG_SECONDS = 10.0
LIVE_SECONDS = 0.5
_CLEAR = "\r\x1b[K"


class Progress(Protocol):
    """Shows the progress of a run."""

    seconds: float

    def show(self, text: str) -> None:
        """Show a text."""

    def end(self) -> None:
        """Remove the progress from the screen."""


class LogLines:
    """Progress as lines of the log."""

    seconds = LOG_SECONDS

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def show(self, text: str) -> None:
        """Write a line."""
        self._logger.info("%s", text)

    def end(self) -> None:
        """Do nothing: the log keeps its lines."""


class LiveLine(logging.Filter):
    """Progress as one line of a terminal, which is overwritten; the log appears above it.

    Args:
        stream: The terminal.
        handlers: The log handlers that write to the terminal too.
    """

    seconds = LIVE_SECONDS

    def __init__(self, stream: TextIO, handlers: Sequence[logging.Handler]) -> None:
        super().__init__()
        self._stream = stream
        self._handlers = [*handlers]
        for handler in self._handlers:
            handler.addFilter(self)

    def show(self, text: str) -> None:
        """Overwrite the line."""
        self._stream.write(f"{_CLEAR}{text}")
        self._stream.flush()

    def end(self) -> None:
        """Remove the line."""
        self._stream.write(_CLEAR)
        self._stream.flush()
        for handler in self._handlers:
            handler.removeFilter(self)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        self._stream.write(_CLEAR)
        return True


def progress_on(stream: TextIO | None, logger: logging.Logger) -> Progress:
    """Return a live line for a terminal, and lines of the log for anything else."""
    if stream and stream.isatty():
        return LiveLine(stream, logging.getLogger().handlers)
    return LogLines(logger)
