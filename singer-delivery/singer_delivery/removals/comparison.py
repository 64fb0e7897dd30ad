"""Tells which users and companies are gone, for `on_removed`; used by one thread.

Each record that is read is noted with its user or company. When the input has ended, the streams
that were read completely are compared with what is known of them, and who is missing and known of
no other stream is gone. What is gone is forgotten only once the service has acknowledged that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32

from singer_delivery.errors import TooManyRemovedError
from singer_delivery.fingerprints.identities import Identity, KnownStream, Removal
from singer_delivery.removals.messages import removal_line
from singer_delivery.removals.reads import StreamRead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from singer_delivery.fingerprints.entries import FingerprintStore
    from singer_delivery.fingerprints.identities import Count
    from singer_delivery.fingerprints.traits import TraitNames
    from singer_delivery.removals.messages import Remover
    from singer_delivery.sending.batching import Message, RecordHandle

STORE_EVERY = 10_000
"""Records that are stored together, unless a batch or a STATE line is due before."""

_WITHOUT_IDS = (
    "on_removed: users and companies that were delivered before it was set are known without their "
    "ids. Those that the next complete read contains are known by then; who is gone before that is "
    "not told."
)
_SHARED = "on_removed: runs that share a lease read parts of a stream, so nothing is removed."


@dataclass(slots=True)
class _Stream:
    """A stream of the input: what was read of it, and what is known of its aliases."""

    read: StreamRead
    known: dict[str, KnownStream]
    begun: int | None = None  # the version of the last read that was begun


class Removals:
    """Tells which users and companies are gone.

    Args:
        store: The store of fingerprints, which keeps who is known.
        destination: The key of where the records are sent.
        max_removed: How many of a stream may be gone, in percent.
        compares: Whether anything is removed; runs that share a lease only note what they read.
        tell: Logs a sentence at INFO.
    """

    def __init__(
        self,
        store: FingerprintStore,
        *,
        destination: int,
        max_removed: float,
        compares: bool,
        tell: Callable[[str], None],
    ) -> None:
        self._store = store
        self._destination = destination
        self._max_removed = max_removed
        self._compares = compares
        self._tell = tell
        self._streams: dict[str, _Stream] = {}
        self._removers: dict[int, tuple[str, str, Remover]] = {}
        self._traits: dict[int, TraitNames] = {}
        self._noted: list[Identity] = []
        self._removed: list[int] = []  # entity keys

    def open(self) -> None:
        """Open the tables, behind the store.

        Raises:
            OutputError: They cannot be used.
        """
        if self._store.identities.open() and not self._store.is_empty:
            self._tell(_WITHOUT_IDS)
        if not self._compares:
            self._tell(_SHARED)

    def schema(self, name: str, removers: Mapping[str, Remover]) -> None:
        """Note a SCHEMA.

        Args:
            name: The name of the stream.
            removers: What makes the messages that tell who is gone, by the names of the stream
                after the stream maps, where these describe users or companies.
        """
        stream = self._streams.setdefault(name, _Stream(StreamRead(), {}))
        stream.read.schema()
        for alias, remover in removers.items():
            if alias not in stream.known:
                known = self._store.identities.stream(self._destination, name, alias)
                stream.known[alias] = known
            self._removers[stream.known[alias].number] = name, alias, remover

    def record(self, name: str, version: int | None) -> None:
        """Note that a record of a version is read."""
        stream = self._streams[name]
        if version is not None and version != stream.begun:
            self._begin(stream, version)
        stream.read.record(version)

    def sent(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note the users and companies that a record describes."""
        known = self._streams[record.stream].known
        for message in messages:
            if message.removes is not None:
                self.left_out(record)
            if (subject := message.subject) is not None and message.entity_key is not None:
                number, _, read_number = known[subject.stream]
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

    def left_out(self, record: RecordHandle) -> None:
        """Note that a record was read and not sent: what came of it before is not gone."""
        if (stream := self._streams.get(record.stream)) is None:
            return
        if (hashed := record_hash(record.key)) is None:
            stream.read.why_not = "a record that was not sent has no key to know it by"
            return
        for number, _, read_number in stream.known.values():
            self._note(Identity(number, 0, hashed, "", None, 0, abs(read_number)))

    def activate(self, name: str, version: int | None) -> bool:
        """Note an ACTIVATE_VERSION; return whether the stream may end here."""
        if (stream := self._streams.get(name)) is None or not stream.known:
            return False
        versions = [each.version for each in stream.known.values() if each.version is not None]
        stream.read.activate(version, max(versions, default=None))
        return stream.read.has_ended and self._compares

    def leave(self) -> None:
        """Store who was noted before they are sent: a later run may lack them after a kill.

        Raises:
            OutputError: It cannot be stored.
        """
        if self._noted:
            self._store.identities.add(self._noted)
            self._noted = []

    def store(self) -> None:
        """Store what was noted, and forget who is removed.

        Raises:
            OutputError: It cannot be stored.
        """
        self.leave()
        if self._removed:
            self._store.identities.forget(self._destination, self._removed)
            self._removed = []

    def gone(self) -> Iterator[tuple[str, bytes, Callable[[], Message]]]:
        """Compare the streams that were read completely, and yield who is gone.

        Yields:
            The name of a stream of the input, a RECORD line for the rejects file, and what makes
            the message; it may raise `RecordRejected`.

        Raises:
            OutputError: They cannot be compared.
            TooManyRemovedError: More are gone than `max_removed` allows.
        """
        reads = self._complete() if self._compares else {}
        self.store()
        if not reads:
            return
        identities = self._store.identities
        for number, count in identities.compare(self._destination, reads).items():
            self._check(self._removers[number][0], count)
        for each in identities.gone():
            name, alias, remover = self._removers[each.stream]
            traits = self._names(each.stream).names(each.traits)
            removal = Removal(alias, each.id, each.via, each.entity_keys, traits)
            yield name, removal_line(name, removal), partial(remover, removal)
        identities.forget_compared(reads)

    def _check(self, stream: str, count: Count) -> None:
        if count.gone * 100 > self._max_removed * count.held:
            raise TooManyRemovedError(
                stream=stream, gone=count.gone, held=count.held, percent=self._max_removed
            )
        if elsewhere := count.missing - count.gone:
            self._tell(
                f"{elsewhere} users or companies are gone from stream '{stream}' and still known "
                "of another stream, so they are not removed."
            )

    def forget(self, entity_keys: Iterable[int]) -> None:
        """Forget a user or a company whose removal was acknowledged, with the next `store`."""
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
            self.store()

    def _begin(self, stream: _Stream, version: int) -> None:
        """Begin a read of a version, or go on with that of an earlier run."""
        stream.begun = version
        for alias, known in stream.known.items():
            if (now := known.at(version)) != known:
                self._store.identities.begin(now)
                stream.known[alias] = now

    def _complete(self) -> Mapping[int, int]:
        """Return the numbers of the complete reads, by those of their streams."""
        reads: dict[int, int] = {}
        for name, stream in self._streams.items():
            if reason := stream.read.reason:
                self._tell(f"Nothing is removed of stream '{name}': {reason}.")
            if not stream.read.is_complete or stream.read.version is None:
                continue
            self._begin(stream, stream.read.version)  # of a table that is empty
            for number, _, read_number in stream.known.values():
                if read_number < 0:
                    self._tell(
                        f"Nothing is removed of stream '{name}' by this read, since a run without "
                        "on_removed may have taken part in it."
                    )
                else:
                    reads[number] = read_number
        return reads


def record_hash(key: str | None) -> int | None:
    """Return what a record is known by; two that share it by chance protect each other."""
    return None if key is None else crc32(key.encode(errors="replace"))
