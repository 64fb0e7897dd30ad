"""What was last acknowledged of each user and company, kept between runs for `changed_only`.

A fingerprint is stored behind an acknowledgement and never before: a run that was killed sends
again what it cannot know to have arrived, with the same id. Neither ids nor values can be read
from the file; it holds digests.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from singer_delivery.errors import OutputError
from singer_delivery.rejects import OWNER_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from singer_delivery.batching import Message

FLUSH_EVERY = 10_000
BUSY_SECONDS = 60
_TABLE = """CREATE TABLE IF NOT EXISTS fingerprints (
    subject BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, message_id BLOB NOT NULL
) WITHOUT ROWID"""
_STORE = "INSERT OR REPLACE INTO fingerprints VALUES (?, ?, ?)"
_FIND = "SELECT fingerprint, message_id FROM fingerprints WHERE subject = ?"


class Last(NamedTuple):
    """What was sent last of a subject.

    Attributes:
        fingerprint: Of what it said.
        message_id: Under which it was sent, where the service knows messages by ids.
    """

    fingerprint: bytes = b""
    message_id: bytes = b""


NOTHING = Last()


class Fingerprints:
    """Remembers what was sent last of each subject; used by one thread.

    Args:
        path: The SQLite file.
        keep: Whether the file is written; otherwise only a copy is.
    """

    def __init__(self, path: Path, *, keep: bool = True) -> None:
        self._path = path
        self._sent: dict[bytes, tuple[Last, int]] = {}  # on their way: the newest, how many
        self._acknowledged: dict[bytes, Last] = {}  # not stored yet
        self._keep = keep
        self._database = sqlite3.connect(":memory:")  # until `open`

    def open(self) -> None:
        """Open the file.

        Raises:
            OutputError: It cannot be used.
        """
        with self._plain_errors():
            self._database = _opened(self._path) if self._keep else _copied(self._path)

    def last(self, subject: bytes) -> Last:
        """Give what was sent last of a subject."""
        if subject in self._sent:
            return self._sent[subject][0]
        if subject in self._acknowledged:
            return self._acknowledged[subject]
        with self._plain_errors() as database:
            row = database.execute(_FIND, (subject,)).fetchone()
        return Last(*row) if row else NOTHING

    def send(self, message: Message) -> None:
        """Note that a message is on its way."""
        _, count = self._sent.get(message.subject, (NOTHING, 0))
        self._sent[message.subject] = _said(message), count + 1

    def settle(self, message: Message, *, acknowledged: bool) -> None:
        """Note what became of a message."""
        newest, count = self._sent.pop(message.subject)
        if count > 1:
            self._sent[message.subject] = newest, count - 1
        if acknowledged:
            self._acknowledged[message.subject] = _said(message)
            if len(self._acknowledged) >= FLUSH_EVERY:
                self.flush()

    def flush(self) -> None:
        """Store what is acknowledged.

        Raises:
            OutputError: It cannot be stored.
        """
        if self._acknowledged:
            with self._plain_errors() as database, database:
                rows = ((subject, *last) for subject, last in self._acknowledged.items())
                database.executemany(_STORE, rows)
            self._acknowledged.clear()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _plain_errors(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._database
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"Cannot use the fingerprints in {self._path}: {reason}. Make room, set "
                "fingerprints_path to a place that can be written, or remove a broken file: "
                "everything is sent once more then."
            ) from error


def subject_of(*parts: str) -> bytes:
    """Make the digest under which a subject's fingerprint is kept."""
    return sha256("\0".join(parts).encode()).digest()[:16]


def _said(message: Message) -> Last:
    return Last(message.fingerprint, message.message_id)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
    database = sqlite3.connect(path, timeout=BUSY_SECONDS)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is only sent again
    database.execute(_TABLE)
    return database


def _copied(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect("")  # a file without a name
    if path.exists():
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as original:
            original.backup(database)
    database.execute(_TABLE)
    return database
