"""Reads the lines of a Singer stream as bytes, and waits for lanes, signals and deadlines.

The reading thread waits here for all of these: input, a lane's report, a signal, or a due batch.
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import signal
import stat
import sys
import weakref
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from singer_delivery.errors import NoInputError
from singer_delivery.files import locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SETTLING_SECONDS = 10.0
"""How long to wait for another run that writes to the input file."""

CHUNK_BYTES = 1 << 20  # the lanes' threads run after each read


class Wakeup:
    """Ends a wait of the reading thread, from any thread or signal handler.

    It stays set until `clear`. Call that before processing the events, so that an event in between
    ends the next wait.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._pipe = weakref.finalize(self, _close, self._read, self._write)
        self._pipe.atexit = False  # a signal may come until the very end

    def __call__(self) -> None:
        """End the current wait, or else the next one."""
        with suppress(BlockingIOError):  # a full pipe ends the wait too
            os.write(self._write, b"\0")

    def on_signals(self) -> None:
        """End waits at signals too, in whichever thread they arrive.

        Only the main thread can do this; in another thread, signals are not handled here.
        """
        with suppress(ValueError):
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def wait(self, timeout: float | None, *also: int) -> bool:
        """Wait until called, until one of the files can be read, or until the timeout.

        Returns:
            Whether one of the files can be read.
        """
        readable, _, _ = select.select([self._read, *also], [], [], timeout)
        return any(file in readable for file in also)

    def clear(self) -> None:
        """Reset, so that the next wait does not end at once."""
        with suppress(BlockingIOError):
            while os.read(self._read, 1 << 16):
                pass

    def close(self) -> None:
        """Close the pipe, before it is garbage-collected."""
        self._pipe()


def _close(read: int, write: int) -> None:
    with suppress(ValueError, OSError):  # not in the main thread
        woken = signal.set_wakeup_fd(-1)
        if woken not in {-1, write}:
            signal.set_wakeup_fd(woken)
    os.close(read)
    os.close(write)


class Lines:
    """The lines of one input, in chunks.

    Args:
        source: Text or binary file, standard input by default.
        wakeup: Ends a wait for input.

    Raises:
        NoInputError: Standard input is closed.
    """

    def __init__(self, source: IO[str] | IO[bytes] | None, wakeup: Wakeup) -> None:
        source = source if source is not None else sys.stdin
        if source is None:
            raise NoInputError
        self.torn = False  # whether the last line had no line break
        self._wakeup = wakeup
        self._rest: list[bytes] = []
        self._left = sys.maxsize
        try:
            self._file: int | None = source.fileno()
        except (OSError, io.UnsupportedOperation):
            self._file = None  # no file descriptor, so nothing to wait for
            self._portions = _portions(source)
        else:
            self._left = _bytes_to_read(self._file)

    def read(self, timeout: float | None) -> list[bytes] | None:
        """Wait for lines.

        Returns:
            Complete lines, an empty list if the wait ended for another reason, or None at the
            end of the input.
        """
        if self._file is None:
            return next(self._portions, None)
        if not self._wakeup.wait(timeout, self._file):
            return []
        chunk = os.read(self._file, min(CHUNK_BYTES, self._left))
        self._left -= len(chunk)
        if not chunk:
            rest, self._rest = b"".join(self._rest), []
            self.torn = bool(rest)
            return [rest] if rest else None
        if b"\n" not in chunk:
            self._rest.append(chunk)
            return []
        *lines, rest = (b"".join(self._rest) + chunk).split(b"\n")
        self._rest = [rest] if rest else []
        return lines


def _bytes_to_read(file: int) -> int:
    """Return how many bytes to read: for a file, up to its current end.

    The input may be a rejects file to which this or another run appends.
    """
    if not stat.S_ISREG(os.fstat(file).st_mode):
        return sys.maxsize
    try:
        with locked(file, fcntl.LOCK_SH, seconds=SETTLING_SECONDS):
            size = os.fstat(file).st_size
    except OSError:  # the file system has no locks, or another process has it
        size = os.fstat(file).st_size
    return max(0, size - os.lseek(file, 0, os.SEEK_CUR))


def _portions(source: Iterable[str] | Iterable[bytes]) -> Iterator[list[bytes]]:
    for line in source:
        yield [line.encode(errors="surrogatepass") if isinstance(line, str) else line]
