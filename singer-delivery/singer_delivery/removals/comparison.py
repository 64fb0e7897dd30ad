"""Detects removed users and companies, for `on_removed`; used by one thread.

The user or company of each record is noted. At the end of the input, each stream that was read
completely is compared with its stored identities. One that is missing from the read, and from every
other stream, is removed. Its identity is deleted once the service has acknowledged the removal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32

from singer_delivery.errors import TooManyRemovedError
from singer_delivery.fingerprints.identities import Identity, StoredStream
from singer_delivery.fingerprints.subjects import Removal
from singer_delivery.removals.messages import removal_line
from singer_delivery.removals.reads import StreamRead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from singer_delivery.fingerprints.entries import FingerprintStore
    from singer_delivery.fingerprints.identities import RemovalCounts
    from singer_delivery.fingerprints.traits import TraitNames
    from singer_delivery.removals.messages import Remover
    from singer_delivery.sending.batching import Message, RecordHandle

STORE_EVERY = 10_000
"""Identities that are stored together, unless a batch or a STATE line is due earlier."""

_WITHOUT_IDS = (
    "on_removed: users and companies that were delivered before it was set are stored without "
    "their ids. The next complete read stores the ids; removals before that read are not detected."
)
_SHARED = (
    "on_removed: runs that share a lease each read only a part of a stream, so nothing is removed."
)


@dataclass(slots=True)
class _Stream:
    """A stream of the input.

    Attributes:
        read: Its read in this run.
        aliases: The stored streams, by their names after the stream maps.
        started: The version of the last read that was started.
    """

    read: StreamRead
    aliases: dict[str, StoredStream]
    started: int | None = None


class RemovalDetector:
    """Detects removed users and companies.

    Args:
        store: The store of fingerprints and identities.
        destination: The key of the destination, from `entity_key`.
        max_removed: The maximum share of a stream's users or companies to remove, in percent.
        compares: Whether reads are compared; runs that share a lease only store identities.
        tell: Logs a sentence at INFO.
    """

    def __init__(
        self,
        store: FingerprintStore,
        *,
        destination: int,
        max_removed: float,
        compares: bool,
        log: Callable[[str], None],
    ) -> None:
        self._store = store
        self._destination = destination
        self._max_removed = max_removed
        self._compares = compares
        self._log = log
        self._streams: dict[str, _Stream] = {}
        self._removers: dict[int, tuple[str, str, Remover]] = {}
        self._traits: dict[int, TraitNames] = {}
        self._noted: list[Identity] = []
        self._removed: list[int] = []  # entity keys

    def open(self) -> None:
        """Create the tables if they do not exist; the store must be open.

        Raises:
            OutputError: They cannot be created or read.
        """
        if self._store.identities.open() and not self._store.is_empty:
            self._log(_WITHOUT_IDS)
        if not self._compares:
            self._log(_SHARED)

    def schema(self, name: str, removers: Mapping[str, Remover]) -> None:
        """Note a SCHEMA.

        Args:
            name: The name of the stream.
            removers: The functions that make the messages for removals, by the stream's names
                after the stream maps; none for streams of events.
        """
        stream = self._streams.setdefault(name, _Stream(StreamRead(), {}))
        stream.read.schema()
        for alias, remover in removers.items():
            if alias not in stream.aliases:
                stored = self._store.identities.stream(self._destination, name, alias)
                stream.aliases[alias] = stored
            self._removers[stream.aliases[alias].number] = name, alias, remover

    def record(self, name: str, version: int | None) -> None:
        """Note a record and its version."""
        stream = self._streams[name]
        if version is not None and version != stream.started:
            self._start_read(stream, version)
        stream.read.record(version)

    def sent(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note the users and companies that a record describes."""
        aliases = self._streams[record.stream].aliases
        for message in messages:
            if message.removes is not None:
                self.unsent(record)
            if (subject := message.subject) is not None and message.entity_key is not None:
                number, _, read_number = aliases[subject.stream]
                self._note(
                    Identity(
                        number,
                        message.entity_key,
                        record_hash(record.key) or 0,
                        subject.id,
                        subject.via,
                        self._bits(number, message.traits),
                        abs(read_number),
                    )
                )

    def unsent(self, record: RecordHandle) -> None:
        """Note a record that is not sent: what an earlier read sent for it is not removed."""
        if (stream := self._streams.get(record.stream)) is None:
            return
        if (hashed := record_hash(record.key)) is None:
            stream.read.problem = "a record that was not sent has no key to identify it"
            return
        for number, _, read_number in stream.aliases.values():
            self._note(Identity(number, 0, hashed, "", None, 0, abs(read_number)))

    def activate(self, name: str, version: int | None) -> bool:
        """Note an ACTIVATE_VERSION; return whether the stream may end here."""
        if (stream := self._streams.get(name)) is None or not stream.aliases:
            return False
        versions = [each.version for each in stream.aliases.values() if each.version is not None]
        stream.read.activate(version, max(versions, default=None))
        return stream.read.has_ended and self._compares

    def before_batch(self) -> None:
        """Store the noted identities before their records are sent, in case the run is killed.

        Raises:
            OutputError: It cannot be stored.
        """
        if self._noted:
            self._store.identities.add(self._noted)
            self._noted = []

    def flush(self) -> None:
        """Store the noted identities, and delete those of acknowledged removals.

        Raises:
            OutputError: It cannot be stored.
        """
        self.before_batch()
        if self._removed:
            self._store.identities.forget(self._destination, self._removed)
            self._removed = []

    def detect(self) -> Iterator[tuple[str, bytes, Callable[[], Message]]]:
        """Compare the complete reads with the stored identities, and yield the removals.

        Yields:
            The stream's name in the input, a RECORD line for the rejects file, and a function that
            makes the message; it may raise `RecordRejected`.

        Raises:
            OutputError: The store cannot be read.
            TooManyRemovedError: There are more removals than `max_removed` allows.
        """
        reads = self._complete() if self._compares else {}
        self.flush()
        if not reads:
            return
        identities = self._store.identities
        for number, counts in identities.compare(self._destination, reads).items():
            self._check(self._removers[number][0], counts)
        for each in identities.removed():
            name, alias, remover = self._removers[each.stream]
            traits = self._names(each.stream).names(each.traits)
            removal = Removal(alias, each.id, each.via, each.entity_keys, traits)
            yield name, removal_line(name, removal), partial(remover, removal)
        identities.forget_compared(reads)

    def _check(self, stream: str, counts: RemovalCounts) -> None:
        if counts.removed * 100 > self._max_removed * counts.total:
            raise TooManyRemovedError(
                stream=stream, removed=counts.removed, total=counts.total, percent=self._max_removed
            )
        if elsewhere := counts.missing - counts.removed:
            self._log(
                f"{elsewhere} users or companies are missing from stream '{stream}' but are still "
                "in another stream, so they are not removed."
            )

    def forget(self, entity_keys: Iterable[int]) -> None:
        """Delete the identities of an acknowledged removal, with the next `flush`."""
        self._removed += entity_keys

    def _names(self, number: int) -> TraitNames:
        if number not in self._traits:
            self._traits[number] = self._store.identities.trait_names(number)
        return self._traits[number]

    def _bits(self, number: int, traits: tuple[str, ...]) -> int:
        return self._names(number).bits(traits) if traits else 0

    def _note(self, identity: Identity) -> None:
        self._noted.append(identity)
        if len(self._noted) >= STORE_EVERY:
            self.flush()

    def _start_read(self, stream: _Stream, version: int) -> None:
        """Start a read of a version, or continue that of an earlier run."""
        stream.started = version
        for alias, stored in stream.aliases.items():
            if (current := stored.at(version)) != stored:
                self._store.identities.start_read(current)
                stream.aliases[alias] = current

    def _complete(self) -> Mapping[int, int]:
        """Return the numbers of the complete reads, by stream number."""
        reads: dict[int, int] = {}
        for name, stream in self._streams.items():
            if reason := stream.read.reason:
                self._log(f"Nothing is removed from stream '{name}': {reason}.")
            if not stream.read.is_complete or stream.read.version is None:
                continue
            self._start_read(stream, stream.read.version)  # in case the table is empty
            for number, _, read_number in stream.aliases.values():
                if read_number < 0:
                    self._log(
                        f"Nothing is removed from stream '{name}': a run without on_removed may "
                        "have been part of this read."
                    )
                else:
                    reads[number] = read_number
        return reads


def record_hash(key: str | None) -> int | None:
    """Return a hash of a record's key; a collision can only prevent a removal."""
    return None if key is None else crc32(key.encode(errors="replace"))
