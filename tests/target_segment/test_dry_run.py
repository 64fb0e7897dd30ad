"""`dry_run`: everything but the sending."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from segment_runs import deliver, record, schema, scripted_segment, sent, state, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripted import ScriptedService

LINES = [
    schema("people", "userId", "traits"),
    *(record("people", userId=f"u{n}", traits={"n": n}) for n in range(5)),
    state("end"),
]
BAD = [*LINES, record("people", traits={})]


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def test_nothing_is_sent_and_nothing_claimed(segment: ScriptedService, tmp_path: Path) -> None:
    ended = deliver(segment, tmp_path, LINES, dry_run=True)
    assert (ended.code, ended.stdout) == (0, "")
    assert not segment.requests
    assert "dry run" in ended.stderr
    assert summary(tmp_path)["delivered"] == 5


def test_the_bodies_are_those_that_would_be_sent(segment: ScriptedService, tmp_path: Path) -> None:
    settings = {"dry_run": True, "dry_run_path": "out/bodies.jsonl"}
    path = tmp_path / "out" / "bodies.jsonl"
    for _ in range(2):  # the second run's file takes the first one's place
        assert deliver(segment, tmp_path, LINES, lanes=1, **settings).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [dry] = [json.loads(line)["batch"] for line in path.read_text().splitlines()]
    assert deliver(segment, tmp_path, LINES, lanes=1).code == 0
    assert dry == sent(segment)


def test_the_exit_code_is_the_real_runs_without_a_rejects_file(
    segment: ScriptedService, tmp_path: Path
) -> None:
    ended = deliver(segment, tmp_path, BAD, dry_run=True)
    assert ended.code == 3
    assert "would be rejected" in ended.stderr
    assert not (tmp_path / "rejects").exists()
    assert summary(tmp_path)["rejected_by_reason"] == {"no_user_anon_id": 1}


def test_changes_are_told_and_stay_changes(segment: ScriptedService, tmp_path: Path) -> None:
    assert deliver(segment, tmp_path, LINES[:3], changed_only=True).code == 0
    for _ in range(2):
        assert deliver(segment, tmp_path, LINES, changed_only=True, dry_run=True).code == 0
        assert (summary(tmp_path)["unchanged"], summary(tmp_path)["delivered"]) == (2, 3)


@pytest.mark.parametrize("place", ["full", "closed"])
def test_a_file_that_cannot_be_written_is_said(
    segment: ScriptedService, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    path = {"full": "/dev/full", "closed": "file/bodies"}[place]
    ended = deliver(segment, tmp_path, LINES, dry_run=True, dry_run_path=path)
    assert (ended.code, ended.stdout) == (1, "")
    assert "dry_run_path" in ended.stderr
    assert ended.says_plainly()
