"""The comparison of complete reads with what is known, beside a model of sets, in each store."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint_runs import fingerprint, folder_in_memory, no_wait, place_in
from singer_delivery.errors import TooManyRemovedError
from singer_delivery.fingerprints import identity_file
from singer_delivery.fingerprints.changes import entity_key
from singer_delivery.fingerprints.moving import move
from singer_delivery.fingerprints.stores import fingerprint_store
from singer_delivery.fingerprints.subjects import Subject
from singer_delivery.fingerprints.traits import OWN_BITS, TraitNames
from singer_delivery.removals.comparison import RemovalDetector
from singer_delivery.removals.reads import StreamRead
from singer_delivery.sending.batching import Message, RecordHandle
from singer_delivery.state.checkpoints import StateInterval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from postgres import Database
    from singer_delivery.fingerprints.subjects import Removal

STREAMS = ("people", "crm")
IDS = "abcdef"


class Run:
    """A run that reads streams and notes whom it has read."""

    def __init__(
        self,
        place: str,
        max_removed: float = 100,
        destination: int = 1,
        traits: tuple[str, ...] = (),
    ) -> None:
        self.traits = traits
        self.said: list[str] = []
        self.gone: list[Removal] = []
        self.store = fingerprint_store(place, "target", ["key"], writable=True, wait=no_wait)
        self.store.open()
        self.removals = RemovalDetector(
            self.store,
            destination=destination,
            max_removed=max_removed,
            compares=True,
            log=self.said.append,
        )
        self.removals.open()

    def schema(self, stream: str) -> None:
        self.removals.schema(stream, {stream: self._remove})

    def _remove(self, removal: Removal) -> Message:
        self.gone.append(removal)
        return Message("key", b"", removes=removal.entity_keys)

    def record(self, stream: str, name: str, version: int | None, *, sent: bool = True) -> None:
        self.removals.record(stream, version)
        handle = RecordHandle(stream, b"", StateInterval(), key=name)
        if not sent:
            self.removals.unsent(handle)
            return
        key = entity_key(b"t", stream, name)
        subject = Subject(stream, f"u{name}")
        message = Message(name, b"", 0, key, fingerprint("A"), subject=subject, traits=self.traits)
        self.removals.sent(handle, [message])

    def read(self, stream: str, names: Iterable[str], version: int) -> None:
        """Read a stream completely."""
        self.schema(stream)
        for name in names:
            self.record(stream, name, version)
        self.removals.activate(stream, version)

    def end(self, *, acknowledged: bool = True) -> set[str]:
        """Compare; give who is gone."""
        for _, _, make in self.removals.detect():
            message = make()
            if acknowledged and message.removes is not None:
                self.removals.forget(message.removes)
        self.removals.flush()
        self.store.close()
        return {removal.id[1:] for removal in self.gone}


def run(place: str, *reads: tuple[str, str, int], **more: Any) -> set[str]:
    """Read streams completely in one run; give who is gone."""
    one = Run(place, **more)
    for stream, names, version in reads:
        one.read(stream, names, version)
    return one.end()


READ = st.fixed_dictionaries(
    {
        "stream": st.sampled_from(STREAMS),
        "goes_on": st.booleans(),
        "sent": st.lists(st.sampled_from(IDS), min_size=1, max_size=8),
        "unsent": st.lists(st.sampled_from(IDS), max_size=2),
        "versioned": st.sampled_from([True, True, True, False]),
        "ends": st.booleans(),
    }
)
RUN = st.fixed_dictionaries(
    {
        "reads": st.lists(READ, min_size=1, max_size=2, unique_by=lambda read: read["stream"]),
        "acknowledged": st.sampled_from([True, True, False]),
    }
)
RUNS = st.lists(RUN, min_size=1, max_size=6)


class Model:
    """What is known of each stream, and who came in its last read."""

    def __init__(self) -> None:
        self.known: dict[str, set[str]] = {stream: set() for stream in STREAMS}
        self.came: dict[str, set[str]] = {stream: set() for stream in STREAMS}
        self.version = dict.fromkeys(STREAMS, 0)

    def live(
        self, place: str, runs: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[set[str], list[Removal], set[str]]]:
        """Run these; of each yield who was told to be gone, one by one, and who is."""
        for each in runs:
            one = Run(place)
            missing = {read["stream"]: self._read(one, **read) for read in each["reads"]}
            gone = {
                name
                for names in missing.values()
                for name in names
                if not any(
                    name in self.known[stream] - missing.get(stream, set()) for stream in STREAMS
                )
            }
            told = one.end(acknowledged=each["acknowledged"])
            yield told, one.gone, gone
            for stream, names in missing.items():
                self.known[stream] -= names if each["acknowledged"] else names - gone

    def _read(
        self,
        one: Run,
        *,
        stream: str,
        goes_on: bool,
        sent: list[str],
        unsent: list[str],
        versioned: bool,
        ends: bool,
    ) -> set[str]:
        """Read a stream; give who is missing in it, if it is complete."""
        one.schema(stream)
        if versioned and not (goes_on and self.version[stream]):
            self.version[stream] += 1
            self.came[stream] = set()
        version = self.version[stream] if versioned else None
        for name in unsent:
            one.record(stream, name, version, sent=False)
        for name in sent:
            one.record(stream, name, version)
        self.known[stream] |= {*sent}
        self.came[stream] |= {*sent, *unsent}
        if not ends:
            return set()
        one.removals.activate(stream, self.version[stream])
        return self.known[stream] - self.came[stream] if versioned else set()


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(RUNS, st.integers(1, 7))
def test_whatever_is_read_the_model_says_who_is_gone(
    runs: Sequence[dict[str, Any]], merge_every: int
) -> None:
    with folder_in_memory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_file, "MERGE_EVERY", merge_every)
        for told, one_by_one, gone in Model().live(f"{folder}/fingerprints.sqlite", runs):
            assert told == gone
            assert len(one_by_one) == len(gone), "each once"


@pytest.mark.slow
def test_whatever_is_read_the_model_says_so_too_with_a_database(database: Database) -> None:
    @settings(max_examples=10, deadline=None)
    @given(RUNS)
    def lives(runs: Sequence[dict[str, Any]]) -> None:
        for told, one_by_one, gone in Model().live(place_in(database), runs):
            assert told == gone
            assert len(one_by_one) == len(gone), "each once"

    lives()


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "fingerprints.sqlite")
    database: Database = request.getfixturevalue("database")
    return database.uri


def test_what_is_gone_is_found_in_parts(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("singer_delivery.fingerprints.identities.FETCHED_TOGETHER", 2)
    run(place, ("people", IDS, 1))
    assert run(place, ("people", "z", 2)) == {*IDS}


def test_a_destination_has_users_of_its_own(place: str) -> None:
    run(place, ("people", IDS, 1))
    assert run(place, ("people", "a", 2), destination=2) == set()
    assert run(place, ("people", "b", 2)) == {*IDS} - {"b"}


def test_a_read_that_was_killed_keeps_what_was_stored(place: str) -> None:
    run(place, ("people", IDS, 1))
    killed = Run(place)
    killed.schema("people")
    for name in "abc":
        killed.record("people", name, 2)
    killed.removals.flush()  # as before a STATE line
    killed.record("people", "d", 2)
    killed.store.close()
    assert run(place, ("people", "d", 2)) == {"e", "f"}


def test_too_many_are_told_with_the_stream_and_the_setting(place: str) -> None:
    run(place, ("people", IDS, 1))
    one = Run(place, max_removed=50)
    one.read("people", "ab", 2)
    with closing(one.store), pytest.raises(TooManyRemovedError) as error:
        one.end()
    assert "4 of the 6" in str(error.value)
    assert "max_removed (50 %)" in str(error.value)


def test_what_is_moved_to_a_database_is_still_known(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "fingerprints.sqlite"
    run(str(file), ("people", IDS, 1), ("crm", "a", 1))
    killed = Run(str(file))
    killed.schema("people")
    killed.record("people", "a", 2)
    killed.removals.flush()
    killed.store.close()

    move(file, database.uri)

    assert run(database.uri, ("people", "b", 2)) == {*"cdef"}
    assert run(database.uri, ("crm", "b", 2)) == set(), "people has a"


def test_what_is_moved_joins_what_the_database_knows(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "fingerprints.sqlite"
    run(str(file), ("crm", "xy", 7), ("people", "abc", 9))
    run(database.uri, ("people", "cd", 1))

    move(file, database.uri)

    assert run(database.uri, ("people", "a", 9)) == set(), "neither has seen the whole of it"
    assert run(database.uri, ("people", "a", 10)) == {*"bcd"}
    assert run(database.uri, ("crm", "x", 8)) == {"y"}


def test_moved_traits_keep_their_names(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "fingerprints.sqlite"
    run(str(file), ("people", "a", 1), traits=("x", "y"))
    run(database.uri, ("people", "b", 1), traits=("y", "z"))
    move(file, database.uri)
    run(database.uri, ("people", "c", 2))
    one = Run(database.uri)
    one.read("people", "c", 3)
    assert one.end() == {"a", "b"}
    assert {each.id: each.traits for each in one.gone} == {"ua": ("y", "x"), "ub": ("y", "z")}


def test_a_file_without_ids_is_moved_as_before(tmp_path: Path, database: Database) -> None:
    file = tmp_path / "fingerprints.sqlite"
    store = fingerprint_store(str(file), "target", [], writable=True, wait=no_wait)
    store.open()
    store.close()
    assert move(file, database.uri) == 0
    with psycopg.connect(database.uri) as connection:
        [[there]] = connection.execute("SELECT to_regclass('singer_fingerprint_streams')")
    assert there is None


# Which traits were sent; pure.


@given(st.lists(st.lists(st.integers(0, 80).map("t{}".format), unique=True), max_size=12))
def test_bits_stand_for_names_and_never_for_fewer(sets: list[list[str]]) -> None:
    stored: list[str] = []

    def add(names: Sequence[str]) -> list[str]:
        stored.extend(names)
        return [*stored]

    first = TraitNames(add)
    bits = [first.bits(tuple(names)) for names in sets]
    later = TraitNames(lambda _: [*stored])
    for names, each in zip(sets, bits, strict=True):
        assert each < 1 << 63
        found = {*later.names(each)}
        assert {*names} <= found
        assert found - {*names} <= {*stored[OWN_BITS:]}


def test_two_runs_that_share_a_lease_number_traits_alike(place: str) -> None:
    one = Run(place)
    number = one.store.identities.stream(1, "people", "people").number
    names = [one.store.identities.trait_names(number) for _ in range(2)]
    bits = [names[0].bits(("a", "b")), names[1].bits(("c", "a"))]
    assert [names[0].names(each) for each in bits] == [("a", "b"), ("a", "c")]
    one.store.close()


# What a complete read is; pure.

MESSAGES = st.lists(st.sampled_from(["schema", "r1", "r2", "r", "a1", "a2"]), max_size=12)


@given(MESSAGES, st.sampled_from([None, 0, 1, 2]))
def test_a_read_is_complete_only_behind_the_activation_of_the_one_version_of_its_records(
    messages: list[str], known: int | None
) -> None:
    read = StreamRead()
    for message in messages:
        if message == "schema":
            read.schema()
        elif message[0] == "r":
            read.record(int(message[1:]) if message[1:] else None)
        else:
            read.activate(int(message[1:]), known)
    records = {message for message in messages if message[0] == "r"}
    if read.is_complete:
        assert messages[-1] == "schema" or messages[-1] == f"a{read.version}"
        assert records in ({f"r{read.version}"}, set())
        assert records or known is None or (read.version or 0) > known
    told: list[Callable[[], bool]] = [lambda: read.is_complete, lambda: bool(read.reason)]
    assert sum(each() for each in told) <= 1
