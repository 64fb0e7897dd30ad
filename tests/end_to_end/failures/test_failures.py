"""What `docs/failures.md` says of each failure is so, and no failure is missing there."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

import reject_reasons
import tap_failures
import target_failures
from commands import COMMANDS, FORKED, fork_server, started
from failure_table import PAGE, pattern, reasons, rows
from pages import blocks
from scripted import ScriptedService
from segment_runs import SUCCESS, deliver, sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands import Ended

    Target = Callable[[Path], list[reject_reasons.Reject]]

pytestmark = pytest.mark.xdist_group("failures")

CASES = {
    **{f"tap: {name}": case for name, case in tap_failures.CASES.items()},
    **{f"target: {name}": case for name, case in target_failures.CASES.items()},
}


TARGETS = (reject_reasons.of_segment, reject_reasons.of_moesif, reject_reasons.of_webhook)


@cache
def rejected_by(target: Target) -> list[reject_reasons.Reject]:
    with TemporaryDirectory() as folder:
        return target(Path(folder))


def run(name: str) -> Ended:
    with TemporaryDirectory() as folder:
        return CASES[name](Path(folder))


@pytest.fixture(scope="module")
def runs() -> dict[str, Ended]:
    """All failures, made to happen, two at a time: half of it is waiting for a process."""
    fork_server(FORKED[0])  # before both threads start one
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CASES, pool.map(run, CASES), strict=True))


@pytest.mark.timeout(600)
def test_each_failure_is_told_in_a_sentence_of_the_page(runs: dict[str, Ended]) -> None:
    told = {name for name, ended in runs.items() if any(row.is_in(ended) for row in rows())}
    assert {name: (runs[name].code, runs[name].stderr) for name in runs.keys() - told} == {}


@pytest.mark.timeout(600)
def test_each_sentence_of_the_page_is_told_by_a_failure_with_that_exit_code(
    runs: dict[str, Ended],
) -> None:
    assert len(rows()) > 60
    assert [row for row in rows() if not any(map(row.is_in, runs.values()))] == []


@pytest.mark.parametrize("target", TARGETS)
def test_each_reason_for_a_rejection_is_on_the_page(target: Target) -> None:
    known = reasons()
    for reject in rejected_by(target):
        assert any(
            reason.code == reject["reason"]
            and re.fullmatch(pattern(reason.detail), reject["detail"], re.DOTALL)
            for reason in known
        ), reject


def test_each_reason_of_the_page_is_given_by_a_target() -> None:
    given = [reject for target in TARGETS for reject in rejected_by(target)]
    for reason in reasons():
        detail = re.compile(pattern(reason.detail), re.DOTALL)
        assert any(
            reject["reason"] == reason.code and detail.fullmatch(reject["detail"])
            for reject in given
        ), reason


def test_a_rejects_file_is_sent_again_as_the_page_says(tmp_path: Path) -> None:
    [again] = blocks(PAGE, "sh")
    with ScriptedService(lambda _: SUCCESS) as segment:
        lines = [target_failures.SCHEMA, target_failures.BAD]
        assert deliver(segment, tmp_path, lines, streams=target_failures.ROUTES).code == 3
        [rejects] = (tmp_path / "rejects").iterdir()
        fixed = rejects.read_text().replace('"userId": ""', '"userId": "fixed"')
        (tmp_path / "rejects" / "target-segment-2026-01-31.singer.jsonl").write_text(fixed)
        subprocess.run(
            ["/bin/sh", "-e", "-c", again],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}"},
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert [message["userId"] for message in sent(segment)] == ["fixed"]


@pytest.mark.fresh_process
@pytest.mark.parametrize("command", ["tap-moesif", "target-segment", "target-moesif"])
def test_a_wrong_command_line_ends_with_2_and_names_the_word(command: str) -> None:
    with started(command, "--nonsense") as process:
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"No such option" in stderr
    assert b"--nonsense" in stderr
