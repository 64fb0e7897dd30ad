"""The lease on the fingerprints in PostgreSQL: a row with its owner and its end, by server time."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import NAMESPACE_OID, uuid4, uuid5

from singer_delivery.errors import FingerprintsInUseError, LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    import psycopg

LEASE_SECONDS = 60.0
"""How long a lease lasts, and so how long the next run waits after a kill."""

LOOK_SECONDS = 1.0
"""How often a run that waits for a lease checks whether it was renewed."""

_ACQUIRE = """
INSERT INTO singer_fingerprint_leases AS lease (name, owner, ends_at)
VALUES (%(name)s, %(owner)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at
WHERE lease.ends_at <= clock_timestamp() OR lease.owner = excluded.owner
RETURNING owner
"""
_CURRENT = """
SELECT owner, ends_at, extract(epoch FROM ends_at - clock_timestamp())::float8
FROM singer_fingerprint_leases WHERE name = %(name)s
"""
RENEW = """
UPDATE singer_fingerprint_leases
SET ends_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND owner = %(owner)s RETURNING name
"""
_RELEASE = "DELETE FROM singer_fingerprint_leases WHERE name = %(name)s AND owner = %(owner)s"


class _Current(NamedTuple):
    """The lease of another run, and the seconds until it ends."""

    owner: UUID
    ends_at: Any
    seconds: float


class Lease:
    """The lease of one run, or of several runs that share it.

    Args:
        place: The database, for messages.
        name: The name of the lease, from `lease_name`.
        shared: The name under which several runs share the lease.
        wait: Waits for seconds; raises if a signal ends the run.
        clock: A monotonic clock, in seconds.

    Attributes:
        name: As above.
        is_shared: Whether several runs share it.
        ends_at: When it ends, by the clock, unless it is renewed; None if the run does not have it.
    """

    def __init__(
        self,
        place: str,
        name: str,
        shared: str | None,
        *,
        wait: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        owner = uuid4() if shared is None else uuid5(NAMESPACE_OID, f"{name} {shared}")
        self.name = name
        self.is_shared = shared is not None
        self.ends_at: float | None = None
        self._values = {"name": name, "owner": owner, "seconds": LEASE_SECONDS}
        self._place = place
        self._wait = wait
        self._clock = clock

    def acquire(self, cursor: psycopg.Cursor[Any]) -> None:
        """Acquire the lease; if another run has it, wait for its end.

        Raises:
            FingerprintsInUseError: The other run renews it.
        """
        seen: _Current | None = None
        while True:
            now = self._clock()
            if self._acquires(cursor):
                self.ends_at = now + LEASE_SECONDS
                return
            found = cursor.execute(_CURRENT, self._values).fetchone()
            if found is None:
                continue  # it was released in between
            current = _Current(*found)
            if seen and seen[:2] != current[:2]:
                raise FingerprintsInUseError(path=self._place)
            seen = current
            self._wait(min(max(current.seconds, 0.0), LOOK_SECONDS))

    def check(self, cursor: psycopg.Cursor[Any]) -> None:
        """Acquire the lease in a transaction that is rolled back.

        Raises:
            FingerprintsInUseError: Another run has it.
        """
        if not self._acquires(cursor):
            raise FingerprintsInUseError(path=self._place)

    def execute(self, cursor: psycopg.Cursor[Any], statement: str = RENEW, **values: Any) -> None:  # noqa: ANN401, of any column
        """Run a statement that renews the lease.

        Args:
            cursor: A cursor.
            statement: A statement that contains `RENEW`, and affects no row without the lease.
            values: Its values besides those of the lease.

        Raises:
            LeaseLostError: Another run has taken over the lease.
        """
        if not cursor.execute(statement.encode(), {**self._values, **values}).rowcount:
            self.ends_at = None
            raise LeaseLostError(path=self._place, seconds=LEASE_SECONDS)

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Note at the end of the context that the lease was renewed, as of its beginning."""
        now = self._clock()
        yield
        self.ends_at = now + LEASE_SECONDS

    def release(self, cursor: psycopg.Cursor[Any]) -> None:
        """Release the lease, unless it is shared or lost."""
        if self.ends_at is not None and not self.is_shared:
            cursor.execute(_RELEASE, self._values)

    def _acquires(self, cursor: psycopg.Cursor[Any]) -> bool:
        return bool(cursor.execute(_ACQUIRE, self._values).rowcount)


def lease_name(target: str, secrets: Sequence[str]) -> str:
    """Return the name of the lease of a target with these keys, which cannot be read from it."""
    return f"{target} {sha256(chr(0).join(secrets).encode()).hexdigest()[:32]}"
