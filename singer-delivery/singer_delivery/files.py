"""Files of records: readable by the owner only, shared by processes, and durable."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from singer_delivery.errors import OutputError

OWNER_ONLY = 0o600
"""The mode of files with records."""

LOCK_SECONDS = 60.0
"""How long a writer waits for the lock, which others have for one write at a time."""

_POLL_SECONDS = 0.002
_BLOCK = 1 << 16
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP)
"""Errors of file systems without fsync for folders."""


def filled_in(template: str, **names: str) -> Path:
    """Return the path in a setting, with its `{names}` filled in."""
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", value)
    return Path(template).expanduser()


def write_all(file: int, text: bytes) -> None:
    """Write all bytes to a file descriptor."""
    while text:
        text = text[os.write(file, text) :]


@contextmanager
def locked(
    file: int,
    operation: int = fcntl.LOCK_EX,
    *,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Lock a file by `flock` in a context.

    Args:
        file: An open file.
        operation: `LOCK_EX` or `LOCK_SH`.
        seconds: How long to wait for the lock.
        clock: A monotonic clock, in seconds.
        sleep: Waits for seconds.

    Raises:
        TimeoutError: Another process has the lock for longer.
        OSError: The file system has no locks.
    """
    deadline = clock() + seconds
    while True:
        try:
            fcntl.flock(file, operation | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if clock() >= deadline:
                reason = f"another process has locked it for {seconds:g} s"
                raise TimeoutError(errno.ETIMEDOUT, reason) from None
        sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


class LineFile(Protocol):
    """A file of lines, on this machine (`SharedLines`) or in a bucket (`UploadedLines`).

    Attributes:
        place: Its path or URL, for messages.
        sync_seconds: The shortest reasonable time between two calls of `sync`.
    """

    place: str
    sync_seconds: float

    @property
    def size(self) -> int:
        """The number of bytes in it; call it while the file is `locked`."""

    def locked(self) -> AbstractContextManager[bool]:
        """Lock the file; the context is whether this process wrote its last lines."""

    def append(self, text: bytes) -> None:
        """Append whole lines; call it while the file is `locked`."""

    def sync(self) -> None:
        """Make everything appended durable; STATE may pass it only afterwards."""

    def close(self) -> None:
        """Make everything durable, and close the file."""


class SharedLines:
    """A file of JSON lines that several processes may append to at once.

    All processes write under a lock, so bytes after the last line break are from a process that was
    killed while writing. A file that is moved or removed is created again.

    Args:
        path: The file; it is created by the first append.
        failure: The error that every method raises, with the path and a reason.
        seconds: How long to wait for the lock.

    Attributes:
        place: The path, as text.
    """

    sync_seconds = 0.0

    def __init__(
        self, path: Path, failure: type[OutputError], *, seconds: float = LOCK_SECONDS
    ) -> None:
        self.place = str(path)
        self._path = path
        self._failure = failure
        self._seconds = seconds
        self._file: int | None = None
        self._end: int | None = None  # of the last append by this process
        self._unsynced = False
        self._sync_error: OSError | None = None  # why something appended may not be on the disk

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Lock the file, as `append` and `size` require.

        Yields:
            Whether the last append to the file was this process's own.

        Raises:
            OutputError: It cannot be opened, locked, repaired or written.
        """
        with self._plain_errors():
            while True:
                file = self._opened()
                with locked(file, seconds=self._seconds):
                    if self._is_in_place(file):
                        yield _without_torn_line(file) == self._end
                        return
                self.close()

    @property
    def size(self) -> int:
        """The number of bytes in it; call it while the file is `locked`."""
        return os.fstat(self._opened()).st_size

    def append(self, text: bytes) -> None:
        """Append whole lines; call it while the file is `locked`.

        Raises:
            OSError: They cannot be written; a partial write is removed.
        """
        file = self._opened()
        end = self.size
        try:
            write_all(file, text)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, end)
            raise
        self._end = end + len(text)
        self._unsynced = True

    def sync(self) -> None:
        """Write everything appended to the disk.

        Raises:
            OutputError: It cannot be written. Every later call fails too, because the system
                discards what it could not write and would report the next attempt as a success.
        """
        with self._plain_errors():
            if self._sync_error:
                raise self._sync_error
            if self._unsynced and self._file is not None:
                try:
                    os.fsync(self._file)
                except OSError as error:
                    self._sync_error = error
                    raise
                self._unsynced = False

    def rotate(self, largest: int) -> None:
        """Rename the file to `….1`, replacing an older one, if it has reached this size.

        Raises:
            OutputError: It cannot be renamed.
        """
        with self.locked(), self._plain_errors():
            if self.size >= largest:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))

    def close(self) -> None:
        """Write everything to the disk, and close the file.

        Raises:
            OutputError: It cannot be written.
        """
        if self._file is None:
            return
        try:
            self.sync()
        finally:
            os.close(self._file)
            self._file = self._end = None

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failure(path=self._path, reason=error.strerror) from error

    def _opened(self) -> int:
        if self._file is None:
            flags = os.O_RDWR | os.O_APPEND
            try:
                self._file = os.open(self._path, flags)
            except FileNotFoundError:
                _make_folder(self._path.parent)
                self._file = os.open(self._path, flags | os.O_CREAT, OWNER_ONLY)
                _sync_folder(self._path.parent)
        return self._file

    def _is_in_place(self, file: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(file))
        except FileNotFoundError:
            return False


def _without_torn_line(file: int) -> int:
    """Remove an incomplete line from the end of a file, and return the new size.

    A complete line without a line break, as editors write it, gets one.
    """
    size = os.fstat(file).st_size
    tail = _last_line(file, size)
    if not tail:
        return size
    if _is_json(tail):
        write_all(file, b"\n")
        return size + 1
    os.ftruncate(file, size - len(tail))
    return size - len(tail)


def _last_line(file: int, size: int) -> bytes:
    """Return the bytes after the last line break."""
    blocks: list[bytes] = []
    end = size
    while end:
        start = max(0, end - _BLOCK)
        _, line_break, rest = (block := os.pread(file, end - start, start)).rpartition(b"\n")
        blocks.append(rest if line_break else block)
        if line_break:
            break
        end = start
    return b"".join(reversed(blocks))


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text.decode("latin-1"))  # it may not be UTF-8
    except (ValueError, RecursionError):
        return False
    return True


def _make_folder(path: Path) -> None:
    """Create a folder and its parents, and write their entries to the disk."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(folder)
