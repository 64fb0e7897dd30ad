"""Finds the messages that are changes, by fingerprints of what was last acknowledged.

An entry is stored as not acknowledged before its message is sent, and as acknowledged afterwards.
After a kill, messages that may not have arrived are sent again: with the same id if they are
unchanged, and with another id if the service could take them for a repeat. Neither ids nor values
can be read from an entry.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from singer_delivery.fingerprints.entries import FingerprintEntry, pack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_delivery.fingerprints.entries import FingerprintStore
    from singer_delivery.sending.batching import Message

STORE_EVERY = 10_000
"""Entries that are stored together, unless a batch or a STATE line is due earlier."""

MERGE_EVERY = 200_000
"""Entries that are kept in memory until they are merged; a message has two."""

RENEW_BEFORE_SECONDS = 40.0
"""The remaining time at which a lease is renewed."""

ID_CHARACTERS = 32
"""The length of an id that is made from the content: 128 bits as hexadecimal digits."""

UUID_CHARACTERS = 36
"""The length of an id that is a UUID."""

FINGERPRINT_BYTES = 16
REMOVED = sha256(b"removed").digest()[:FINGERPRINT_BYTES]
"""The fingerprint of a removed user or company: its return is a change, with a new id."""

ENTITY_KEY_BYTES = 8
"""If the keys of two entities collide, both are sent even if they are unchanged."""


class Fingerprints:
    """Decides which messages are changes; used by one thread.

    Args:
        store: The store of the entries.
        full_refresh: Whether to send unchanged messages too.
        invalidates_reads: Whether this run stores no identities, so that the reads it is part of
            cannot be compared.

    Attributes:
        store: As above.
    """

    def __init__(
        self,
        store: FingerprintStore,
        *,
        full_refresh: bool = False,
        invalidates_reads: bool = False,
    ) -> None:
        self.store = store
        self._invalidates_reads = invalidates_reads
        self._full_refresh = full_refresh
        self._in_flight: dict[int, int] = {}  # numbers of messages, by entity key
        self._recent: dict[int, FingerprintEntry] = {}  # entries that are not merged yet
        self._unstored: list[bytes] = []
        self._unmerged = 0  # entries
        self._sent = False  # whether an unstored entry belongs to a message in the next batch
        self._found: dict[int, FingerprintEntry] = {}  # the result of the last look-up

    def open(self) -> None:
        """Open the store.

        Raises:
            OutputError: It cannot be used.
        """
        self.store.open()
        if self._invalidates_reads:
            self.store.identities.invalidate_reads()

    def look_up(self, entity_keys: Iterable[int | None]) -> None:
        """Look up entries for `send`; many in one call cost less.

        Raises:
            OutputError: The store cannot be read.
        """
        recent = self._recent
        wanted = [each for each in entity_keys if each is not None and each not in recent]
        self._found = self.store.find(wanted) if wanted else {}

    def send(self, message: Message) -> bool:
        """Return whether a message must be sent, and note it.

        A repeat of a message that may not have arrived keeps its id, so that the service can drop
        it. Every other message is a change and gets a new id, also in a full refresh.

        Args:
            message: A message whose entity was looked up; an event has none.

        Returns:
            False if the same content was acknowledged and nothing was sent since.
        """
        entity_key, fingerprint = message.entity_key, message.fingerprint
        if entity_key is None:
            return True
        last = self._last(entity_key)
        if last and last.fingerprint == fingerprint:
            if last.acknowledged and not self._full_refresh:
                return False
            generation = last.generation + last.acknowledged
        else:
            generation = last.generation + 1 if last else 0
        if last is None or last.acknowledged or last.generation != generation:
            self._note(entity_key, FingerprintEntry(fingerprint, generation, False))
            self._sent = True
        else:
            self._recent[entity_key] = last  # as it is stored
        if generation and message.id_at:
            _renew_id(message, generation)
        self._in_flight[entity_key] = self._in_flight.get(entity_key, 0) + 1
        return True

    def before_batch(self) -> None:
        """Store the entries of sent messages, before a batch is queued."""
        if self._sent:
            self.flush()

    def resolve(self, message: Message, *, acknowledged: bool) -> None:
        """Note the outcome of a message; of several in flight for one entity, the last decides."""
        entity_key = message.entity_key
        if entity_key is None:
            return
        others = self._in_flight.pop(entity_key) - 1
        if others:
            self._in_flight[entity_key] = others
        elif acknowledged:
            last = self._recent[entity_key]
            self._note(entity_key, FingerprintEntry(last.fingerprint, last.generation, True))
            self._remove(each for each in message.removes or () if each != entity_key)
            if len(self._unstored) >= STORE_EVERY:
                self.flush()

    def flush(self) -> None:
        """Store the noted entries, or renew the lease if there are none.

        Raises:
            OutputError: They cannot be stored, or another run has taken over the store.
        """
        if self._unstored:
            self.store.append(b"".join(self._unstored), durable=self._sent)
            self._unmerged += len(self._unstored)
            self._unstored.clear()
        else:
            self.store.renew_lease()
        self._sent = False
        if self._unmerged >= MERGE_EVERY:
            self._merge()

    @property
    def lease_ends_at(self) -> float | None:
        """When the lease of the store ends, by the monotonic clock; None if it has no lease."""
        return self.store.lease_ends_at

    @property
    def renew_at(self) -> float | None:
        """When `renew_lease` must be called; None if the store has no lease."""
        ends_at = self.store.lease_ends_at
        return None if ends_at is None else ends_at - RENEW_BEFORE_SECONDS

    def renew_lease(self, now: float) -> None:
        """Renew the lease of the store, if it is due.

        Raises:
            OutputError: Another run has taken over the store, or it cannot be reached.
        """
        if (renew_at := self.renew_at) is not None and renew_at <= now:
            self.store.renew_lease()

    def close(self) -> None:
        """Store the noted entries, and close the store.

        Raises:
            OutputError: It cannot be stored.
        """
        try:
            if self._unstored:
                self.flush()
            self._merge()
        finally:
            self.store.close()

    def _remove(self, entity_keys: Iterable[int]) -> None:
        """Note the removal of other entities of the same user or company."""
        for entity_key in entity_keys:
            found = self._recent.get(entity_key) or self.store.find([entity_key]).get(entity_key)
            if found and entity_key not in self._in_flight:
                self._note(entity_key, FingerprintEntry(REMOVED, found.generation + 1, True))

    def _last(self, entity_key: int) -> FingerprintEntry | None:
        return self._recent.get(entity_key) or self._found.get(entity_key)

    def _note(self, entity_key: int, last: FingerprintEntry) -> None:
        self._recent[entity_key] = last
        self._unstored.append(pack(entity_key, last))

    def _merge(self) -> None:
        self.store.merge(self._recent)
        self._found |= self._recent  # until the next look-up
        self._recent = {entity_key: self._recent[entity_key] for entity_key in self._in_flight}
        self._unmerged = 0


def entity_key(tenant: bytes, *parts: str) -> int:
    """Return the key of an entity's fingerprint; `tenant` must have the same length for all."""
    digest = sha256(tenant + "\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:ENTITY_KEY_BYTES], "big", signed=True)


def _renew_id(message: Message, generation: int) -> None:
    """Replace a message's id by one for its generation, so that A → B → A is no repeat.

    If it is a UUID, so is the new one (RFC 9562, version 8).
    """
    is_uuid = message.body[message.id_at + 8] == ord("-")
    start, end = message.id_at, message.id_at + (UUID_CHARACTERS if is_uuid else ID_CHARACTERS)
    digest = sha256(b"%b%d" % (message.body[start:end], generation)).digest()[: ID_CHARACTERS // 2]
    message.id = _uuid8(digest) if is_uuid else digest.hex()
    message.body = message.body[:start] + message.id.encode() + message.body[end:]


def _uuid8(digest: bytes) -> str:
    number = int.from_bytes(digest, "big") & ~(0xF000 << 64 | 0xC000 << 48)
    return str(UUID(int=number | 0x8000 << 64 | 0x8000 << 48))
