"""`singer-fingerprints move`: from a file to a database, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from commands import Ended, call
from fingerprint_runs import deliver, killed, message, opened, send
from singer_delivery.errors import FingerprintsMovedError
from singer_delivery.fingerprints import moving
from singer_delivery.fingerprints.file import FingerprintFile

if TYPE_CHECKING:
    from postgres import Database

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of a run that was killed when two of three were acknowledged."""
    path = str(tmp_path / "fingerprints.sqlite")
    with closing(opened(path)) as first:
        deliver(first, message(1, "A"), message(-2, "A"))
    second = opened(path)
    assert deliver(second, message(1, "B")) == [1]
    assert send(second, message(3, "A")) == 0
    second.flush()
    killed(second)
    return path


Move = Callable[[str, str], Ended]


@pytest.fixture
def move(capsys: pytest.CaptureFixture[str]) -> Move:
    """Runs the command."""

    def run(file: str, uri: str) -> Ended:
        code = moving.main(["move", file, uri])
        return Ended(code, *capsys.readouterr())

    return run


def test_what_a_file_holds_is_known_to_the_database(
    file: str, database: Database, move: Move
) -> None:
    ended = move(file, database.uri)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == "Moved 3 fingerprints. Set fingerprints_path to the database.\n"
    with closing(opened(database.uri)) as run:
        assert deliver(run, message(1, "B"), message(-2, "A")) == []
        assert send(run, message(3, "A")) == 0, "the repeat has the same id"
        assert deliver(run, message(1, "A")) == [2]


@pytest.mark.parametrize("writable", [True, False])
def test_the_file_cannot_be_used_afterwards(
    file: str, database: Database, move: Move, writable: bool
) -> None:
    assert move(file, database.uri).code == 0
    place = f"postgresql://127.0.0.1:{database.port}/{database.name}"
    with pytest.raises(FingerprintsMovedError, match=f"were moved to {place}"):
        opened(file, writable=writable)
    again = move(file, database.uri)
    assert (again.code, again.stdout) == (1, "")
    assert "were moved to" in again.stderr


def test_a_move_that_was_killed_before_its_end_is_made_once_more(
    file: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    def kill(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(FingerprintFile, "mark_moved", kill)
        with pytest.raises(KilledError):
            moving.move(Path(file), database.uri)
    assert moving.move(Path(file), database.uri) == 3
    with closing(opened(database.uri)) as run:
        assert deliver(run, message(1, "B"), message(-2, "A")) == []


def test_what_both_know_differently_is_sent_once_more_with_a_new_id(
    file: str, database: Database, move: Move
) -> None:
    with closing(opened(database.uri)) as run:
        assert deliver(run, *(message(1, said) for said in "XYZ"), message(-2, "A")) == [0, 1, 2, 0]
        assert send(run, message(7, "A")) == 0
        run.resolve(message(7, "A"), acknowledged=True)
    assert move(file, database.uri).code == 0
    for said, generation in (("B", 3), ("Z", 4)):
        with closing(opened(database.uri)) as run:
            assert send(run, message(1, said)) == generation
            run.resolve(message(1, said), acknowledged=False)
    with closing(opened(database.uri)) as run:
        assert deliver(run, message(-2, "A"), message(7, "A")) == []


def test_what_a_killed_run_left_in_the_database_does_not_come_over_what_is_moved(
    file: str, database: Database, move: Move
) -> None:
    run = opened(database.uri)
    assert deliver(run, *(message(1, said) for said in "XYZ")) == [0, 1, 2]
    run.flush()
    killed(run)
    assert move(file, database.uri).code == 0
    with closing(opened(database.uri)) as after:
        assert deliver(after, message(1, "Z")) == [4], "the file knew B"


def test_nothing_is_moved_while_a_run_uses_either(
    file: str, database: Database, move: Move
) -> None:
    for place in (file, database.uri):
        with closing(opened(place)):
            refused = move(file, database.uri)
            assert (refused.code, refused.stdout) == (1, "")
            assert "Another run uses the fingerprints" in refused.stderr
            assert refused.says_plainly()
        opened(file).close()
    with psycopg.connect(database.uri) as connection:
        assert connection.execute("SELECT * FROM singer_fingerprints").fetchall() == []


def test_a_database_that_cannot_be_used_leaves_the_file_as_it_was(file: str, move: Move) -> None:
    refused = move(file, "postgresql://jane:CANARY@127.0.0.1:1/shared")
    assert (refused.code, refused.stdout) == (1, "")
    assert refused.says_plainly("CANARY")
    with closing(opened(file)) as run:
        assert deliver(run, message(1, "B"), message(-2, "A")) == []


@pytest.mark.parametrize(
    "arguments", [(), ("move",), ("move", "nowhere", "postgresql://there/a"), ("move", "a", "b")]
)
def test_wrong_usage_is_said(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = call("singer-fingerprints", *arguments, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (2, "")
    assert "usage: singer-fingerprints" in ended.stderr
