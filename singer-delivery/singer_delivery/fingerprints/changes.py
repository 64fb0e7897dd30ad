"""What was last acknowledged of each user and company, for `changed_only`.

An entry is stored as not acknowledged before its message is sent, and as acknowledged afterwards.
After a run was killed, what may not have arrived is sent again: with the same id if it is
unchanged, and with another id if the service could take it for a repeat. Neither ids nor values can
be read from the store.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from singer_delivery.fingerprints.entries import FingerprintEntry, packed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_delivery.fingerprints.entries import FingerprintStore
    from singer_delivery.sending.batching import Message

STORE_EVERY = 10_000
"""Entries that are stored together, unless a batch or a STATE line is due before."""

MERGE_EVERY = 200_000
"""Entries that are kept in memory and then merged together; a message makes two."""

RENEW_BEFORE_SECONDS = 40.0
"""How long before its end a lease is renewed."""

ID_CHARACTERS = 32
"""The length of an id that is made of the content: 128 bits in hexadecimal digits."""

UUID_CHARACTERS = 36
"""The length of one that is a UUID."""

FINGERPRINT_BYTES = 16
REMOVED = sha256(b"removed").digest()[:FINGERPRINT_BYTES]
"""The fingerprint of what is removed: what comes back is a change, and has a new id."""

ENTITY_KEY_BYTES = 8
"""If two entities share a key by chance, both are sent although they are unchanged."""


class Fingerprints:
    """Decides which messages are changes; used by one thread.

    Args:
        store: Keeps the entries between runs.
        again: Whether to send unchanged messages too.
        interrupts: Whether this run does not note who it reads, so that no read that it takes part
            in may be compared.

    Attributes:
        known: The store.
    """

    def __init__(
        self, store: FingerprintStore, *, again: bool = False, interrupts: bool = False
    ) -> None:
        self._store = self.known = store
        self._interrupts = interrupts
        self._again = again
        self._on_their_way: dict[int, int] = {}  # number of messages in flight
        self._recent: dict[int, FingerprintEntry] = {}  # entries that are not merged into the store
        self._unstored: list[bytes] = []
        self._unmerged = 0  # entries
        self._sent = False  # whether an unstored entry belongs to a message in the next batch
        self._found: dict[int, FingerprintEntry] = {}  # the result of the last look-up

    def open(self) -> None:
        """Open the store.

        Raises:
            OutputError: It cannot be used.
        """
        self._store.open()
        if self._interrupts:
            self._store.identities.interrupt()

    def look_up(self, entity_keys: Iterable[int | None]) -> None:
        """Look up entries for `send`; many at once cost less.

        Raises:
            OutputError: The store cannot be read.
        """
        recent = self._recent
        wanted = [each for each in entity_keys if each is not None and each not in recent]
        self._found = self._store.find(wanted) if wanted else {}

    def send(self, message: Message) -> bool:
        """Return whether a message must be sent, and note it.

        A repeat of a message that may not have arrived keeps its id, so that the service can drop
        it. Every other message is a change and gets a new id, also if it is sent again on purpose.

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
            if last.acknowledged and not self._again:
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
        self._on_their_way[entity_key] = self._on_their_way.get(entity_key, 0) + 1
        return True

    def leave(self) -> None:
        """Store the entries of sent messages, before a batch is queued."""
        if self._sent:
            self.store()

    def resolve(self, message: Message, *, acknowledged: bool) -> None:
        """Note the outcome of a message; of several in flight the last one decides."""
        entity_key = message.entity_key
        if entity_key is None:
            return
        others = self._on_their_way.pop(entity_key) - 1
        if others:
            self._on_their_way[entity_key] = others
        elif acknowledged:
            last = self._recent[entity_key]
            self._note(entity_key, FingerprintEntry(last.fingerprint, last.generation, True))
            self._remove(each for each in message.removes or () if each != entity_key)
            if len(self._unstored) >= STORE_EVERY:
                self.store()

    def store(self) -> None:
        """Store the noted entries; if there are none, make sure that the store is still this run's.

        Raises:
            OutputError: It cannot be stored, or another run has taken the store over.
        """
        if self._unstored:
            self._store.append(b"".join(self._unstored), at_once=self._sent)
            self._unmerged += len(self._unstored)
            self._unstored.clear()
        else:
            self._store.confirm()
        self._sent = False
        if self._unmerged >= MERGE_EVERY:
            self._merge()

    @property
    def ends_at(self) -> float | None:
        """When another run may take the store over unless this one renews its lease, if ever."""
        return self._store.ends_at

    @property
    def renewal_at(self) -> float | None:
        """When `keep` has to be called, if ever."""
        ends_at = self._store.ends_at
        return None if ends_at is None else ends_at - RENEW_BEFORE_SECONDS

    def keep(self, now: float) -> None:
        """Renew the lease of the store when it is time.

        Raises:
            OutputError: Another run has taken the store over, or it cannot be reached.
        """
        if (renewal_at := self.renewal_at) is not None and renewal_at <= now:
            self._store.confirm()

    def close(self) -> None:
        """Store the noted entries, and close the store.

        Raises:
            OutputError: It cannot be stored.
        """
        try:
            if self._unstored:
                self.store()
            self._merge()
        finally:
            self._store.close()

    def _remove(self, entity_keys: Iterable[int]) -> None:
        """Note that other entities, which describe the same user or company, are removed too."""
        for entity_key in entity_keys:
            found = self._recent.get(entity_key) or self._store.find([entity_key]).get(entity_key)
            if found and entity_key not in self._on_their_way:
                self._note(entity_key, FingerprintEntry(REMOVED, found.generation + 1, True))

    def _last(self, entity_key: int) -> FingerprintEntry | None:
        return self._recent.get(entity_key) or self._found.get(entity_key)

    def _note(self, entity_key: int, last: FingerprintEntry) -> None:
        self._recent[entity_key] = last
        self._unstored.append(packed(entity_key, last))

    def _merge(self) -> None:
        self._store.merge(self._recent)
        self._found |= self._recent  # until the next look-up
        self._recent = {entity_key: self._recent[entity_key] for entity_key in self._on_their_way}
        self._unmerged = 0


def entity_key(tenant: bytes, *parts: str) -> int:
    """Return the key of an entity's fingerprint; all tenants have the same length."""
    digest = sha256(tenant + "\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:ENTITY_KEY_BYTES], "big", signed=True)


def _renew_id(message: Message, generation: int) -> None:
    """Replace a message's id by one of its generation, so that A → B → A is no repeat.

    Where it is a UUID, so is the new one (RFC 9562, version 8).
    """
    is_uuid = message.body[message.id_at + 8] == ord("-")
    start, end = message.id_at, message.id_at + (UUID_CHARACTERS if is_uuid else ID_CHARACTERS)
    digest = sha256(b"%b%d" % (message.body[start:end], generation)).digest()[: ID_CHARACTERS // 2]
    message.id = _uuid8(digest) if is_uuid else digest.hex()
    message.body = message.body[:start] + message.id.encode() + message.body[end:]


def _uuid8(digest: bytes) -> str:
    number = int.from_bytes(digest, "big") & ~(0xF000 << 64 | 0xC000 << 48)
    return str(UUID(int=number | 0x8000 << 64 | 0x8000 << 48))
