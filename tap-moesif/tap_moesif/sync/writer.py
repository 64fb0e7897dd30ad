"""Writing of Singer messages to standard output, always in whole lines."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import MsgSpecWriter
from typing_extensions import override

from tap_moesif.errors import ClosedPipeError, StandardOutputError

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message


class AtomicLineWriter(MsgSpecWriter):
    """Writes messages as lines that a signal cannot interrupt."""

    def __init__(self) -> None:
        super().__init__()
        self._writing = False
        self._exit_code: int | None = None

    @override
    def write_message(self, message: Message) -> None:
        self.write_lines(bytes(self.format_message(message)))

    def write_lines(self, lines: bytes) -> None:
        """Write lines; on a signal, exit after the current line.

        Raises:
            StandardOutputError: They cannot be written, or not all of them.
        """
        if sys.stdout is None:
            raise StandardOutputError(reason="it is closed")
        try:
            self._write_lines(lines)
        except BrokenPipeError as error:
            raise ClosedPipeError from error
        except OSError as error:
            raise StandardOutputError(reason=error.strerror) from error

    def _write_lines(self, lines: bytes) -> None:
        sys.stdout.flush()
        stdout = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
        whole = memoryview(lines)
        written, end = 0, len(lines)
        self._writing = True
        while written < end:  # unbuffered, so a signal causes a short write
            written += stdout.write(whole[written:end]) or self._wait(stdout)
            if self._exit_code is not None:
                end = lines.find(b"\n", max(written - 1, 0)) + 1
        self._writing = False
        if self._exit_code is not None:
            sys.exit(self._exit_code)

    @staticmethod
    def _wait(stdout: Any) -> int:  # noqa: ANN401, a raw file
        """Wait until a non-blocking pipe is writable again; return 0, the bytes written."""
        select.select([], [stdout], [])
        return 0

    def leave(self, exit_code: int) -> None:
        """Exit after the current line, or at once on the second call."""
        if not self._writing or self._exit_code is not None:
            sys.exit(exit_code)
        self._exit_code = exit_code
