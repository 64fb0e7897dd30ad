"""The SQLite file of `fingerprints`, for ten million entities and runs that may be killed.

Look-ups read the table `settled`, whose primary key `subject` is the entity key. Keys are random,
so each insert would write a page. Entries are therefore appended to the table `log`, packed, and
merged in the order of their keys once the log has grown. The last entry of a key counts.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING

from singer_delivery.errors import (
    FingerprintsError,
    FingerprintsInUseError,
    FingerprintsMovedError,
    OutputError,
)
from singer_delivery.files import OWNER_ONLY
from singer_delivery.fingerprints.entries import FingerprintEntry, unpack_log
from singer_delivery.fingerprints.identity_file import FileIdentities

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

FORMAT = 1
APPLICATION = 0x53466702
"""The application id in the file's header; a database with another one is refused."""

MOVED = 1_000
"""The version of a file whose entries were moved to the database in its table `moved`."""

BUSY_SECONDS = 60
CACHE_KIB = 16_384

_CREATE = """
BEGIN;
CREATE TABLE settled (
    subject INTEGER PRIMARY KEY,
    fingerprint BLOB NOT NULL, generation INTEGER NOT NULL, acknowledged INTEGER NOT NULL
);
CREATE TABLE log (number INTEGER PRIMARY KEY, entries BLOB NOT NULL);
PRAGMA application_id = {application};
PRAGMA user_version = {format};
COMMIT;
"""
_APPEND = "INSERT INTO log (entries) VALUES (?)"
_MERGE = "INSERT OR REPLACE INTO main.settled VALUES (?, ?, ?, ?)"
_LOGGED = "SELECT entries FROM {}.log ORDER BY number"
_HAS_ENTRIES = "SELECT EXISTS (SELECT 1 FROM {}.settled)"
_ALL = "SELECT * FROM main.settled ORDER BY subject"
_FIND = "SELECT * FROM {}.settled WHERE subject IN ({})"


class FingerprintFile:
    """Stores what was last sent for each entity; used by one thread of one run at a time.

    Args:
        path: The file. A file with the suffix .lock beside it is locked while a run uses it.
        writable: Whether it is written; if not, it may be read while another run writes it.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self._path = path
        self._writable = writable
        self._lock: int | None = None
        self._readable = ["main"]  # a later one overrides those before it
        self._empty = True  # no merged entries, as in a first run: `find` needs no query
        self._database = _connected("")  # until `open`, or if not writable
        self.identities = FileIdentities(
            lambda: self._database,
            self._plain_errors,
            lambda: "stored" if "stored" in self._readable else None,
        )

    def open(self) -> None:
        """Open the file, and merge the log of a killed run.

        Raises:
            OutputError: It cannot be used, or another run uses it.
        """
        try:
            with self._plain_errors():
                if self._writable:
                    self._open()
                    self.merge(self._logged("main"))
                else:
                    _prepare(self._database)
                    if self._path.exists():
                        self._read_only()
                self._empty = not any(map(self._has_entries, self._readable))
        except OutputError:
            self.close()
            raise

    def find(self, keys: Collection[int]) -> dict[int, FingerprintEntry]:
        """Return the merged entries of these entities, by one query.

        Raises:
            OutputError: It cannot be read.
        """
        found: dict[int, FingerprintEntry] = {}
        if self._empty:
            return found
        listed = ",".join(map(str, keys))
        for database in self._readable:
            with self._plain_errors():
                rows = self._database.execute(_FIND.format(database, listed))
                found |= {entity_key: FingerprintEntry(*rest) for entity_key, *rest in rows}
        return found

    def append(self, entries: bytes, *, durable: bool = True) -> None:  # noqa: ARG002
        """Append packed entries to the log in one transaction.

        Args:
            entries: Entries, as `pack` returns them.
            durable: Has no effect: SQLite does not wait for the disk; see `docs/delivery.md`.

        Raises:
            OutputError: They cannot be stored.
        """
        with self._plain_errors():
            self._database.execute(_APPEND, (entries,))

    def merge(self, entries: Mapping[int, FingerprintEntry]) -> None:
        """Merge the entries of the log, and empty it.

        Args:
            entries: The entries of the log.

        Raises:
            OutputError: They cannot be merged; the log is unchanged.
        """
        if not entries:
            return
        rows = (
            # converting bools to ints is slow in sqlite3
            (entity_key, entry.fingerprint, entry.generation, int(entry.acknowledged))
            for entity_key, entry in sorted(entries.items(), key=itemgetter(0))
        )
        with self._plain_errors(), self._database as transaction:
            transaction.execute("BEGIN")
            transaction.executemany(_MERGE, rows)
            transaction.execute("DELETE FROM main.log")
        self._empty = False

    def entries(self) -> Iterator[tuple[int, FingerprintEntry]]:
        """Yield all merged entries in the order of their keys.

        Raises:
            OutputError: They cannot be read.
        """
        with self._plain_errors():
            for entity_key, fingerprint, generation, acknowledged in self._database.execute(_ALL):
                entry = FingerprintEntry(fingerprint, generation, bool(acknowledged))
                yield entity_key, entry

    def mark_moved(self, place: str) -> None:
        """Keep all later runs from using the file.

        Args:
            place: The database that its entries were moved to.

        Raises:
            OutputError: It cannot be written.
        """
        with self._plain_errors(), self._database as transaction:
            transaction.execute("BEGIN")
            transaction.execute("CREATE TABLE moved (place TEXT NOT NULL)")
            transaction.execute("INSERT INTO moved VALUES (?)", (place,))
            transaction.execute(f"PRAGMA user_version = {MOVED}")

    @property
    def is_empty(self) -> bool:
        """Whether there are no entries."""
        return self._empty

    def renew_lease(self) -> None:
        """Do nothing: the file has a lock, which lasts until the process ends."""

    @property
    def lease_ends_at(self) -> None:
        """None: the file has no lease."""

    def close(self) -> None:
        """Close the file and release its lock."""
        self._database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _open(self) -> None:
        self._path = self._path.resolve()  # a link must not have a lock of its own
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FingerprintsInUseError(path=self._path) from error
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        self._database.close()
        self._database = _connected(str(self._path))
        self._check("main")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        _prepare(self._database)

    def _read_only(self) -> None:
        self._database.execute("ATTACH ? AS stored", (str(self._path),))
        self._check("stored")
        if _is_empty(self._database, "stored"):
            return
        self.merge(self._logged("stored"))
        self._readable = ["stored", "main"]

    def _has_entries(self, database: str) -> bool:
        [[found]] = self._database.execute(_HAS_ENTRIES.format(database))
        return bool(found)

    def _logged(self, database: str) -> dict[int, FingerprintEntry]:
        return unpack_log(self._database.execute(_LOGGED.format(database)))

    def _check(self, database: str) -> None:
        """Check a database's application id and version."""
        application, version = (
            self._database.execute(f"PRAGMA {database}.{name}").fetchone()[0]
            for name in ("application_id", "user_version")
        )
        if application != APPLICATION and not _is_empty(self._database, database):
            raise sqlite3.DatabaseError("it belongs to another program")
        if version == MOVED:
            [[place]] = self._database.execute(f"SELECT place FROM {database}.moved")  # noqa: S608
            raise FingerprintsMovedError(path=self._path, place=place)
        if version > FORMAT:
            raise sqlite3.DatabaseError("a newer version of this program wrote it")

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, struct.error) as error:
            raise self._cannot(error) from error

    def _cannot(self, error: Exception) -> OutputError:
        reason = getattr(error, "strerror", None) or error
        return FingerprintsError(path=self._path, reason=reason)


def _connected(path: str) -> sqlite3.Connection:
    """Connect; each statement is a transaction, unless one is begun.

    BEGIN and COMMIT would be two more statements for each, and the lanes' threads interrupt at
    each.
    """
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


def _is_empty(connection: sqlite3.Connection, database: str) -> bool:
    found = connection.execute(f"SELECT count(*) FROM {database}.sqlite_master")  # noqa: S608
    return bool(found.fetchone() == (0,))


def _prepare(database: sqlite3.Connection) -> None:
    database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    if _is_empty(database, "main"):
        database.executescript(_CREATE.format(application=APPLICATION, format=FORMAT))
