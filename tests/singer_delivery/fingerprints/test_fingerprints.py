"""The promises of `Fingerprints`, shown of each store: a file, and tables in PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint_runs import (
    deliver,
    fingerprint,
    folder_in_memory,
    killed,
    message,
    opened,
    place_in,
    send,
)
from singer_delivery.errors import OutputError
from singer_delivery.fingerprints import changes as module
from singer_delivery.fingerprints.stores import is_database
from singer_delivery.sending.batching import Message

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from postgres import Database
    from singer_delivery.fingerprints.changes import Fingerprints


STORES = ["file", "database"]


@pytest.fixture(params=[*STORES, "shared"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What `fingerprints_path` says of a store that nobody has used."""
    if request.param == "file":
        return str(tmp_path / "below" / "fingerprints.sqlite")
    database: Database = request.getfixturevalue("database")
    return f"{database.uri}#backfill" if request.param == "shared" else database.uri


alone = pytest.mark.parametrize("place", STORES, indirect=True)


@pytest.fixture
def fingerprints(place: str) -> Iterator[Fingerprints]:
    with closing(opened(place)) as found:
        yield found


def test_what_was_acknowledged_is_known_to_the_next_run(place: str) -> None:
    with closing(opened(place)) as first:
        assert deliver(first, message(1, "A"), message(2, "A"), message(1, "A")) == [0, 0]
    with closing(opened(place)) as second:
        assert deliver(second, message(1, "A"), message(2, "B"), message(2, "A")) == [1, 2]


def test_a_full_refresh_sends_all_as_changes_and_is_remembered(place: str) -> None:
    with closing(opened(place)) as first:
        deliver(first, message(1, "A"))
    with closing(opened(place, full_refresh=True)) as refresh:
        assert deliver(refresh, message(1, "A"), message(2, "B")) == [1, 0]
    with closing(opened(place)) as third:
        assert deliver(third, message(1, "A"), message(2, "B")) == []


def test_the_acknowledged_is_sent_while_something_else_is_on_its_way(
    fingerprints: Fingerprints,
) -> None:
    deliver(fingerprints, message(1, "A"))
    assert [send(fingerprints, message(1, said)) for said in "BA"] == [1, 2]
    for said in "BA":
        fingerprints.resolve(message(1, said), acknowledged=True)
    assert deliver(fingerprints, message(1, "A")) == []


def test_a_repeat_of_what_is_on_its_way_is_no_change_and_sent(fingerprints: Fingerprints) -> None:
    assert [send(fingerprints, message(1, "A")) for _ in range(2)] == [0, 0]


def test_what_is_refused_is_not_known_and_tried_again_as_the_same(
    fingerprints: Fingerprints,
) -> None:
    deliver(fingerprints, message(1, "A"))
    for _ in range(2):
        assert send(fingerprints, message(1, "B")) == 1
        fingerprints.resolve(message(1, "B"), acknowledged=False)
    assert send(fingerprints, message(1, "A")) == 2


def test_a_message_without_a_subject_is_never_known(fingerprints: Fingerprints) -> None:
    event = Message("key", b"")
    for _ in range(2):
        fingerprints.look_up([None])
        assert fingerprints.send(event)
        fingerprints.resolve(event, acknowledged=True)


def test_only_a_change_gets_an_id_of_its_own(fingerprints: Fingerprints) -> None:
    def identify(said: str) -> Message:
        return Message("key", b"<" + b"0" * 32 + b">", 0, 1, fingerprint(said), 1)

    bodies = []
    for said in "AABA":
        each = identify(said)
        if deliver(fingerprints, each):
            bodies.append(each.body)
    assert bodies[0] == identify("A").body
    assert len({*bodies}) == len(bodies) == 3
    assert all((body[:1], body[33:], len(body)) == (b"<", b">", 34) for body in bodies)


def test_a_kill_before_the_answer_leaves_nothing_that_could_be_taken_for_known(
    place: str,
) -> None:
    """It may have arrived: the value before it, should it come back, must be sent."""
    with closing(opened(place)) as first:
        deliver(first, message(1, "A"), message(2, "A"))
    second = opened(place)
    for user in (1, 2):
        assert send(second, message(user, "B")) == 1
    second.before_batch()
    killed(second)
    with closing(opened(place)) as third:
        assert send(third, message(1, "A")) == 2
        assert send(third, message(2, "B")) == 1, "the repeat has the same id"


def test_an_acknowledgement_with_another_behind_it_is_not_stored_as_the_last_word(
    place: str,
) -> None:
    first = opened(place)
    for said in "AB":
        send(first, message(1, said))
    first.before_batch()
    first.resolve(message(1, "A"), acknowledged=True)
    first.flush()
    killed(first)
    with closing(opened(place)) as second:
        assert send(second, message(1, "A")) == 2, "no repeat for the service, which may have B"


def test_what_a_merge_takes_away_between_look_up_and_sending_is_still_known(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(place)) as run:
        deliver(run, message(1, "A"), message(2, "A"))
        assert send(run, message(3, "A")) == 0
        run.look_up([1, 2])
        monkeypatch.setattr(module, "MERGE_EVERY", 1)
        run.flush()
        assert not run.send(message(1, "A"))
        assert run.send(message(2, "B"))
        run.resolve(message(2, "B"), acknowledged=True)
        run.resolve(message(3, "A"), acknowledged=True)
        assert deliver(run, message(2, "B"), message(3, "A"), message(3, "B")) == [1]


CHANGE = st.tuples(st.integers(0, 3), st.sampled_from("ABC"))


Changes = list[tuple[int, str]]
CHANGES = st.lists(CHANGE, max_size=30)
CHANCE = st.randoms(use_true_random=False)
MERGE_EVERY = st.integers(1, 6)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(CHANGES, CHANCE, MERGE_EVERY)
def test_whatever_is_killed_when_the_service_ends_with_what_was_sent_last(
    changes: Changes, chance: random.Random, merge_every: int
) -> None:
    with folder_in_memory() as folder:
        place = f"{folder}/fingerprints.sqlite"
        arrived, source = live_and_die(place, changes, chance, merge_every)
    assert arrived == source


@pytest.mark.slow
def test_whatever_is_killed_when_the_service_ends_so_too_with_a_database(
    database: Database,
) -> None:
    @settings(max_examples=10, deadline=None)
    @given(CHANGES, CHANCE, MERGE_EVERY)
    def lives(changes: Changes, chance: random.Random, merge_every: int) -> None:
        arrived, source = live_and_die(place_in(database), changes, chance, merge_every)
        assert arrived == source

    lives()


def live_and_die(
    place: str, changes: Changes, chance: random.Random, merge_every: int
) -> tuple[dict[int, str], dict[int, str]]:
    """Let every run but the last be killed by chance; each reads the source as it is by then.

    Returns:
        What the service has of each entity in the end, and what the source has.
    """
    arrived: dict[int, str] = {}
    ids: set[tuple[int, str, int]] = set()
    source: dict[int, str] = {}
    with (
        pytest.MonkeyPatch.context() as patch,
        ExitStack() as at_last,  # also where hypothesis gives an example up
    ):
        patch.setattr(module, "MERGE_EVERY", merge_every)
        for entity_key, value in [*changes, (9, "A")]:
            source[entity_key] = value
            fingerprints = opened(place)
            at_last.callback(killed, fingerprints)
            waiting = []
            for each in (message(*pair) for pair in source.items()):
                if (generation := send(fingerprints, each)) is not None:
                    said = each.fingerprint.decode().rstrip(".")
                    waiting.append((each, (each.entity_key or 0, said, generation)))
            mortal = chance.random() < 0.5 and entity_key != 9
            fingerprints.before_batch()
            for each, known in waiting[: chance.randrange(len(waiting) + 1) if mortal else None]:
                if known not in ids:  # the service drops the repeat of an id
                    arrived[known[0]] = known[1]
                    ids.add(known)
                if mortal and chance.random() < 0.3:
                    break  # the answer is lost
                fingerprints.resolve(each, acknowledged=True)
                if chance.random() < 0.5:
                    fingerprints.flush()
            killed(fingerprints) if mortal else fingerprints.close()
    return arrived, source


@alone
def test_the_log_is_merged_and_what_it_held_is_found(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MERGE_EVERY", 10)
    everyone = [message(number, "A") for number in range(97)]
    with closing(opened(place)) as first:
        for each in everyone:
            deliver(first, each)
            first.flush()
        assert rows(place) == (95, 2)
        assert not first._recent.keys() - range(95, 97), "memory is bounded"
        assert deliver(first, *everyone) == []
    assert rows(place) == (97, 0)


def rows(place: str) -> tuple[int, ...]:
    """Count what is merged, and what is in the log."""
    if not is_database(place):
        with closing(sqlite3.connect(place)) as file:
            found = [file.execute(f"SELECT count(*) FROM {name}") for name in ("settled", "log")]
            return tuple(number for [[number]] in found)
    with psycopg.connect(place) as connection:
        [counts] = connection.execute(
            "SELECT (SELECT count(*) FROM singer_fingerprints),"
            " (SELECT count(*) FROM singer_fingerprint_log)"
        )
        return tuple(counts)


@alone
def test_a_second_run_is_told_so_until_the_first_has_ended(place: str) -> None:
    with closing(opened(place)) as first:

        def wait(_seconds: float) -> None:
            first.flush()  # as long as it lives it renews a lease

        with pytest.raises(OutputError, match=r"Another run.*fingerprints_path"):
            opened(place, wait=wait)
    opened(place).close()


def test_reading_only_goes_on_beside_a_run_and_changes_nothing(place: str) -> None:
    with closing(opened(place)) as run:
        deliver(run, message(1, "A"))
        run.flush()
        with closing(opened(place, writable=False)) as beside:
            assert deliver(beside, message(1, "A")) == []
            assert deliver(beside, message(1, "B"), message(2, "A"), message(2, "A")) == [1, 0]
            beside.flush()
            assert deliver(beside, message(1, "B")) == []
        assert deliver(run, message(1, "A"), message(2, "A")) == [0]
