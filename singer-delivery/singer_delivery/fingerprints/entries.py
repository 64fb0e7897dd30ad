"""What a store of fingerprints holds of each entity, and what it can do."""

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
        generation: The number of changes before it.
        acknowledged: Whether the service has taken it, and nothing else was sent since.
    """

    fingerprint: bytes
    generation: int
    acknowledged: bool


class FingerprintStore(Protocol):
    """Keeps what was sent last of each entity; used by one thread of one run at a time.

    Entries are appended to a log, which is merged into what `find` reads; what a killed run leaves
    in its log is merged by the next one. Each method may raise `OutputError`.
    """

    def open(self) -> None:
        """Open the store, and merge what a killed run left in its log."""

    def find(self, keys: Collection[int]) -> dict[int, FingerprintEntry]:
        """Return the merged entries of these entities."""

    def append(self, entries: bytes, *, at_once: bool = True) -> None:
        """Append entries, made by `packed`, to the log in one transaction.

        Args:
            entries: The entries.
            at_once: Whether they must survive a power cut from now on. Those of messages to be sent
                must; without that of an acknowledgement the message is only sent once more.
        """

    def merge(self, entries: Mapping[int, FingerprintEntry]) -> None:
        """Merge the entries of the log, which is empty afterwards; if it fails, they stay there."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of any entity."""

    @property
    def identities(self) -> Identities:
        """Who is known of each stream, where `on_removed` is set; to be opened behind the store."""

    def confirm(self) -> None:
        """Make sure that no other run has taken the store over."""

    @property
    def ends_at(self) -> float | None:
        """When another run may take the store over, by the monotonic clock; None: it may not.

        `append`, `merge` and `confirm` put it off.
        """

    def close(self) -> None:
        """Close the store, for the next run."""


def packed(entity_key: int, entry: FingerprintEntry) -> bytes:
    """Return an entry as a log has it."""
    return _ENTRY.pack(entity_key, entry.fingerprint, entry.generation, entry.acknowledged)


def logged(rows: Iterable[tuple[bytes]]) -> dict[int, FingerprintEntry]:
    """Read the rows of a log; the last entry of an entity counts.

    Raises:
        struct.error: A row is torn.
    """
    return {
        entity_key: FingerprintEntry(*rest)
        for (entries,) in rows
        for entity_key, *rest in _ENTRY.iter_unpack(entries)
    }
