from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from commands import Ended, call
from singer_delivery.errors import RejectsFileError
from singer_delivery.files import SharedLines
from singer_delivery.rejects.file import Rejects
from singer_delivery.rejects.listing import FIRST, main

if TYPE_CHECKING:
    from pathlib import Path

Listed = Callable[..., Ended]

SCHEMA = {"type": "SCHEMA", "stream": "users", "schema": {}, "key_properties": ["id"]}
KEYLESS = {"type": "SCHEMA", "stream": "calls", "schema": {}, "key_properties": []}


@pytest.fixture
def listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Listed:
    """Runs the command in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*files: str) -> Ended:
        code = main(files)
        return Ended(code, *capsys.readouterr())

    return run


def rejects(path: Path, *rejected: tuple[str, dict[str, Any] | bytes]) -> None:
    """Write a file as a target does: reasons, and records of users or whole lines."""
    file = Rejects(SharedLines(path, RejectsFileError), lambda: "2026-01-31T00:00:00.000+00:00")
    for schema in (SCHEMA, KEYLESS):
        file.schema(str(schema["stream"]), json.dumps(schema).encode())
    for reason, record in rejected:
        line = record
        if not isinstance(line, bytes):
            line = json.dumps({"type": "RECORD", "stream": "users", "record": record}).encode()
        stream = "calls" if b'"calls"' in line else "users"
        file.add(stream, line, reason, "Said so.")
    file.close()


def rows(ended: Ended) -> list[list[str]]:
    return [line.split() for line in ended.lines]


def test_reasons_are_counted_and_the_first_records_named_by_their_keys_only(
    tmp_path: Path, listed: Listed
) -> None:
    keyless = b'{"type": "RECORD", "stream": "calls", "record": {"userId": ""}}'
    rejects(
        tmp_path / "r.jsonl",
        *(("no_user_anon_id", {"id": number, "email": "jane@CANARY"}) for number in range(9)),
        ("message_too_large", {"id": "x y", "email": "jane@CANARY"}),
        ("no_user_anon_id", keyless),
    )
    ended = listed("r.jsonl")
    assert (ended.code, ended.stderr) == (0, "")
    first = [f"id={number}," for number in range(FIRST)]
    first[-1] = first[-1].removesuffix(",")
    assert rows(ended) == [
        ["count", "stream", "reason", "first"],
        ["9", "users", "no_user_anon_id", *first],
        ["1", "users", "message_too_large", 'id="x', 'y"'],
        ["1", "calls", "no_user_anon_id", "line", "13"],
    ]
    assert "CANARY" not in ended.stdout


def test_what_json_has_no_word_for_is_listed_too(tmp_path: Path, listed: Listed) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    start = b'{"type": "RECORD", "stream": "users", "record": {"id": 7, "n": '
    rejects(
        tmp_path / "r.jsonl", ("not_json", start + b"NaN}}"), ("not_json", start + deep + b"}}")
    )
    ended = listed("r.jsonl")
    assert ended.code == 0
    assert rows(ended)[1:] == [["2", "users", "not_json", "id=7,", "line", "3"]]


def test_half_a_line_at_the_end_is_said_and_left_out(tmp_path: Path, listed: Listed) -> None:
    path = tmp_path / "r.jsonl"
    rejects(path, ("id_not_string", {"id": 1}), ("id_not_string", {"id": 2}))
    path.write_bytes(path.read_bytes()[:-9])
    ended = listed("r.jsonl")
    assert (ended.code, rows(ended)[1]) == (0, ["1", "users", "id_not_string", "id=1"])
    assert "an incomplete line" in ended.stderr


def test_a_damaged_line_before_others_is_said_and_the_others_are_listed(
    tmp_path: Path, listed: Listed
) -> None:
    path = tmp_path / "r.jsonl"
    rejects(path, ("id_not_string", {"id": 1}))
    damaged = b'{"type": \n[]\n\xff\n{"type": "RECORD", "stream": "users", "record": {"id": 5}}\n'
    path.write_bytes(path.read_bytes() + damaged)
    ended = listed("r.jsonl")
    assert ended.code == 1
    assert all(line in ended.stderr for line in ("line 3", "line 4", "line 5"))
    assert rows(ended)[1:] == [
        ["1", "users", "id_not_string", "id=1"],
        ["1", "users", "(none", "given)", "id=5"],
    ]
    assert ended.says_plainly()


def test_several_files_are_one_list_and_a_missing_one_is_said(
    tmp_path: Path, listed: Listed
) -> None:
    rejects(tmp_path / "a.jsonl", ("id_not_string", {"id": 1}))
    rejects(tmp_path / "b.jsonl", ("id_not_string", {"id": 2}))
    ended = listed("a.jsonl", "missing.jsonl", ".", "b.jsonl")
    assert ended.code == 1
    assert rows(ended)[1:] == [["2", "users", "id_not_string", "id=1,", "id=2"]]
    assert "Cannot read missing.jsonl" in ended.stderr
    assert ended.says_plainly()


def test_an_empty_file_has_no_rejects(tmp_path: Path, listed: Listed) -> None:
    (tmp_path / "r.jsonl").touch()
    ended = listed("r.jsonl")
    assert (ended.code, ended.stdout) == (0, "No rejected records.\n")


def test_wrong_usage_and_help_are_said() -> None:
    for arguments, code in ((["--help"], 0), ([], 2)):
        ended = call("singer-rejects", *arguments)
        assert ended.code == code
        assert "singer-rejects" in ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_file_of_any_size_needs_little_memory(tmp_path: Path) -> None:
    """Forty megabytes of rejects, in a process that may not have that much more."""
    path = tmp_path / "r.jsonl"
    rejects(path, ("id_not_string", {"id": 1, "filler": "x" * 2_000}))
    schema, line = path.read_bytes().splitlines(keepends=True)
    with path.open("wb") as file:
        file.write(schema)
        file.writelines([line] * 20_000)
    source = f"""
import resource
from singer_delivery.rejects.listing import main
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
code = main([{str(path)!r}])
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000, "KiB"
raise SystemExit(code)
"""
    ended = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "20000  users" in ended.stdout
