"""PostgreSQL for fingerprints: connecting, creating tables, copying entries, error messages."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from singer_delivery.errors import FingerprintsDatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from singer_delivery.fingerprints.entries import FingerprintEntry

FORMAT = "singer-delivery fingerprints, format 1"
"""The comment on the table; a table with another one is refused."""

CREATION = 0x53466702
"""The advisory lock under which the tables are created."""

CONNECTION = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""libpq's parameters to detect an unreachable server; the URI may override them."""

_CREATE: Sequence[LiteralString] = (
    """CREATE TABLE singer_fingerprints (
        entity_key bigint PRIMARY KEY,
        fingerprint bytea NOT NULL, generation integer NOT NULL, acknowledged boolean NOT NULL
    )""",
    """CREATE TABLE singer_fingerprint_log (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        lease text NOT NULL, entries bytea NOT NULL
    )""",
    # Digests cannot be compressed.
    "ALTER TABLE singer_fingerprint_log ALTER entries SET STORAGE EXTERNAL",
    """CREATE TABLE singer_fingerprint_leases (
        name text PRIMARY KEY, owner uuid NOT NULL, ends_at timestamptz NOT NULL
    )""",
    "COMMENT ON TABLE singer_fingerprints IS 'singer-delivery fingerprints, format 1'",
)
FIND_TABLE = """
SELECT obj_description(oid, 'pg_class') FROM pg_class
WHERE relname = %s AND pg_table_is_visible(oid)
"""
"""Finds a table and its comment; `to_regclass` would not see one that another run has just created,
if this session has looked for it before."""
_STAGE = "CREATE TEMP TABLE staged (LIKE singer_fingerprints) ON COMMIT DROP"
_COPY = "COPY staged FROM STDIN (FORMAT BINARY)"
_MERGE = """
INSERT INTO singer_fingerprints SELECT * FROM staged
ON CONFLICT (entity_key) DO UPDATE SET
    fingerprint = excluded.fingerprint, generation = excluded.generation,
    acknowledged = excluded.acknowledged
"""


@contextmanager
def plain_errors(place: str) -> Iterator[None]:
    """Turn errors of the database into a `FingerprintsDatabaseError`."""
    try:
        yield
    except (psycopg.Error, struct.error, OSError) as error:
        raise FingerprintsDatabaseError(path=place, reason=_reason(error).rstrip(".? ")) from error


def place_of(uri: str) -> str:
    """Return a URI without its user, password and options."""
    try:
        found = conninfo_to_dict(uri)
    except psycopg.Error:
        return "postgresql://…"  # it may contain a password anywhere
    host, port = found.get("host"), found.get("port")
    return f"postgresql://{host or ''}{f':{port}' if port else ''}/{found.get('dbname') or ''}"


def connected(uri: str) -> psycopg.Connection[Any]:
    """Connect; each statement is a transaction, unless one is begun.

    Raises:
        psycopg.Error: It cannot connect.
    """
    try:
        given = conninfo_to_dict(uri)
    except psycopg.Error:
        raise psycopg.ProgrammingError("it is not a valid URI of a PostgreSQL database") from None
    others = {name: value for name, value in CONNECTION.items() if name not in given}
    return psycopg.connect(make_conninfo(uri, **others), autocommit=True)


def exists(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the tables exist.

    Raises:
        psycopg.Error: They belong to another program.
    """
    found = connection.execute(FIND_TABLE, ("singer_fingerprints",)).fetchone()
    if found and found[0] != FORMAT:
        newer = (found[0] or "").startswith(FORMAT.rpartition(" ")[0])
        raise psycopg.DataError(
            "a newer version of this program wrote its tables"
            if newer
            else "its table singer_fingerprints belongs to another program"
        )
    return found is not None


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Create the tables unless they exist.

    Raises:
        psycopg.Error: They cannot be created, or belong to another program.
    """
    if exists(connection):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (CREATION,))
        if not exists(connection):
            for statement in _CREATE:
                connection.execute(statement)


def copy_entries(
    cursor: psycopg.Cursor[Any],
    entries: Iterable[tuple[int, FingerprintEntry]],
    merge: LiteralString = _MERGE,
) -> None:
    """Copy entries into the table, within a transaction.

    Args:
        cursor: A cursor of the transaction.
        entries: Entries with their keys, preferably in the order of the keys.
        merge: The statement that merges them from the table `staged`.
    """
    cursor.execute(_STAGE)
    with cursor.copy(_COPY) as copy:
        copy.set_types(["int8", "bytea", "int4", "bool"])
        for entity_key, entry in entries:
            copy.write_row((entity_key, entry.fingerprint, entry.generation, entry.acknowledged))
    cursor.execute(merge)
    cursor.execute("DROP TABLE staged")


def _reason(error: Exception) -> str:
    """Return an error as one line, without its details, which may contain values."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    return " ".join(str(error).split()) or type(error).__name__
