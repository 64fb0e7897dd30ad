"""The identities in the SQLite file of fingerprints.

Like the entries of `file`, rows are appended to a log, content, and merged in the order of their
keys once the log has grown.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import override

from singer_delivery.fingerprints.identities import Identities, Identity, unique
from singer_delivery.fingerprints.identity_sql import UPSERT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

MERGE_EVERY = 100_000
"""The number of rows in the log at which they are merged."""

_EXISTS = "SELECT EXISTS (SELECT 1 FROM {}sqlite_master WHERE name = 'singer_fingerprint_streams')"
_CREATE_LOG = (
    "CREATE TABLE singer_fingerprint_identity_log (number INTEGER PRIMARY KEY, rows BLOB NOT NULL)"
)
_APPEND = "INSERT INTO singer_fingerprint_identity_log (rows) VALUES (?)"
_LOGGED = "SELECT rows FROM singer_fingerprint_identity_log ORDER BY number"
_CLEAR = "DELETE FROM singer_fingerprint_identity_log"
_COPY = "INSERT INTO main.{0} SELECT * FROM {1}.{0}"
_TABLES = ("streams", "identities", "traits", "identity_log")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Identity]).decode


class FileIdentities(Identities):
    """The identities in a file.

    Args:
        connection: Returns the connection to the file.
        plain_errors: Returns a context that turns errors of SQLite into an `OutputError`.
        read_from: Returns the name of an attached database to copy them from, if the changes are
            not to be stored.
    """

    def __init__(
        self,
        connection: Callable[[], sqlite3.Connection],
        plain_errors: Callable[[], AbstractContextManager[None]],
        read_from: Callable[[], str | None],
    ) -> None:
        self._connection = connection
        self._plain_errors = plain_errors
        self._read_from = read_from
        self._logged = 0  # rows

    @override
    def open(self) -> bool:
        # A power cut must not lose identities: they would be missing from a read that continues.
        self.run("PRAGMA synchronous = FULL")
        self.run("PRAGMA secure_delete = ON")  # no id remains in free pages
        created = super().open()
        if created:
            self.run(_CREATE_LOG)
            if (source := self._read_from()) and self.exists(f"{source}."):
                for table in _TABLES:
                    self.run(_COPY.format(f"singer_fingerprint_{table}", source))
                created = False
        self.merge()
        return created

    @property
    @override
    def create_suffix(self) -> str:
        return " WITHOUT ROWID"

    @override
    def exists(self, database: str = "main.") -> bool:
        [[found]] = self.run(_EXISTS.format(database))
        return bool(found)

    @override
    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._plain_errors():
            return self._connection().execute(statement, values).fetchall()

    @contextmanager
    @override
    def transaction(self) -> Iterator[None]:
        with self._plain_errors(), self._connection() as transaction:
            transaction.execute("BEGIN")
            yield

    @override
    def add(self, rows: Sequence[Identity]) -> None:
        self.run(_APPEND, (_encode(rows),))
        self._logged += len(rows)
        if self._logged >= MERGE_EVERY:
            self.merge()

    @override
    def merge(self) -> None:
        rows = [row for [content] in self.run(_LOGGED) for row in _decode(content)]
        if rows:
            with self.transaction():
                self._upsert(unique(rows))
                self.run(_CLEAR)
        self._logged = 0

    @override
    def upsert(self, rows: Sequence[Identity]) -> None:
        with self.transaction():
            self._upsert(rows)

    def _upsert(self, rows: Any) -> None:  # noqa: ANN401, any iterable of rows
        statement = UPSERT.format(rows="VALUES (?, ?, ?, ?, ?, ?, ?)")
        self._connection().executemany(statement, rows)
