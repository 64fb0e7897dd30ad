"""The identities in PostgreSQL, under the same lease as the fingerprints."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from singer_delivery.fingerprints.identities import Identities, Identity
from singer_delivery.fingerprints.identity_sql import COLUMNS, UPSERT
from singer_delivery.fingerprints.postgres import CREATION, FIND_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import psycopg

    Cursor = psycopg.Cursor[Any]

_STAGE = (
    "CREATE TEMP TABLE singer_fingerprint_staged (LIKE singer_fingerprint_identities)"
    " ON COMMIT DROP"
)
_COPY = f"COPY singer_fingerprint_staged ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
_TYPES = ("int4", "int8", "int8", "text", "text", "int8", "int4")
_MERGE = UPSERT.format(rows="TABLE singer_fingerprint_staged")


class DatabaseIdentities(Identities):
    """The identities in a database.

    Args:
        transaction: Returns the context of a transaction under the lease, with its cursor.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[Cursor]]) -> None:
        self._begin = transaction
        self._cursor: Cursor | None = None

    @property
    @override
    def create_suffix(self) -> str:
        return ""

    @override
    def lock(self) -> None:
        self.run(f"SELECT pg_advisory_xact_lock({CREATION})")

    @override
    def exists(self) -> bool:
        return bool(self.run(FIND_TABLE, ("singer_fingerprint_streams",)))

    @override
    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if self._cursor is None:
            with self.transaction():
                return self.run(statement, values)
        self._cursor.execute(statement.replace("?", "%s").encode(), values)
        return self._cursor.fetchall() if self._cursor.description else []

    @contextmanager
    @override
    def transaction(self) -> Iterator[None]:
        with self._begin() as cursor:
            self._cursor = cursor
            try:
                yield
            finally:
                self._cursor = None

    @override
    def upsert(self, rows: Sequence[Identity]) -> None:
        with self._begin() as cursor:
            cursor.execute(_STAGE)
            with cursor.copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for row in rows:
                    copy.write_row(row)
            cursor.execute(_MERGE.encode())
            cursor.execute("DROP TABLE singer_fingerprint_staged")
