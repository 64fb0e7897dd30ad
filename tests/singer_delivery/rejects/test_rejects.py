from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from singer_delivery.errors import OutputError, RejectsFileError
from singer_delivery.files import SharedLines, locked
from singer_delivery.rejects.file import Rejects

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = b'{"type":"SCHEMA","stream":"users","schema":{"properties":{}},"key_properties":["id"]}'
RECORD = (
    b'{"type":"RECORD","stream":"users","record":{"id":"\xc3\xa9","n":1},"time_extracted":"t"}\n'
)


def rejects(path: Path) -> Rejects:
    return Rejects(SharedLines(path, RejectsFileError), lambda: "2026-01-01T00:00:00.000+00:00")


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.promise(13)
def test_what_is_written_is_a_singer_stream_with_the_reason(tmp_path: Path) -> None:
    file = rejects(tmp_path / "new" / "rejects.jsonl")
    file.schema("users", SCHEMA)
    file.add("users", RECORD, "id_not_string", "It is empty.")
    file.add("users", RECORD, "id_not_string", "It is empty.")
    file.close()
    schema, record, again = written(Path(file.place))
    assert schema == json.loads(SCHEMA)
    assert record == again
    assert record.pop("record") == {
        "id": "é",
        "n": 1,
        "_delivery_reject": {
            "reason": "id_not_string",
            "detail": "It is empty.",
            "at": "2026-01-01T00:00:00.000+00:00",
            "attempts": 0,
            "first_rejected_at": "2026-01-01T00:00:00.000+00:00",
        },
    }
    assert record == {"type": "RECORD", "stream": "users", "time_extracted": "t"}


def test_nothing_rejected_is_no_file(tmp_path: Path) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.schema("users", SCHEMA)
    file.sync()
    file.close()
    assert not Path(file.place).exists()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.add("users", RECORD, "r", "d")
    assert stat.S_IMODE(Path(file.place).stat().st_mode) == 0o600
    file.close()


@pytest.mark.parametrize("torn", [b"", RECORD[:20], b"x" * 200_000, RECORD[:-2]])
@pytest.mark.parametrize("whole", [b"", SCHEMA + b"\n" + RECORD])
def test_an_earlier_run_is_kept_but_for_the_line_it_was_killed_in(
    tmp_path: Path, whole: bytes, torn: bytes
) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_bytes(whole + torn)
    file = rejects(path)
    file.schema("users", SCHEMA)
    file.add("users", RECORD, "r", "d")
    file.close()
    assert path.read_bytes().startswith(whole + SCHEMA)
    new = path.read_bytes()[len(whole) :].splitlines()
    assert [json.loads(line)["type"] for line in new] == ["SCHEMA", "RECORD"]


@pytest.mark.parametrize(
    "last", [RECORD.strip(), b'{"type":"RECORD","record":{"n":NaN,"e":"\xe9"}}']
)
def test_a_whole_line_that_an_editor_left_without_a_line_break_is_kept(
    tmp_path: Path, last: bytes
) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_bytes(SCHEMA + b"\n" + last)
    file = rejects(path)
    file.add("users", RECORD, "r", "d")
    file.close()
    assert path.read_bytes().startswith(SCHEMA + b"\n" + last + b"\n{")


def test_a_schema_stands_again_where_it_changed(tmp_path: Path) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.schema("users", SCHEMA)
    file.add("users", RECORD, "r", "d")
    file.schema("users", SCHEMA.replace(b'"id"', b'"other"'))
    file.add("users", RECORD, "r", "d")
    file.close()
    assert [line["type"] for line in written(Path(file.place))] == ["SCHEMA", "RECORD"] * 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110
def test_a_full_disk_is_said_with_the_setting_to_change(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"No space left.*rejects_path"):
        rejects(path).add("users", RECORD, "r", "d")


def test_what_was_lost_on_its_way_to_the_disk_stays_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second fsync succeeds, although the system has thrown away what it could not write."""
    file = rejects(tmp_path / "rejects.jsonl")
    file.add("users", RECORD, "r", "d")
    errors = [OSError(errno.EIO, "Input/output error")]

    def fsync(_: int) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr("os.fsync", fsync)
    for _ in range(2):
        with pytest.raises(OutputError, match="Input/output error"):
            file.sync()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="rejects_path"):
        rejects(tmp_path / "file" / "rejects.jsonl").add("users", RECORD, "r", "d")


def test_what_cannot_be_written_whole_is_not_left_there_in_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.add("users", RECORD, "r", "d")
    before = Path(file.place).read_bytes()
    write = os.write

    def fill_the_disk(descriptor: int, text: bytes) -> int:
        if len(text) < 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, text[:-20])

    monkeypatch.setattr("os.write", fill_the_disk)
    with pytest.raises(OutputError, match="No space left"):
        file.add("users", RECORD, "r", "d")
    assert Path(file.place).read_bytes() == before


def test_the_schema_stands_again_behind_what_another_run_wrote(tmp_path: Path) -> None:
    ours, theirs = rejects(tmp_path / "rejects.jsonl"), rejects(tmp_path / "rejects.jsonl")
    theirs.schema("users", SCHEMA.replace(b'"id"', b'"other"'))
    ours.schema("users", SCHEMA)
    ours.add("users", RECORD, "r", "d")
    theirs.add("users", RECORD, "r", "d")
    ours.add("users", RECORD, "r", "d")
    ours.add("users", RECORD, "r", "d")
    keys = [line.get("key_properties") for line in written(Path(ours.place))]
    assert keys == [["id"], None, ["other"], None, ["id"], None, None]


@pytest.mark.parametrize(
    "remove", [Path.unlink, lambda path: path.rename(path.with_suffix(".old"))]
)
def test_a_file_that_is_moved_away_for_a_replay_gets_nothing_more(
    tmp_path: Path, remove: Callable[[Path], Any]
) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.schema("users", SCHEMA)
    file.add("users", RECORD, "first", "d")
    remove(Path(file.place))
    file.add("users", RECORD, "second", "d")
    file.close()
    schema, record = written(Path(file.place))
    assert (schema["type"], record["record"]["_delivery_reject"]["reason"]) == ("SCHEMA", "second")


def test_a_new_file_and_its_new_folders_are_on_the_disk_before_anything_claims_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        fsync(file)

    monkeypatch.setattr("os.fsync", noted)
    file = rejects(tmp_path / "a" / "b" / "rejects.jsonl")
    file.add("users", RECORD, "r", "d")
    file.sync()
    root = str(tmp_path)
    assert synced == [root, f"{root}/a", f"{root}/a/b", f"{root}/a/b/rejects.jsonl"]


def test_a_lock_that_is_kept_too_long_is_said(tmp_path: Path) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file._file = SharedLines(Path(file.place), RejectsFileError, seconds=0.01)
    said = r"another process has locked it for 0\.01 s.*rejects_path"
    with (
        Path(file.place).open("ab") as other,
        locked(other.fileno(), seconds=9),
        pytest.raises(OutputError, match=said),
    ):
        file.add("users", RECORD, "r", "d")


@pytest.mark.slow
@pytest.mark.promise(13)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_four_writers_killed_at_random_lose_nothing_that_was_synced(tmp_path: Path) -> None:
    """Each writes, says what is on the disk, and is killed while it writes on."""
    path = tmp_path / "rejects.jsonl"
    script = Path(__file__).parents[2] / "support" / "killed_writers.py"
    ended = subprocess.run(
        [sys.executable, script, path, "40"], capture_output=True, check=True, timeout=100
    )
    synced = ended.stdout.split()
    next_run = rejects(path)
    next_run.add("users", RECORD, "r", "d")  # removes what the last writers left half written
    next_run.close()
    found = [line["record"]["id"] for line in written(path) if line["type"] == "RECORD"]
    assert len(synced) >= 40
    assert set(map(bytes.decode, synced)) <= set(found)
    assert len(found) == len(set(found))
