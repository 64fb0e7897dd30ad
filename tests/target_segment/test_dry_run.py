"""`dry_run`: everything but the sending."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from segment_runs import AS_CALLS, Segment, record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

LINES = [
    schema("people", "userId", "traits"),
    *(record("people", userId=f"u{n}", traits={"n": n}) for n in range(5)),
    state("end"),
]
BAD = [*LINES, record("people", traits={})]


def test_the_bodies_are_those_that_would_be_sent(segment: Segment) -> None:
    path = segment.folder / "out" / "bodies.jsonl"
    for _ in range(2):  # the second run's file takes the first one's place
        ended = segment.deliver(LINES, lanes=1, dry_run=True, dry_run_path=str(path))
        assert (ended.exit_code, ended.states, segment.requests) == (0, [], [])
        assert ended.summary["delivered"] == 5
        assert "dry run" in ended.log
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [dry] = [json.loads(line)["batch"] for line in path.read_text().splitlines()]
    segment.deliver(LINES, lanes=1)
    assert dry == segment.messages


def test_a_table_and_three_examples_of_each_stream_are_shown_without_values(
    segment: Segment, capsys: pytest.CaptureFixture[str]
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
    ended = segment.deliver(lines, dry_run=True, streams=routes)
    shown = capsys.readouterr().err
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    for row in ("people identify 5", "people rejected: no_user_anon_id 1", "crm group 1"):
        assert row in rows
    assert "table skipped 1" in rows
    examples = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
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
        assert value not in shown + ended.log


def test_the_exit_code_is_the_real_runs_and_nothing_is_asked_or_written(segment: Segment) -> None:
    """Neither is the write key verified, nor is a file made but the summary."""
    ended = segment.deliver(BAD, dry_run=True, changed_only=True, cdn_url=segment.url)
    assert (ended.exit_code, ended.states, segment.requests) == (3, [], [])
    assert ended.summary["rejected_by_reason"] == {"no_user_anon_id": 1}
    assert "would be rejected" in ended.log
    assert [path.name for path in segment.folder.iterdir()] == ["summary.json"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("fingerprints.sqlite*")}


def test_changes_are_told_and_stay_changes(segment: Segment) -> None:
    segment.deliver(LINES[:3], changed_only=True)
    before = contents(segment.folder)
    for _ in range(2):
        ended = segment.deliver(LINES, changed_only=True, dry_run=True)
        counts = ended.summary
        assert (ended.exit_code, counts["unchanged"], counts["delivered"]) == (0, 2, 3)
    assert contents(segment.folder) == before


@pytest.mark.parametrize("place", ["/dev/full", "{folder}/file/bodies"])
def test_a_file_that_cannot_be_written_is_said(segment: Segment, place: str) -> None:
    (segment.folder / "file").touch()
    path: dict[str, Any] = {"dry_run_path": place.format(folder=segment.folder)}
    ended = segment.deliver(LINES, dry_run=True, **path)
    assert (ended.exit_code, ended.states) == (1, [])
    assert "dry_run_path" in ended.log
