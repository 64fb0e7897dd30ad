"""Singer messages on standard output, each a whole line whatever happens."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import MsgSpecWriter
from typing_extensions import override

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message


class AtomicLineWriter(MsgSpecWriter):
    """Writes messages as lines that a signal does not tear."""

    def __init__(self) -> None:
        super().__init__()
        self._writing = False
        self._exit_code: int | None = None

    @override
    def write_message(self, message: Message) -> None:
        self.write_lines(bytes(self.format_message(message)))

    def write_lines(self, lines: bytes) -> None:
        """Write whole lines at once; where a signal comes, end after the one under way."""
        sys.stdout.flush()
        stdout = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
        whole = memoryview(lines)
        written, end = 0, len(lines)
        self._writing = True
        while written < end:  # a signal makes it a short write, unbuffered as it is
            written += stdout.write(whole[written:end]) or self._wait(stdout)
            if self._exit_code is not None:
                end = lines.find(b"\n", max(written - 1, 0)) + 1
        self._writing = False
        if self._exit_code is not None:
            sys.exit(self._exit_code)

    @staticmethod
    def _wait(stdout: Any) -> int:  # noqa: ANN401, a raw file
        """Wait until a full pipe that does not block takes more; nothing was written."""
        select.select([], [stdout], [])
        return 0

    def leave(self, exit_code: int) -> None:
        """Exit after the line that is being written; when asked again, at once."""
        if not self._writing or self._exit_code is not None:
            sys.exit(exit_code)
        self._exit_code = exit_code
