"""The identities of users and companies by stream, which a complete read is compared with.

A fingerprint is a digest, from which no id can be read. With `on_removed`, more tables contain the
ids: `singer_fingerprint_streams` has a row for each stream of a destination, with the version of
its last read, and `singer_fingerprint_identities` a row for each user or company of a stream, with
the number of the last read that contained it. A read may span several runs.

A row with the `entity_key` 0 is a record that was read but not sent, because it was rejected or
skipped: what an earlier read sent for the same record is not removed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from singer_delivery.fingerprints import identity_sql as sql
from singer_delivery.fingerprints.traits import TraitNames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

FETCHED_TOGETHER = 500
"""Removed users and companies that are fetched in one query."""

COPIED_TOGETHER = 10_000
"""Rows that are copied in one step."""


class Identity(NamedTuple):
    """A row of the identities; `entity_key` is 0 for a record that was not sent."""

    stream: int
    entity_key: int
    record: int
    id: str
    via: str | None
    traits: int
    read_number: int


class StoredStream(NamedTuple):
    """A row of the streams.

    Attributes:
        number: Its number, which the identities refer to.
        version: The version of its last read, if it had one.
        read_number: The number of its last read; negative if it cannot be compared, because a run
            that stored no identities may have been part of it.
    """

    number: int
    version: int | None = None
    read_number: int = 1

    def at(self, version: int) -> StoredStream:
        """Return the stream in a read of a version, which may continue the last read."""
        if version == self.version:
            return self
        next_number = abs(self.read_number) + 1
        is_doubtful = self.version is None and self.read_number < 0
        return StoredStream(self.number, version, -next_number if is_doubtful else next_number)


class RemovalCounts(NamedTuple):
    """The numbers of users and companies of a stream: all, missing from its read, and removed.

    One that is missing but not removed is still in another stream.
    """

    total: int
    missing: int
    removed: int


class RemovedIdentity(NamedTuple):
    """A removed user or company, with the number of one of its streams."""

    stream: int
    id: str
    via: str | None
    traits: int
    entity_keys: tuple[int, ...]


class Identities(ABC):
    """The identities of a store, in SQL that SQLite and PostgreSQL share.

    Each method may raise `OutputError`. Statements have `?` as the placeholder for a value.
    """

    @abstractmethod
    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Return a context whose statements are one transaction."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether the tables exist."""

    @abstractmethod
    def upsert(self, rows: Sequence[Identity]) -> None:
        """Insert rows, or update existing ones; no two have the same key."""

    @property
    @abstractmethod
    def create_suffix(self) -> str:
        """The end of the statement that creates the table of identities."""

    def open(self) -> bool:
        """Create the tables unless they exist; return whether they were created."""
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
        """Keep other runs from creating the tables until the transaction ends."""

    def add(self, rows: Sequence[Identity]) -> None:
        """Store identities, the last one of each key."""
        self.upsert([*unique(rows)])

    def merge(self) -> None:  # noqa: B027, where there is no log
        """Merge added rows into the table that is compared."""

    def invalidate_reads(self) -> None:
        """Mark all reads as incomparable, if the tables exist.

        A run that stores no identities does so: they would be missing from the reads it is part of.
        """
        if self.exists():
            self.run(sql.INVALIDATE_READS)

    def stream(self, destination: int, name: str, alias: str) -> StoredStream:
        """Return a stream, which is added if it is new.

        Args:
            destination: The key of the destination.
            name: Its name in the input.
            alias: Its name after the stream maps.
        """
        values = (destination, name, alias)
        while not (found := self.run(sql.STREAM, values)):
            self.run(sql.ADD_STREAM, values)
        return StoredStream(*found[0])

    def add_traits(self, number: int, names: Sequence[str]) -> list[str]:
        """Store new names of a stream's traits; return all of its names in their order."""
        found = [name for [name] in self.run(sql.TRAITS, (number,))]
        while missing := [name for name in names if name not in found]:
            for name in missing:
                self.run(sql.ADD_TRAIT, (number, number, name))
            found = [name for [name] in self.run(sql.TRAITS, (number,))]
        return found

    def start_read(self, stream: StoredStream) -> None:
        """Store the version and number of a read that starts."""
        self.run(sql.START_READ, (stream.version, stream.read_number, stream.number))

    def compare(self, destination: int, reads: Mapping[int, int]) -> dict[int, RemovalCounts]:
        """Find the users and companies missing from complete reads and from all other streams.

        Args:
            destination: The key of the destination.
            reads: The numbers of the reads, by stream number.

        Returns:
            The counts, by stream number.
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
            self.run(sql.CREATE_REMOVED)
            self.run(sql.INDEX_REMOVED)
            self.run(sql.KEEP_ELSEWHERE, (destination,))
            return {stream: RemovalCounts(*counts) for stream, *counts in self.run(sql.COUNTS)}

    def removed(self) -> Iterator[RemovedIdentity]:
        """Yield the removals that the last `compare` found, in the order of their ids."""
        last = ""
        while rows := self.run(sql.NEXT_REMOVED, (last, FETCHED_TOGETHER)):
            for last, same in groupby(rows, key=itemgetter(0)):
                rows_of_id = [*same]
                _, stream, _, via, _ = rows_of_id[0]
                traits = 0
                for row in rows_of_id:
                    traits |= row[4] if row[1] == stream else 0
                yield RemovedIdentity(
                    stream, last, via, traits, tuple({row[2]: None for row in rows_of_id})
                )

    def forget_compared(self, reads: Mapping[int, int]) -> None:
        """Delete the rows that are missing but not removed, and earlier reads' unsent records."""
        with self.transaction():
            self.run(sql.FORGET_ELSEWHERE)
            for read in reads.items():
                self.run(sql.FORGET_UNSENT, read)

    def forget(self, destination: int, entity_keys: Iterable[int]) -> None:
        """Delete the identities of removed users and companies."""
        self.merge()
        with self.transaction():
            for entity_key in entity_keys:
                self.run(sql.FORGET, (entity_key, destination))

    def copy_to(self, other: Identities) -> None:
        """Copy all identities to another store, whose tables exist.

        If both have a stream, its next read is not compared: it may continue an earlier one.
        """
        numbers = {row[0]: self._copy_stream(other, *row) for row in self.run(sql.STREAMS)}
        ours = {here: self.trait_names(here) for here in numbers}
        theirs = {here: other.trait_names(there) for here, there in numbers.items()}
        last: Sequence[int] = (-1, 0, 0)
        while found := self.run(sql.PAGE, (*last, COPIED_TOGETHER)):
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
        """Copy a stream to another store; return its number there."""
        is_new = not other.run(sql.STREAM, (destination, name, alias))
        there = other.stream(destination, name, alias)
        if is_new:
            other.start_read(StoredStream(there.number, version, read_number))
        else:
            highest = max(abs(there.read_number), abs(read_number))
            other.start_read(StoredStream(there.number, None, -highest))
        return there.number


def unique(rows: Iterable[Identity]) -> Iterable[Identity]:
    """Return the last row of each key, with the traits of all of them, in the order of the keys."""
    found: dict[tuple[int, ...], Identity] = {}
    for row in rows:
        before = found.get(row[:3])
        found[row[:3]] = row if before is None else row._replace(traits=row.traits | before.traits)
    return (found[key] for key in sorted(found))
