"""`dry_run`: everything but the sending."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from segment_runs import AS_CALLS, deliver, record, schema, scripted_segment, sent, state, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripted import ScriptedService

pytestmark = pytest.mark.slow

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
    settings: dict[str, Any] = {"dry_run": True, "dry_run_path": "out/bodies.jsonl"}
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


def test_a_table_and_three_examples_of_each_stream_are_shown_without_values(
    segment: ScriptedService, tmp_path: Path
) -> None:
    jane = {"name": "Jané", "email": "jane@acme.example", "born": "1990-01-31", "paid": True}
    lines = [
        *BAD,
        schema("crm", "userId", "groupId", "traits"),
        record("crm", userId="u-77", groupId="g-88", traits={**jane, "plan": {"no": 7}}),
        schema("table", "column"),
        record("table", column="secret"),
    ]
    routes = {**AS_CALLS, "table": {"call": "ignore"}}
    ended = deliver(segment, tmp_path, lines, dry_run=True, streams=routes)
    rows = [line.rsplit(None, 1) for line in ended.stderr.splitlines()]
    for row in (
        ["people  identify", "5"],
        ["people  rejected: no_user_anon_id", "1"],
        ["crm     group", "1"],
        ["table   skipped", "1"],
    ):
        assert [" ".join(row[0].split()), row[1]] in [
            [" ".join(found[0].split()), found[1]] for found in rows if len(found) == 2
        ]
    examples = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    assert [example["type"] for example in examples] == ["identify"] * 3 + ["group"]
    assert examples[3]["traits"] == {
        "name": "xxxx",
        "email": "xxxx@xxxx.xxxxxxx",
        "born": "0000-00-00",
        "paid": False,
        "plan": {"no": 0},
    }
    assert (examples[3]["userId"], examples[3]["groupId"]) == ("x-00", "x-00")
    for value in ("Jan", "jane", "1990", "u-77", "g-88", "secret"):
        assert value not in ended.stderr


def test_nothing_at_all_is_asked_or_written(segment: ScriptedService, tmp_path: Path) -> None:
    """Neither is the write key verified, nor is a file made but the summary."""
    settings: dict[str, Any] = {"dry_run": True, "changed_only": True, "cdn_url": segment.url}
    ended = deliver(segment, tmp_path, BAD, **settings)
    assert (ended.code, ended.stdout, segment.requests) == (3, "", [])
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "summary.json"}


def test_a_dry_run_leaves_the_fingerprints_as_they_are(
    segment: ScriptedService, tmp_path: Path
) -> None:
    assert deliver(segment, tmp_path, LINES[:3], changed_only=True).code == 0
    folder = tmp_path / ".fingerprints"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert deliver(segment, tmp_path, LINES, changed_only=True, dry_run=True).code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


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
