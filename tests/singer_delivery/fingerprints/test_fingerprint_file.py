"""The SQLite file of fingerprints: its lock, its format, and what can happen to a file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fingerprint_runs import deliver, fingerprint, message, opened
from singer_delivery.errors import OutputError
from singer_delivery.fingerprints.changes import entity_key
from singer_delivery.fingerprints.file import APPLICATION, FORMAT

if TYPE_CHECKING:
    from pathlib import Path


NEWER = f"PRAGMA user_version = {FORMAT + 1}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "fingerprints.sqlite"


def test_a_link_to_the_file_is_the_same_file(path: Path) -> None:
    with closing(opened(str(path))):
        link = path.with_name("link.sqlite")
        link.symlink_to(path)
        with pytest.raises(OutputError, match="Another run"):
            opened(str(link))


def test_reading_only_makes_no_file(path: Path) -> None:
    with closing(opened(str(path), writable=False)) as beside:
        assert deliver(beside, message(1, "A"), message(1, "A")) == [0]
    assert not path.parent.exists()


def database(path: Path, *statements: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("CREATE TABLE state (a)",), "another program"),
        (("CREATE TABLE log (a)", f"PRAGMA user_version = {FORMAT}"), "another program"),
        ((f"PRAGMA application_id = {APPLICATION}", NEWER), "a newer version"),
    ],
)
def test_a_database_of_something_else_is_left_alone(
    path: Path, statements: tuple[str, ...], said: str, writable: bool
) -> None:
    database(path, *statements)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=said):
        opened(str(path), writable=writable)
    assert path.read_bytes() == before


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    database(path)
    path.touch()
    with closing(opened(str(path), writable=False)) as beside:
        assert deliver(beside, message(1, "A")) == [0]
    with closing(opened(str(path))) as run:
        assert deliver(run, message(1, "A")) == [0]


@pytest.mark.parametrize("writable", [True, False])
def test_a_file_that_is_torn_is_said(path: Path, writable: bool) -> None:
    with closing(opened(str(path))) as first:
        deliver(first, *(message(entity_key(b"", str(number)), "A") for number in range(2_000)))
    torn = path.read_bytes()
    path.write_bytes(torn[:4096] + bytes(len(torn) - 4096))
    with (
        pytest.raises(OutputError, match="fingerprints_path"),
        closing(opened(str(path), writable=writable)) as f,
    ):
        deliver(f, message(entity_key(b"", "7"), "A"))


@pytest.mark.parametrize("writable", [True, False])
def test_a_log_that_is_torn_is_said(path: Path, writable: bool) -> None:
    opened(str(path)).close()
    database(path, "INSERT INTO log (entries) VALUES (x'00')")
    with pytest.raises(OutputError, match="fingerprints_path"):
        opened(str(path), writable=writable)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="fingerprints_path"):
        opened(str(tmp_path / "file" / "below.sqlite"))


@pytest.mark.slow
def test_a_disk_that_fills_up_is_said_and_what_was_stored_stays(path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    source = f"""
import json, pathlib, resource
from singer_delivery.errors import OutputError
from singer_delivery.fingerprints.entries import FingerprintEntry, pack
from singer_delivery.fingerprints.file import FingerprintFile
file = FingerprintFile(pathlib.Path({str(path)!r}))
file.open()
file.append(pack(1, FingerprintEntry({fingerprint("A")!r}, 0, True)))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
many = {{number: FingerprintEntry({fingerprint("B")!r}, 1, True) for number in range(100_000)}}
said = []
for attempt in (
    lambda: file.append(b"".join(pack(*each) for each in many.items())),
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
    assert ["Free disk space" in sentence for sentence in json.loads(ended.stdout)] == [True, True]
    with closing(opened(str(path))) as after:
        assert deliver(after, message(1, "A"), message(2, "B")) == [0]
