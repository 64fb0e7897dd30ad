"""The fingerprints in PostgreSQL, for runs on many machines.

A run has a lease, which each write renews in the same transaction; it fails if another run has
taken over the lease. Look-ups read `singer_fingerprints`. As in the file, entries are appended to
`singer_fingerprint_log`, packed, and merged once the log has grown.

Runs that share a lease, such as the windows of a backfill, read different entities. They merge
entries immediately and use no log, so that a run that is started again sees what it had stored.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from singer_delivery.fingerprints.entries import FingerprintEntry, unpack_log
from singer_delivery.fingerprints.file import FingerprintFile
from singer_delivery.fingerprints.identity_database import DatabaseIdentities
from singer_delivery.fingerprints.lease import RENEW, Lease
from singer_delivery.fingerprints.postgres import (
    connected,
    copy_entries,
    exists,
    place_of,
    plain_errors,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager

    from singer_delivery.fingerprints.identities import Identities

_HAS_ENTRIES = "SELECT EXISTS (SELECT FROM singer_fingerprints)"
_FIND = """
SELECT entity_key, fingerprint, generation, acknowledged
FROM singer_fingerprints WHERE entity_key = ANY(%s::bigint[])
"""
_APPEND = f"""
WITH renewed AS ({RENEW})
INSERT INTO singer_fingerprint_log (lease, entries) SELECT name, %(entries)s FROM renewed
"""  # noqa: S608, constants
_APPEND_SOON = f"""
WITH renewed AS ({RENEW}),
relaxed AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO singer_fingerprint_log (lease, entries)
SELECT name, %(entries)s FROM renewed, relaxed
"""  # noqa: S608, constants
_LOGGED = "SELECT entries FROM singer_fingerprint_log WHERE lease = %s ORDER BY number"
_CLEAR = "DELETE FROM singer_fingerprint_log WHERE lease = %s"


class FingerprintDatabase:
    """Stores what was last sent for each entity; used by one thread of one run at a time.

    Args:
        uri: A connection URI, `postgresql://…`; libpq's environment variables and password file
            complete it.
        lease: The name of the lease, from `lease_name`.
        shared: The name under which several runs share the lease.
        writable: Whether it is written; if not, it may be read while another run writes it.
        wait: Waits for seconds; raises where a signal ends the run.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        uri: str,
        *,
        lease: str,
        shared: str | None = None,
        writable: bool = True,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = place_of(uri)
        self._uri = uri
        self._writable = writable
        self._lease = Lease(self.place, lease, shared, wait=wait, clock=clock)
        self._connection: psycopg.Connection[Any] | None = None
        self._empty = True  # no merged entries, as in a first run: `find` needs no query
        self._overlay: FingerprintFile | None = None  # entries of a run that does not write

    def open(self) -> None:
        """Connect, acquire the lease, and merge the log of a killed run.

        Raises:
            OutputError: The database cannot be used, or another run has the lease and renews it.
        """
        try:
            with self._plain_errors():
                self._connect()
                if self._writable:
                    self._prepare()
                    self._lease.acquire(self._cursor)
                    self._merge_log()
                    self._empty = not self._lease.is_shared and self._is_empty()
                else:
                    self._read_only()
        except BaseException:
            self.close()
            raise

    def find(self, keys: Collection[int]) -> dict[int, FingerprintEntry]:
        """Return the merged entries of these entities, in one round trip.

        Raises:
            OutputError: They cannot be read.
        """
        found: dict[int, FingerprintEntry] = {}
        if not self._empty:
            with self._plain_errors():
                rows = self._cursor.execute(_FIND, ([*keys],))
                found = {entity_key: FingerprintEntry(*rest) for entity_key, *rest in rows}
        return found | self._overlay.find(keys) if self._overlay else found

    def append(self, entries: bytes, *, durable: bool = True) -> None:
        """Append packed entries to the log and renew the lease, in one round trip.

        Args:
            entries: Entries, as `pack` returns them.
            durable: Whether to wait until the server has them on its disk. If not, a power cut may
                undo the renewal too, so the lease does not count as renewed.

        Raises:
            OutputError: They cannot be stored.
        """
        if self._overlay:
            self._overlay.append(entries)
            return
        if self._lease.is_shared:
            self._copy(unpack_log([(entries,)]))
            return
        with self._plain_errors():
            if not durable:
                self._lease.execute(self._cursor, _APPEND_SOON, entries=entries)
                return
            with self._lease.renewing():
                self._lease.execute(self._cursor, _APPEND, entries=entries)

    def merge(self, entries: Mapping[int, FingerprintEntry]) -> None:
        """Merge the entries of the log, and empty it.

        Raises:
            OutputError: They cannot be merged; the log is unchanged.
        """
        if self._overlay:
            self._overlay.merge(entries)
            return
        if entries and not self._lease.is_shared:
            self._copy(entries)

    @property
    def is_empty(self) -> bool:
        """Whether there are no entries; False if the lease is shared."""
        return self._empty

    @cached_property
    def identities(self) -> Identities:
        """The identities; if the database is not written, a copy of them.

        Raises:
            OutputError: They cannot be copied.
        """
        if not self._overlay:
            return DatabaseIdentities(self._leased)
        copy, stored = self._overlay.identities, DatabaseIdentities(self._unleased)
        if stored.exists():
            copy.open()
            stored.copy_to(copy)
        return copy

    def renew_lease(self) -> None:
        """Renew the lease.

        Raises:
            OutputError: Another run has taken it over.
        """
        if self._overlay:
            return
        with self._plain_errors(), self._lease.renewing():
            self._lease.execute(self._cursor)

    @property
    def lease_ends_at(self) -> float | None:
        """When the lease ends, by the clock, unless it is renewed."""
        return self._lease.ends_at

    def close(self) -> None:
        """Release the lease, unless it is shared or lost, and disconnect."""
        with suppress(psycopg.Error):  # it ends by itself
            self._lease.release(self._cursor)
        self._disconnect()

    def check(self) -> None:
        """Try the first steps of a run, and roll them back.

        Raises:
            OutputError: A run would fail now.
        """
        try:
            with self._plain_errors():
                self._connect()
                with self._opened.transaction(force_rollback=True):
                    self._prepare()
                    self._lease.check(self._cursor)
        finally:
            self._disconnect()

    @property
    def _opened(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise psycopg.OperationalError("it is not open")
        return self._connection

    @property
    def _cursor(self) -> psycopg.Cursor[Any]:
        return self._opened.cursor(binary=True)

    def _connect(self) -> None:
        self._connection = connected(self._uri)

    def _disconnect(self) -> None:
        self._lease.ends_at = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._overlay:
            self._overlay.close()

    def _is_empty(self) -> bool:
        [[found]] = self._cursor.execute(_HAS_ENTRIES)
        return not found

    def _prepare(self) -> None:
        prepare(self._opened)

    def _read_only(self) -> None:
        self._overlay = FingerprintFile(Path(os.devnull, "none"), writable=False)
        self._overlay.open()
        self._cursor.execute("SET default_transaction_read_only = on")
        if exists(self._opened):
            self._empty = self._is_empty()
            self._overlay.merge(self._logged())

    def _merge_log(self) -> None:
        """Merge the log of a killed run."""
        with self._transaction():
            self._merge(self._logged())

    def _copy(self, entries: Mapping[int, FingerprintEntry]) -> None:
        with self._plain_errors(), self._transaction():
            self._merge(entries)
        self._empty = False

    def _merge(self, entries: Mapping[int, FingerprintEntry]) -> None:
        if entries:
            copy_entries(self._cursor, sorted(entries.items(), key=itemgetter(0)))
            self._cursor.execute(_CLEAR, (self._lease.name,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Begin a transaction that renews the lease and locks its row."""
        with self._lease.renewing(), self._opened.transaction():
            self._lease.execute(self._cursor)
            yield

    @contextmanager
    def _leased(self) -> Iterator[psycopg.Cursor[Any]]:
        with self._plain_errors(), self._transaction():
            yield self._cursor

    @contextmanager
    def _unleased(self) -> Iterator[psycopg.Cursor[Any]]:
        with self._plain_errors(), self._opened.transaction():
            yield self._cursor

    def _logged(self) -> dict[int, FingerprintEntry]:
        return unpack_log(self._cursor.execute(_LOGGED, (self._lease.name,)))

    def _plain_errors(self) -> AbstractContextManager[None]:
        return plain_errors(self.place)
