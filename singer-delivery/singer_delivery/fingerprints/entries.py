"""The entries of fingerprints, and the interface of their stores."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from singer_delivery.fingerprints.identities import Identities

_ENTRY = struct.Struct(">q16sI?")


class FingerprintEntry(msgspec.Struct, frozen=True, gc=False):
    """The state of one entity, such as a user.

    Attributes:
        fingerprint: 16-byte digest of the content.
        generation: The number of earlier changes.
        acknowledged: Whether the service acknowledged it and nothing else was sent since.
    """

    fingerprint: bytes
    generation: int
    acknowledged: bool


class FingerprintStore(Protocol):
    """Stores what was last sent for each entity; used by one thread of one run at a time.

    Entries are appended to a log, which is merged into the table that `find` reads. The next run
    merges the log of a killed run. Each method may raise `OutputError`.
    """

    def open(self) -> None:
        """Open the store, and merge the log of a killed run."""

    def find(self, keys: Collection[int]) -> dict[int, FingerprintEntry]:
        """Return the merged entries of these entities."""

    def append(self, entries: bytes, *, durable: bool = True) -> None:
        """Append packed entries to the log in one transaction.

        Args:
            entries: Entries, as `pack` returns them.
            durable: Whether they must survive a power cut. Entries of messages to be sent must;
                if an acknowledgement is lost, its message is sent once more.
        """

    def merge(self, entries: Mapping[int, FingerprintEntry]) -> None:
        """Merge the entries of the log, and empty it; after a failure it is unchanged."""

    @property
    def is_empty(self) -> bool:
        """Whether there are no entries."""

    @property
    def identities(self) -> Identities:
        """The identities, for `on_removed`; to be opened after the store."""

    def renew_lease(self) -> None:
        """Renew the lease, if the store has one; fail if another run has taken over the store."""

    @property
    def lease_ends_at(self) -> float | None:
        """When the lease ends, by the monotonic clock; None if the store has no lease.

        `append`, `merge` and `renew_lease` postpone it.
        """

    def close(self) -> None:
        """Close the store, so that the next run can open it."""


def pack(entity_key: int, entry: FingerprintEntry) -> bytes:
    """Return an entry as it is in a log."""
    return _ENTRY.pack(entity_key, entry.fingerprint, entry.generation, entry.acknowledged)


def unpack_log(rows: Iterable[tuple[bytes]]) -> dict[int, FingerprintEntry]:
    """Return the last entry of each entity in the rows of a log.

    Raises:
        struct.error: A row is torn.
    """
    return {
        entity_key: FingerprintEntry(*rest)
        for (entries,) in rows
        for entity_key, *rest in _ENTRY.iter_unpack(entries)
    }
