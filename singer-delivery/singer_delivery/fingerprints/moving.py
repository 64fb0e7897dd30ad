"""`singer-fingerprints move FILE URI` moves fingerprints from a file to a database."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

from singer_delivery.errors import FingerprintsInUseError, OutputError
from singer_delivery.fingerprints.entries import unpack_log
from singer_delivery.fingerprints.file import FingerprintFile
from singer_delivery.fingerprints.stores import is_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_delivery.fingerprints.entries import FingerprintEntry

_LIVE = "SELECT EXISTS (SELECT FROM singer_fingerprint_leases WHERE ends_at > clock_timestamp())"
_LOGGED = "SELECT entries FROM singer_fingerprint_log ORDER BY number"
_CLEAR = "DELETE FROM singer_fingerprint_log"
_MERGE: LiteralString = """
INSERT INTO singer_fingerprints AS stored SELECT * FROM staged
ON CONFLICT (entity_key) DO UPDATE SET
    fingerprint = excluded.fingerprint,
    generation = greatest(stored.generation, excluded.generation)
        + (stored.fingerprint <> excluded.fingerprint)::integer,
    acknowledged = stored.acknowledged AND excluded.acknowledged
        AND stored.fingerprint = excluded.fingerprint
"""
"""If the two entries of an entity differ, it is sent once more, with a new id."""


def move(path: Path, uri: str) -> int:
    """Move all entries of a file to a database, and keep later runs from using the file.

    The file is marked after the database has committed. If the command is killed in between, run it
    again.

    Args:
        path: The file.
        uri: The URI of the database.

    Returns:
        The number of entries.

    Raises:
        OutputError: The file or the database cannot be used, or a run uses it; the file is
            unchanged.
    """
    # psycopg is an extra.
    from singer_delivery.fingerprints import postgres as database  # noqa: PLC0415
    from singer_delivery.fingerprints.identity_database import DatabaseIdentities  # noqa: PLC0415

    place = database.place_of(uri)
    moved = 0

    def entries(file: FingerprintFile) -> Iterator[tuple[int, FingerprintEntry]]:
        nonlocal moved
        for each in file.entries():
            moved += 1
            yield each

    with closing(FingerprintFile(path)) as file:
        file.open()
        with database.plain_errors(place), closing(database.connected(uri)) as connection:
            database.prepare(connection)
            with connection.transaction(), connection.cursor(binary=True) as cursor:
                # A run that starts now waits for its lease until everything is moved.
                cursor.execute("LOCK TABLE singer_fingerprint_leases IN EXCLUSIVE MODE")
                [[used]] = cursor.execute(_LIVE)
                if used:
                    raise FingerprintsInUseError(path=place)
                # The logs of killed runs are older and must not overwrite what is moved.
                left = unpack_log(cursor.execute(_LOGGED))
                database.copy_entries(cursor, left.items())
                cursor.execute(_CLEAR)
                database.copy_entries(cursor, entries(file), _MERGE)
                if file.identities.exists():
                    identities = DatabaseIdentities(lambda: nullcontext(cursor))
                    file.identities.open()
                    identities.open()
                    file.identities.copy_to(identities)
        file.mark_moved(place)
    return moved


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 if everything was moved, 1 if nothing was.
    """
    parser = argparse.ArgumentParser(
        prog="singer-fingerprints",
        description="Move the fingerprints of changed_only from a file to a database. No run may "
        "use either of them meanwhile, and none can use the file afterwards.",
        epilog="Exit codes: 0 everything was moved, 1 nothing was, 2 wrong usage.",
    )
    commands = parser.add_subparsers(required=True, metavar="move")
    moving = commands.add_parser("move", help="move from a file to a database")
    moving.add_argument("file", type=Path, help="the file that fingerprints_path names today")
    moving.add_argument("uri", help="the database that it will name: postgresql://…")
    given = parser.parse_args(arguments)
    if not is_database(given.uri):
        moving.error("the URI of a database begins with postgresql://")
    if not given.file.is_file():
        moving.error(f"there is no file {given.file}")
    try:
        moved = move(given.file, given.uri)
    except ImportError:
        sys.stderr.write("PostgreSQL's driver is not installed: singer-delivery[postgres].\n")
        return 1
    except OutputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Moved {moved} fingerprints. Set fingerprints_path to the database.\n")
    return 0
