"""The spool: the files on this machine that are to be uploaded.

Each run has its own folder in it, in which the path of a file is the URL of its object:
`SPOOL/RUN/s3/bucket/prefix/name`. A file is removed once it is uploaded. The next run of the target
first uploads the files of runs that were killed; the folder of a running one is locked.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from uuid import UUID

from singer_delivery.buckets.store import Store
from singer_delivery.buckets.urls import scheme_of
from singer_delivery.errors import BucketError, OutputError, SpoolError, UploadError
from singer_delivery.files import OWNER_ONLY, SharedLines, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from singer_delivery.reporting.run import Run

UPLOAD_SECONDS = 20.0
"""The timeout of one upload."""

STOPPING_SECONDS = 10.0
"""How much of the time for stopping a run is reserved for uploads."""

SHORTEST_SECONDS = 1.0

PART_BYTES = 8_000_000
"""The size at which lines are uploaded even if no STATE waits for them."""

STATE_SECONDS = 10.0
"""The shortest time between two uploads for STATE; each creates an object."""

LOCK = "lock"
MILLISECONDS = len("2026-01-31T06:00:00.000")
_NOT_IN_NAMES = re.compile("[-:]")


class Spool:
    """The spool folder of one run, and the stores of its files.

    Args:
        folder: The folder from `spool_path`, which all runs of a target share.
        run: The run.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, folder: Path, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self._spool = folder
        self._folder = folder / run.id
        self._start = f"{_NOT_IN_NAMES.sub('', run.started_at[:MILLISECONDS])}Z-{run.id}"
        self._clock = clock
        self._deadline: float | None = None
        self._lock: int | None = None
        self._stores: dict[str, Store] = {}

    def open(self, folders: dict[str, str]) -> None:
        """Check that everything can be written, and upload the files of earlier runs.

        Args:
            folders: The URLs below which objects are written, by setting.

        Raises:
            OutputError: A folder or a bucket cannot be written.
        """
        with self._plain_errors(self._folder):
            while self._lock is None:
                self._folder.mkdir(0o700, parents=True, exist_ok=True)
                self._lock = _locked(self._folder / LOCK)
        for setting, url in folders.items():
            self.check(setting, url)
        for folder in self._other_runs():
            self._upload_remaining(folder)

    def check(self, setting: str, url: str) -> None:
        """Check that objects can be written below a URL.

        Raises:
            BucketError: They cannot be written.
        """
        try:
            self._store(url).check(url, self._seconds)
        except OSError as error:
            raise BucketError(url=url, setting=setting, reason=error.strerror) from None

    def _other_runs(self) -> list[Path]:
        """Return the folders of other runs, ended or not."""
        with self._plain_errors(self._spool):
            return sorted(
                each for each in self._spool.iterdir() if each != self._folder and _is_id(each.name)
            )

    def set_upload_deadline(self, seconds: float) -> float:
        """Set a deadline for all uploads; return the seconds reserved for them."""
        self._deadline = self._clock() + seconds
        return STOPPING_SECONDS

    def lines(self, url: str, suffix: str) -> UploadedLines:
        """Return a file of lines in a bucket.

        Args:
            url: The URL below which its objects are written.
            suffix: The suffix of their names.
        """
        return UploadedLines(self, f"{url}/{self._start}", suffix)

    def path_of(self, url: str) -> Path:
        """Return the file of an object."""
        return self._folder / scheme_of(url) / url.partition("://")[2]

    def write(self, url: str, content: bytes) -> None:
        """Write an object without a file on this machine.

        Raises:
            OSError: It cannot be written; `strerror` is the reason.
        """
        self._store(url).write(url, content, self._seconds)

    def upload(self, path: Path, url: str) -> None:
        """Upload a file, and remove it.

        Raises:
            OutputError: It cannot be uploaded; the file is kept.
        """
        with self._plain_errors(path):
            content = path.read_bytes()
        try:
            self.write(url, content)
        except OSError as error:
            raise UploadError(path=path, url=url, reason=error.strerror) from None
        with self._plain_errors(path):
            path.unlink()

    def close(self) -> None:
        """Remove the folder, unless a file could not be uploaded."""
        if self._lock is not None:
            _remove(self._folder)
            os.close(self._lock)
            self._lock = None

    @property
    def _seconds(self) -> float:
        """The timeout of the next upload."""
        if self._deadline is None:
            return UPLOAD_SECONDS
        return max(SHORTEST_SECONDS, min(UPLOAD_SECONDS, self._deadline - self._clock()))

    def _store(self, url: str) -> Store:
        scheme = scheme_of(url)
        if scheme not in self._stores:
            self._stores[scheme] = Store(url, self._seconds)
        return self._stores[scheme]

    def _upload_remaining(self, folder: Path) -> None:
        """Upload the remaining files of a run, if it has ended."""
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        except FileNotFoundError:
            return  # another run has just uploaded it
        except OSError as error:
            raise SpoolError(path=folder, reason=error.strerror) from error
        try:
            with locked(lock, seconds=0):
                for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                    if path != folder / LOCK:
                        self._upload_file(path, folder)
                _remove(folder)
        except TimeoutError:
            pass  # it is still running
        finally:
            os.close(lock)

    def _upload_file(self, path: Path, folder: Path) -> None:
        scheme, *parts = path.relative_to(folder).parts
        lines = SharedLines(path, SpoolError)
        with lines.locked():
            pass  # removes an incomplete last line
        lines.close()
        self.upload(path, f"{scheme}://{'/'.join(parts)}")

    @contextmanager
    def _plain_errors(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SpoolError(path=path, reason=error.strerror) from error


class UploadedLines:
    """A file of lines in a bucket, otherwise like `SharedLines`.

    An object cannot be appended to, so the lines between two calls of `sync` are one object. Its
    name begins with the start and the id of the run, so that no two machines write to the same
    object.

    Args:
        spool: The spool of the run.
        start: The beginning of the URLs of its objects.
        suffix: The end of these URLs.

    Attributes:
        place: The beginning of the URLs of its objects.
        size: The size of the next object so far, in bytes.
    """

    sync_seconds = STATE_SECONDS

    def __init__(self, spool: Spool, start: str, suffix: str) -> None:
        self.place = start
        self._spool = spool
        self._suffix = suffix
        self._part = 0
        self._failed: OutputError | None = None
        self._begin()

    def _begin(self) -> None:
        self._part += 1
        self._url = f"{self.place}-{self._part:06}{self._suffix}"
        self._path = self._spool.path_of(self._url)
        self._file = SharedLines(self._path, SpoolError)
        self.size = 0

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Lock the file of the next object.

        Yields:
            Whether it has lines already.

        Raises:
            OutputError: The file cannot be written, or an upload is due and fails.
        """
        with self._file.locked() as is_ours:
            yield is_ours
        if self.size >= PART_BYTES:
            self.sync()

    def append(self, text: bytes) -> None:
        """Append whole lines; call it while the file is `locked`.

        Raises:
            OSError: They cannot be written.
        """
        self._file.append(text)
        self.size += len(text)

    def sync(self) -> None:
        """Upload the lines appended since the last call, if any.

        Raises:
            OutputError: They cannot be uploaded. Every later call fails too.
        """
        if self._failed:
            raise self._failed
        if not self.size:
            return
        try:
            self._file.sync()
            self._file.close()
            self._spool.upload(self._path, self._url)
        except OutputError as error:
            self._failed = error
            raise
        self._begin()

    def close(self) -> None:
        """Upload the remaining lines.

        Raises:
            OutputError: They cannot be uploaded.
        """
        self.sync()


def _locked(path: Path) -> int | None:
    """Create and lock a file; return None if another run removed it in between."""
    file = -1
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.samestat(path.stat(), os.fstat(file)):
            return file
    if file >= 0:
        os.close(file)
    return None


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _remove(folder: Path) -> None:
    """Remove a run's folder, unless it contains files."""
    for each in sorted(folder.rglob("*"), reverse=True):
        if each.is_dir():
            with suppress(OSError):
                each.rmdir()
    if [each.name for each in folder.iterdir()] == [LOCK]:
        with suppress(OSError):
            (folder / LOCK).unlink()
            folder.rmdir()
