"""Runs on fingerprints, without a target around them."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from singer_delivery.fingerprints.changes import FINGERPRINT_BYTES, Fingerprints
from singer_delivery.fingerprints.stores import fingerprint_store
from singer_delivery.sending.batching import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from postgres import Database


_NUMBERS = count()
_MEMORY = Path("/dev/shm")


def folder_in_memory() -> TemporaryDirectory[str]:
    """Make a folder whose files need no disk, where the system has such folders."""
    return TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)


def place_in(database: Database) -> str:
    """Name a place in a database that nobody has used."""
    schema = f"example_{next(_NUMBERS)}"
    with psycopg.connect(database.uri, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    return f"{database.uri}?options=-csearch_path%3D{schema}"


def no_wait(_seconds: float) -> None:
    pytest.fail("nobody else has the lease")


def opened(
    place: str,
    *,
    shared: str | None = None,
    writable: bool = True,
    full_refresh: bool = False,
    wait: Callable[[float], None] = no_wait,
) -> Fingerprints:
    """Open the fingerprints at a place, as `fingerprints_path` names it.

    Args:
        place: The place; behind a # stands a lease to share.
        shared: A lease to share.
        writable: Whether they are written.
        full_refresh: Whether what is known is sent too.
        wait: Waits for a lease.
    """
    place, _, lease = place.partition("#")
    store = fingerprint_store(
        place,
        "target",
        ["key-CANARY"],
        shared=shared or lease or None,
        writable=writable,
        wait=wait,
    )
    fingerprints = Fingerprints(store, full_refresh=full_refresh)
    fingerprints.open()
    return fingerprints


def fingerprint(said: str) -> bytes:
    return said.encode().ljust(FINGERPRINT_BYTES, b".")


def message(entity_key: int, said: str) -> Message:
    return Message("key", b"", 0, entity_key, fingerprint(said))


def send(fingerprints: Fingerprints, each: Message) -> int | None:
    """Send a message; give its generation, or None if it need not be sent."""
    fingerprints.look_up([each.entity_key])
    if not fingerprints.send(each):
        return None
    last = fingerprints._last(each.entity_key or 0)
    return last.generation if last else -1


def deliver(fingerprints: Fingerprints, *messages: Message) -> list[int]:
    """Deliver each message that is a change; give their generations."""
    generations = []
    for each in messages:
        if (generation := send(fingerprints, each)) is not None:
            generations.append(generation)
            fingerprints.resolve(each, acknowledged=True)
    return generations


def killed(fingerprints: Fingerprints) -> None:
    """Leave the store as SIGKILL does: what was not stored is gone."""
    fingerprints.store.close()


def end_leases(database: Database) -> None:
    """Let the leases of runs that do not renew them be over, as they are after a minute."""
    with psycopg.connect(database.uri, autocommit=True) as connection:
        connection.execute("UPDATE singer_fingerprint_leases SET ends_at = clock_timestamp()")
