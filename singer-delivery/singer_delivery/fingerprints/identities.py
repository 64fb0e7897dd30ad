"""Who is known of each stream, so that a complete read tells who is gone.

A fingerprint is a digest, from which no id can be read. Where `on_removed` is set, two more tables
hold the ids: `singer_fingerprint_streams` has a row for each stream of a destination, with the
version of its last read, and `singer_fingerprint_identities` a row for each user or company of a
stream, with the number of the read in which it came last. A read may go on over several runs.

A row whose `entity_key` is 0 stands for a record that was read but not sent, since it was rejected
or left out: what came of the same record in an earlier read is not gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from singer_delivery.fingerprints import identity_sql as sql
from singer_delivery.fingerprints.traits import TraitNames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

USER, ANONYMOUS, COMPANY = "uac"
"""How the id of a `Subject` begins."""

FETCHED_TOGETHER = 500
"""Users and companies that are gone and are fetched at once."""

COPIED_TOGETHER = 10_000
"""Rows that are copied at once."""


class Subject(NamedTuple):
    """The user or company that a message describes.

    Attributes:
        stream: The name of its stream, after the stream maps.
        id: Its id behind `USER`, `ANONYMOUS` or `COMPANY`.
        via: For a company that is sent through a user: that user, in the same form.
    """

    stream: str
    id: str
    via: str | None = None


class Removal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user or company that is gone.

    Attributes:
        stream: The name of its stream, after the stream maps.
        id: As a `Subject` has it.
        via: As a `Subject` has it.
        entity_keys: Those of all streams that it was known of.
        traits: The names of the traits that were sent, where they are to be set to null.
    """

    stream: str
    id: str
    via: str | None = None
    entity_keys: tuple[int, ...] = ()
    traits: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it is, in the words of an event."""
        return "Company" if self.id.startswith(COMPANY) else "User"


class Identity(NamedTuple):
    """A row of the identities; `entity_key` is 0 for a record that was read and not sent."""

    stream: int
    entity_key: int
    record: int
    id: str
    via: str | None
    traits: int
    read_number: int


class KnownStream(NamedTuple):
    """What is known of a stream.

    Attributes:
        number: Stands for the stream in the identities.
        version: The version of its last read, if that had one.
        read_number: The number of its last read; negative if that cannot be compared, because a run
            that may have taken part in it did not add who it read.
    """

    number: int
    version: int | None = None
    read_number: int = 1

    def at(self, version: int) -> KnownStream:
        """Return the stream as it is in a read of a version; the last one may go on."""
        if version == self.version:
            return self
        next_number = abs(self.read_number) + 1
        is_doubtful = self.version is None and self.read_number < 0
        return KnownStream(self.number, version, -next_number if is_doubtful else next_number)


class Count(NamedTuple):
    """How many users and companies of a stream are held, missing in its read, and gone.

    What is missing in a read and not gone is still known of another stream.
    """

    held: int
    missing: int
    gone: int


class Gone(NamedTuple):
    """A user or company that is gone: what its rows say, and the number of one of its streams."""

    stream: int
    id: str
    via: str | None
    traits: int
    entity_keys: tuple[int, ...]


class Identities(ABC):
    """The identities of a store, in SQL that SQLite and PostgreSQL share.

    Each method may raise `OutputError`. A statement has `?` where its values go.
    """

    @abstractmethod
    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Run several statements together."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether the tables are there."""

    @abstractmethod
    def upsert(self, rows: Sequence[Identity]) -> None:
        """Insert rows, or update those that are there; each has a key of its own."""

    @property
    @abstractmethod
    def create_suffix(self) -> str:
        """What stands behind the table of identities when it is created."""

    def open(self) -> bool:
        """Create the tables where there are none; return whether they were created."""
        if self.exists():
            return False
        with self.transaction():
            self.lock()
            if self.exists():
                return False
            self.run(sql.CREATE_STREAMS)
            self.run(sql.CREATE_IDENTITIES + self.create_suffix)
            self.run(sql.CREATE_TRAITS)
        return True

    def lock(self) -> None:  # noqa: B027, a file is locked as a whole
        """Let no other run create the tables until the transaction ends."""

    def add(self, rows: Sequence[Identity]) -> None:
        """Store who was read."""
        self.upsert([*unique(rows)])

    def merge(self) -> None:  # noqa: B027, where there is no log
        """Bring what was added to where it is compared."""

    def interrupt(self) -> None:
        """Note that a run does not add who it reads, where the tables are there.

        A read that it takes part in would seem to lack them, and is not compared.
        """
        if self.exists():
            self.run(sql.INTERRUPT)

    def stream(self, destination: int, name: str, alias: str) -> KnownStream:
        """Return what is known of a stream, which is added if it is new.

        Args:
            destination: The key of where its records are sent.
            name: Its name in the input.
            alias: Its name after the stream maps.
        """
        values = (destination, name, alias)
        while not (found := self.run(sql.STREAM, values)):
            self.run(sql.ADD_STREAM, values)
        return KnownStream(*found[0])

    def add_traits(self, number: int, names: Sequence[str]) -> list[str]:
        """Store names of traits of a stream; return all that are stored, in their order."""
        found = [name for [name] in self.run(sql.TRAITS, (number,))]
        while missing := [name for name in names if name not in found]:
            for name in missing:
                self.run(sql.ADD_TRAIT, (number, number, name))
            found = [name for [name] in self.run(sql.TRAITS, (number,))]
        return found

    def begin(self, stream: KnownStream) -> None:
        """Store that a read of a stream has begun."""
        self.run(sql.BEGIN, (stream.version, stream.read_number, stream.number))

    def compare(self, destination: int, reads: Mapping[int, int]) -> dict[int, Count]:
        """Find who is missing in complete reads, and known of no other stream.

        Args:
            destination: The key of where the records are sent.
            reads: The numbers of the reads, by those of their streams.

        Returns:
            How many, for each of the streams.
        """
        self.merge()
        with self.transaction():
            for table in sql.TEMPORARY:
                self.run(f"DROP TABLE IF EXISTS {table}")
            self.run(sql.CREATE_COMPARED)
            for read in reads.items():
                self.run(sql.ADD_COMPARED, read)
            self.run(sql.CREATE_MISSING)
            for index in sql.INDEX_MISSING:
                self.run(index)
            self.run(sql.CREATE_GONE)
            self.run(sql.INDEX_GONE)
            self.run(sql.KEEP_ELSEWHERE, (destination,))
            return {stream: Count(*counts) for stream, *counts in self.run(sql.COUNTS)}

    def gone(self) -> Iterator[Gone]:
        """Yield who is gone by the last `compare`, in the order of their ids."""
        last = ""
        while rows := self.run(sql.NEXT_GONE, (last, FETCHED_TOGETHER)):
            for last, same in groupby(rows, key=itemgetter(0)):
                known = [*same]
                _, stream, _, via, _ = known[0]
                traits = 0
                for row in known:
                    traits |= row[4] if row[1] == stream else 0
                yield Gone(stream, last, via, traits, tuple({row[2]: None for row in known}))

    def forget_compared(self, reads: Mapping[int, int]) -> None:
        """Forget who is missing but not gone, and the records that earlier reads left out."""
        with self.transaction():
            self.run(sql.FORGET_ELSEWHERE)
            for read in reads.items():
                self.run(sql.FORGET_LEFT_OUT, read)

    def forget(self, destination: int, entity_keys: Iterable[int]) -> None:
        """Forget who is removed."""
        self.merge()
        with self.transaction():
            for entity_key in entity_keys:
                self.run(sql.FORGET, (entity_key, destination))

    def copy_to(self, other: Identities) -> None:
        """Add everything to another store, whose tables are there.

        The next read of a stream that both know is not compared: it may be one that goes on.
        """
        numbers = {row[0]: self._copy_stream(other, *row) for row in self.run(sql.STREAMS)}
        ours = {here: self.trait_names(here) for here in numbers}
        theirs = {here: other.trait_names(there) for here, there in numbers.items()}
        last: Sequence[int] = (-1, 0, 0)
        while found := self.run(sql.AFTER, (*last, COPIED_TOGETHER)):
            rows = [Identity(*row) for row in found]
            other.upsert(
                [
                    row._replace(
                        stream=numbers[row.stream],
                        traits=theirs[row.stream].bits(ours[row.stream].names(row.traits)),
                    )
                    for row in rows
                ]
            )
            last = rows[-1][:3]

    def trait_names(self, number: int) -> TraitNames:
        """Return the names of a stream's traits."""
        return TraitNames(partial(self.add_traits, number))

    @staticmethod
    def _copy_stream(
        other: Identities,
        _number: int,
        destination: int,
        name: str,
        alias: str,
        version: int | None,
        read_number: int,
    ) -> int:
        """Add a stream to another store; return its number there."""
        is_new = not other.run(sql.STREAM, (destination, name, alias))
        there = other.stream(destination, name, alias)
        if is_new:
            other.begin(KnownStream(there.number, version, read_number))
        else:
            highest = max(abs(there.read_number), abs(read_number))
            other.begin(KnownStream(there.number, None, -highest))
        return there.number


def unique(rows: Iterable[Identity]) -> Iterable[Identity]:
    """Return rows in the order of their keys; the last of a key counts, with all traits sent."""
    found: dict[tuple[int, ...], Identity] = {}
    for row in rows:
        before = found.get(row[:3])
        found[row[:3]] = row if before is None else row._replace(traits=row.traits | before.traits)
    return (found[key] for key in sorted(found))
