"""A forked command does what the installed one does."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from commands import COMMANDS, feed, next_line, run, sandbox, started
from fork_server import Forked
from scripted import ScriptedService
from segment_runs import SUCCESS, config, record, schema, state

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


SCHEMA = schema("calls", "messageId", "type", "userId", "event")
CALL = record("calls", type="track", userId="u", event="é")


@pytest.fixture(
    params=["forked", pytest.param("fresh", marks=pytest.mark.fresh_process)], autouse=True
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "forked":
        monkeypatch.delenv("FRESH_PROCESSES", raising=False)
    return str(request.param)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A target that has delivered one record and waits for more."""
    with ScriptedService(lambda _: SUCCESS) as segment:
        env = {
            "TARGET_SEGMENT_WRITE_KEY": "k",
            "TARGET_SEGMENT_HOST": segment.url,
            "TARGET_SEGMENT_BATCH_SIZE_ROWS": "1",
            "TARGET_SEGMENT_STREAMS": '{"calls": {"as": "segment.calls"}}',
        }
        with started("target-segment", "--config=ENV", cwd=tmp_path, env=env) as process:
            feed(process, SCHEMA, CALL, state("delivered"))
            assert next_line(process) == "delivered"
            yield process


def test_it_is_killed_like_any_other(target: subprocess.Popen[bytes], way: str) -> None:
    assert isinstance(target, Forked) == (way == "forked"), "both ways are tried"
    assert target.poll() is None
    target.kill()
    assert target.wait(timeout=60) == -signal.SIGKILL


def test_it_works_in_its_folder_and_logs_as_a_process_of_its_own(tmp_path: Path) -> None:
    with ScriptedService(lambda _: SUCCESS) as segment:
        ended = run("target-segment", tmp_path, config(segment), lines=[SCHEMA, CALL])
    assert (ended.code, ended.stdout) == (0, "")
    assert ended.stderr.count(" 1 delivered") == 1
    assert (tmp_path / "summary.json").exists()
    assert [request.json["batch"][0]["event"] for request in segment.requests] == ["é"]


def test_it_has_the_given_environment_and_no_other(
    target: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set later reaches the next one only."""
    monkeypatch.setenv("TARGET_SEGMENT_LANES", "0")
    with started("target-segment", "--config=ENV") as other:
        _, stderr = other.communicate(timeout=60)
    assert (other.returncode, b"lanes" in stderr) == (1, True)
    target.communicate(timeout=60)
    assert target.returncode == 0


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_it_ends_by_a_signal(target: subprocess.Popen[bytes], number: str, code: int) -> None:
    assert target.poll() is None
    os.kill(target.pid, signal.Signals[number])
    assert target.wait(timeout=60) == code
    assert target.poll() == code


def test_it_sees_that_nobody_reads_it(target: subprocess.Popen[bytes]) -> None:
    assert target.stdout is not None
    target.stdout.close()
    target.stdout = None
    feed(target, CALL, state("unread"))
    _, stderr = target.communicate(timeout=60)
    assert target.returncode == 1
    assert b"Standard output cannot be written" in stderr


def test_a_wrong_command_line_ends_with_2() -> None:
    with started("singer-rejects") as process:
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (2, b"")
    assert b"usage: singer-rejects" in stderr


def test_a_server_serves_until_it_is_stopped() -> None:
    with sandbox("--users", "3") as first, sandbox("--users", "3") as second:
        first.touch(users=1)
        assert (first.url != second.url, second.requests()) == (True, [])


BEFORE = """
import atexit, threading
atexit.register(print, "registered")
threading.Timer(0.05, print, ["of a thread"]).start()
"""


def test_it_says_all_under_the_name_of_the_installed_command() -> None:
    with started("singer-rejects", "--help", before=BEFORE) as process:
        stdout, _ = process.communicate(timeout=60)
    assert b"usage: singer-rejects" in stdout
    assert b"of a thread\n" in stdout
    assert stdout.endswith(b"\nregistered\n")
    assert (COMMANDS / "singer-rejects").exists()
