from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singer_delivery.errors import OutputError
from singer_delivery.sending.batching import Message
from singer_delivery.state import fingerprints as module
from singer_delivery.state.fingerprint_file import FORMAT, FingerprintFile
from singer_delivery.state.fingerprints import FINGERPRINT_BYTES, Fingerprints, entity_key

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "fingerprints.sqlite"


def opened(path: Path, *, keep: bool = True, again: bool = False) -> Fingerprints:
    fingerprints = Fingerprints(FingerprintFile(path, keep=keep), again=again)
    fingerprints.open()
    return fingerprints


@pytest.fixture
def fingerprints(path: Path) -> Iterator[Fingerprints]:
    with closing(opened(path)) as found:
        yield found


def fingerprint(said: str) -> bytes:
    return said.encode().ljust(FINGERPRINT_BYTES, b".")


def message(entity_key: int, said: str) -> Message:
    return Message("key", b"", 0, entity_key, fingerprint(said))


def send(fingerprints: Fingerprints, each: Message) -> int | None:
    """Send a message; give its generation, or None if it need not be sent."""
    fingerprints.look_up([each.entity_key])
    if not fingerprints.send(each):
        return None
    last = fingerprints._last(each.entity_key or 0)
    return last.generation if last else -1


def deliver(fingerprints: Fingerprints, *messages: Message) -> list[int]:
    """Deliver each message that is a change; give their generations."""
    generations = []
    for each in messages:
        if (generation := send(fingerprints, each)) is not None:
            generations.append(generation)
            fingerprints.resolve(each, acknowledged=True)
    return generations


def killed(fingerprints: Fingerprints) -> None:
    """Leave the file as SIGKILL does: what was not stored is gone."""
    fingerprints._file.close()


def test_what_was_acknowledged_is_known_to_the_next_run(path: Path) -> None:
    with closing(opened(path)) as first:
        assert deliver(first, message(1, "A"), message(2, "A"), message(1, "A")) == [0, 0]
    with closing(opened(path)) as second:
        assert deliver(second, message(1, "A"), message(2, "B"), message(2, "A")) == [1, 2]


def test_a_full_refresh_sends_all_as_changes_and_is_remembered(path: Path) -> None:
    with closing(opened(path)) as first:
        deliver(first, message(1, "A"))
    with closing(opened(path, again=True)) as refresh:
        assert deliver(refresh, message(1, "A"), message(2, "B")) == [1, 0]
    with closing(opened(path)) as third:
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
    path: Path,
) -> None:
    """It may have arrived: the value before it, should it come back, must be sent."""
    with closing(opened(path)) as first:
        deliver(first, message(1, "A"), message(2, "A"))
    second = opened(path)
    for user in (1, 2):
        assert send(second, message(user, "B")) == 1
    second.leave()
    killed(second)
    with closing(opened(path)) as third:
        assert send(third, message(1, "A")) == 2
        assert send(third, message(2, "B")) == 1, "the repeat has the same id"


def test_an_acknowledgement_with_another_behind_it_is_not_stored_as_the_last_word(
    path: Path,
) -> None:
    first = opened(path)
    for said in "AB":
        send(first, message(1, said))
    first.leave()
    first.resolve(message(1, "A"), acknowledged=True)
    first.store()
    killed(first)
    with closing(opened(path)) as second:
        assert send(second, message(1, "A")) == 2, "no repeat for the service, which may have B"


def test_what_a_merge_takes_away_between_look_up_and_sending_is_still_known(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(opened(path)) as run:
        deliver(run, message(1, "A"), message(2, "A"))
        assert send(run, message(3, "A")) == 0
        run.look_up([1, 2])
        monkeypatch.setattr(module, "MERGE_EVERY", 1)
        run.store()
        assert not run.send(message(1, "A"))
        assert run.send(message(2, "B"))
        run.resolve(message(2, "B"), acknowledged=True)
        run.resolve(message(3, "A"), acknowledged=True)
        assert deliver(run, message(2, "B"), message(3, "A"), message(3, "B")) == [1]


CHANGE = st.tuples(st.integers(0, 3), st.sampled_from("ABC"))


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGE, max_size=30), st.randoms(use_true_random=False), st.integers(1, 6))
def test_whatever_is_killed_when_the_service_ends_with_what_was_sent_last(
    changes: list[tuple[int, str]], chance: random.Random, merge_every: int
) -> None:
    """Every life reads the source as it is by then; the last one is left alone."""
    arrived: dict[int, str] = {}
    ids: set[tuple[int, str, int]] = set()
    source: dict[int, str] = {}
    with (
        TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        ExitStack() as at_last,  # also where hypothesis gives an example up
    ):
        path = Path(folder) / "fingerprints.sqlite"
        patch.setattr(module, "MERGE_EVERY", merge_every)
        for entity_key, value in [*changes, (9, "A")]:
            source[entity_key] = value
            fingerprints = opened(path)
            at_last.callback(killed, fingerprints)
            waiting = []
            for each in (message(*pair) for pair in source.items()):
                if (generation := send(fingerprints, each)) is not None:
                    said = each.fingerprint.decode().rstrip(".")
                    waiting.append((each, (each.entity_key or 0, said, generation)))
            mortal = chance.random() < 0.5 and entity_key != 9
            fingerprints.leave()
            for each, known in waiting[: chance.randrange(len(waiting) + 1) if mortal else None]:
                if known not in ids:  # the service drops the repeat of an id
                    arrived[known[0]] = known[1]
                    ids.add(known)
                if mortal and chance.random() < 0.3:
                    break  # the answer is lost
                fingerprints.resolve(each, acknowledged=True)
                if chance.random() < 0.5:
                    fingerprints.store()
            killed(fingerprints) if mortal else fingerprints.close()
    assert arrived == source


def test_the_log_is_merged_and_what_it_held_is_found(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MERGE_EVERY", 10)
    everyone = [message(number, "A") for number in range(97)]
    with closing(opened(path)) as first:
        for each in everyone:
            deliver(first, each)
            first.store()
        with closing(sqlite3.connect(path)) as beside:
            assert beside.execute("SELECT count(*) FROM settled").fetchone() == (95,)
            assert beside.execute("SELECT count(*) FROM log").fetchone() == (2,)
        assert not first._recent.keys() - range(95, 97), "memory is bounded"
        assert deliver(first, *everyone) == []
    with closing(sqlite3.connect(path)) as after:
        assert after.execute("SELECT count(*) FROM settled").fetchone() == (97,)


def test_a_second_run_is_told_so_until_the_first_has_ended(path: Path) -> None:
    with closing(opened(path)), pytest.raises(OutputError, match=r"Another run.*fingerprints_path"):
        opened(path)
    opened(path).close()


def test_a_link_to_the_file_is_the_same_file(path: Path) -> None:
    with closing(opened(path)):
        link = path.with_name("link.sqlite")
        link.symlink_to(path)
        with pytest.raises(OutputError, match="Another run"):
            opened(link)


def test_a_run_that_was_killed_locks_nobody_out(path: Path) -> None:
    source = f"""
import os, signal, pathlib
from singer_delivery.state.fingerprint_file import FingerprintFile, FingerprintEntry, packed
file = FingerprintFile(pathlib.Path({str(path)!r}))
file.open()
file.append(packed(1, FingerprintEntry({fingerprint("A")!r}, 0, True)))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == -9
    with closing(opened(path)) as after:
        assert deliver(after, message(1, "A")) == []


def test_reading_only_goes_on_beside_a_run_and_changes_nothing(path: Path) -> None:
    with closing(opened(path)) as run:
        deliver(run, message(1, "A"))
        run.store()
        with closing(opened(path, keep=False)) as beside:
            assert deliver(beside, message(1, "A")) == []
            assert deliver(beside, message(1, "B"), message(2, "A"), message(2, "A")) == [1, 0]
            beside.store()
            assert deliver(beside, message(1, "B")) == []
        assert deliver(run, message(1, "A"), message(2, "A")) == [0]


def test_reading_only_makes_no_file(path: Path) -> None:
    with closing(opened(path, keep=False)) as beside:
        assert deliver(beside, message(1, "A"), message(1, "A")) == [0]
    assert not path.parent.exists()


def database(path: Path, *statements: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("CREATE TABLE state (a)",), "of something else"),
        (("CREATE TABLE log (a)", f"PRAGMA user_version = {FORMAT}"), "of something else"),
    ],
)
def test_a_database_of_something_else_is_left_alone(
    path: Path, statements: tuple[str, ...], said: str, keep: bool
) -> None:
    database(path, *statements)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=said):
        opened(path, keep=keep)
    assert path.read_bytes() == before


@pytest.mark.parametrize("keep", [True, False])
def test_a_file_of_a_newer_version_is_left_alone(path: Path, keep: bool) -> None:
    opened(path).close()
    database(path, f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(OutputError, match="a newer version"):
        opened(path, keep=keep)


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    database(path)
    path.touch()
    with closing(opened(path, keep=False)) as beside:
        assert deliver(beside, message(1, "A")) == [0]
    with closing(opened(path)) as run:
        assert deliver(run, message(1, "A")) == [0]


@pytest.mark.parametrize("keep", [True, False])
def test_a_file_that_is_torn_is_said(path: Path, keep: bool) -> None:
    with closing(opened(path)) as first:
        deliver(first, *(message(entity_key(b"", str(number)), "A") for number in range(2_000)))
    torn = path.read_bytes()
    path.write_bytes(torn[:4096] + bytes(len(torn) - 4096))
    with (
        pytest.raises(OutputError, match="fingerprints_path"),
        closing(opened(path, keep=keep)) as f,
    ):
        deliver(f, message(entity_key(b"", "7"), "A"))


@pytest.mark.parametrize("keep", [True, False])
def test_a_log_that_is_torn_is_said(path: Path, keep: bool) -> None:
    opened(path).close()
    database(path, "INSERT INTO log (entries) VALUES (x'00')")
    with pytest.raises(OutputError, match="fingerprints_path"):
        opened(path, keep=keep)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="fingerprints_path"):
        opened(tmp_path / "file" / "below.sqlite")


def test_a_disk_that_fills_up_is_said_and_what_was_stored_stays(path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    source = f"""
import json, pathlib, resource
from singer_delivery.errors import OutputError
from singer_delivery.state.fingerprint_file import FingerprintFile, FingerprintEntry, packed
file = FingerprintFile(pathlib.Path({str(path)!r}))
file.open()
file.append(packed(1, FingerprintEntry({fingerprint("A")!r}, 0, True)))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
many = {{number: FingerprintEntry({fingerprint("B")!r}, 1, True) for number in range(100_000)}}
said = []
for attempt in (
    lambda: file.append(b"".join(packed(*each) for each in many.items())),
    lambda: file.merge(many),
):
    try:
        attempt()
    except OutputError as error:
        said.append(str(error))
file.close()
print(json.dumps(said))
"""
    ended = subprocess.run(
        [sys.executable, "-c", source], check=True, capture_output=True, text=True
    )
    assert ["Make room" in sentence for sentence in json.loads(ended.stdout)] == [True, True]
    with closing(opened(path)) as after:
        assert deliver(after, message(1, "A"), message(2, "B")) == [0]
