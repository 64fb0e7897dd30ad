"""Meltano as a process: what it is given, what it logs, and how it ends when the task does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_service import DAGS, until
from meltano_airflow.processes import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.orchestration.conftest import Fake

pytestmark = pytest.mark.slow

STOPS_CLEANLY = """
child = '''
import contextlib, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("connector runs", file=sys.stderr, flush=True)
signal.sigwait({signal.SIGTERM})
with contextlib.suppress(BrokenPipeError):
    print("connector leaves its state", file=sys.stderr, flush=True)
os._exit(143)
'''
signal.signal(signal.SIGTERM, lambda *_: connector.terminate())
connector = subprocess.Popen([sys.executable, "-c", child])
code = connector.wait()
say("connector ended with", code)
sys.exit(code)
"""

TASK = """
import os, sys
from pathlib import Path
from meltano_airflow.processes import run
from meltano_airflow.project import Project
folder = Path(sys.argv[1])
project = Project.here({**os.environ, "MELTANO_EXECUTABLE": str(folder / "meltano")}, folder)
print("code", run(project, ["run"], lambda line: print(line, flush=True))[0], flush=True)
"""


@contextlib.contextmanager
def started(fake: Fake, script: str = STOPS_CLEANLY) -> Iterator[subprocess.Popen[str]]:
    """Run Meltano in a task's process, until its connector runs."""
    fake.does(script)
    task = subprocess.Popen(
        [sys.executable, "-c", TASK, fake.folder],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(DAGS)},
    )
    with task:
        try:
            assert task.stdout is not None
            assert task.stdout.readline() == "connector runs\n"
            yield task
        finally:
            task.kill()


def test_each_line_is_logged_as_it_comes_and_what_is_printed_is_given(fake: Fake) -> None:
    fake.does("print('é', 1); print('a\\nb\\ufffd', file=sys.stderr); sys.exit(7)")
    lines: list[str] = []
    assert run(fake.project(), ["x"], lines.append) == (7, "é 1\n")
    assert lines == ["a", "b\ufffd"]


def test_a_log_that_is_no_utf8_is_logged_all_the_same(fake: Fake) -> None:
    fake.does("sys.stderr.buffer.write(b'a\\xff\\n')")
    lines: list[str] = []
    assert run(fake.project(), [], lines.append) == (0, "")
    assert lines == ["a\ufffd"]


def test_it_runs_in_the_project_with_the_arguments_that_are_given(fake: Fake) -> None:
    fake.does("say(os.getcwd(), os.environ['MELTANO_PROJECT_ROOT'], *sys.argv[1:])")
    run(fake.project(), ["run", "a job"], print)
    assert fake.said() == [f"{fake.folder} {fake.folder} run a job"]


@pytest.mark.parametrize("passed_on", [True, False], ids=["by Meltano too", "not by Meltano"])
def test_sigterm_to_the_task_reaches_the_connectors_and_their_end_is_awaited(
    fake: Fake, *, passed_on: bool
) -> None:
    script = STOPS_CLEANLY if passed_on else STOPS_CLEANLY.replace("connector.terminate()", "None")
    with started(fake, script) as task:
        task.send_signal(signal.SIGTERM)
        said, _ = task.communicate(timeout=60)
    assert said.splitlines() == ["connector leaves its state", "code 143"]
    assert fake.said() == ["connector ended with 143"]


def test_a_task_that_is_killed_leaves_no_connector_behind(fake: Fake) -> None:
    with started(fake) as task:
        task.kill()
        until(fake.said, "the connector has ended", 60)
    assert fake.said() == ["connector ended with 143"]


def test_an_error_in_the_task_stops_the_connectors_too(fake: Fake) -> None:
    """As Airflow's timeout, which comes as an exception wherever the task is."""
    fake.does(STOPS_CLEANLY)
    lines: list[str] = []

    def log(line: str) -> None:
        lines.append(line)
        if len(lines) == 1:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        run(fake.project(), [], log)
    assert lines == ["connector runs", "connector leaves its state"]
    assert fake.said() == ["connector ended with 143"]


def test_signals_are_the_tasks_own_again_afterwards(fake: Fake) -> None:
    before = signal.getsignal(signal.SIGTERM)
    fake.does("")
    run(fake.project(), [], print)
    assert signal.getsignal(signal.SIGTERM) is before
    assert threading.current_thread() is threading.main_thread()


def test_two_runs_at_once_share_what_is_installed_and_no_state_file(fake: Fake) -> None:
    installed = fake.folder / ".meltano" / "extractors" / "tap"
    installed.mkdir(parents=True)
    shared = fake.folder / ".meltano" / "run" / "tap-moesif" / "state.json"
    shared.parent.mkdir(parents=True)
    shared.write_text("another's")
    fake.does("""
root = Path(os.environ["MELTANO_SYS_DIR_ROOT"])
(root / "run").mkdir()
(root / "meltano.db").write_text("state")
say(json.dumps([str(root), (root / "extractors" / "tap").is_dir()]))
""")
    for _ in range(2):
        run(fake.project(), [], print)
    (one, found), (other, _) = map(json.loads, fake.said())
    assert found
    assert one != other
    assert not Path(one).exists(), "nothing is left, a user's id least of all"
    assert shared.read_text() == "another's"
    assert (fake.folder / ".meltano" / "meltano.db").read_text() == "state"


def test_a_system_folder_elsewhere_is_kept_to(fake: Fake, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "loaders").mkdir(parents=True)
    fake.does("say((Path(os.environ['MELTANO_SYS_DIR_ROOT']) / 'loaders').resolve())")
    run(fake.project(MELTANO_SYS_DIR_ROOT=str(elsewhere)), [], print)
    assert fake.said() == [str(elsewhere / "loaders")]
