"""Runs Meltano in its own process group, which ends cleanly with the task.

When the task is stopped, SIGTERM is sent to the whole group; the connectors then finish requests in
flight and write their state. If the task is killed, the kernel sends SIGTERM to Meltano (on Linux).

Each command has its own system folder, with links to what is installed, because Meltano keeps a
run's state and catalog there in files with fixed names, and concurrent runs would read each
other's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meltano_airflow.project import Project

PR_SET_PDEATHSIG = 1  # linux/prctl.h

RUN_FILES = "run"
STATE = "meltano.db"  # by default


def run(project: Project, arguments: Sequence[str], log: Callable[[str], None]) -> tuple[int, str]:
    """Run a Meltano command; return its exit code and its output.

    Call it in the main thread only, because it handles signals.

    Args:
        project: The project.
        arguments: Arguments of `meltano`.
        log: Called with each line logged by Meltano or a connector.
    """
    with (
        TemporaryFile("w+", encoding="utf-8", errors="replace") as printed,
        _system_folder(project) as folder,
    ):
        process = subprocess.Popen(  # noqa: S603, the user's own Meltano
            [project.executable, *arguments],
            cwd=project.root,
            env={**project.environment, "MELTANO_SYS_DIR_ROOT": folder},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            preexec_fn=_terminate_with_parent(),  # noqa: PLW1509, one call into the kernel
        )
        with _stopped_with_the_task(process), process:
            _log(process, log)
        printed.seek(0)
        return process.returncode, printed.read()


@contextlib.contextmanager
def _system_folder(project: Project) -> Iterator[str]:
    shared = Path(project.environment.get("MELTANO_SYS_DIR_ROOT") or project.root / ".meltano")
    shared.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="meltano-", ignore_cleanup_errors=True) as folder:
        for name in {STATE, *(entry.name for entry in shared.iterdir())} - {RUN_FILES}:
            Path(folder, name).symlink_to(shared.absolute() / name)
        yield folder


def _terminate_with_parent() -> Callable[[], object] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _log(process: subprocess.Popen[str], log: Callable[[str], None]) -> None:
    """Log all lines, even if the task is stopped."""
    assert process.stderr is not None  # noqa: S101, for mypy
    try:
        for line in process.stderr:
            log(line.rstrip("\n"))
    except BaseException:
        _stop(process)
        for line in process.stderr:
            log(line.rstrip("\n"))
        raise


@contextlib.contextmanager
def _stopped_with_the_task(process: subprocess.Popen[str]) -> Iterator[None]:
    """Forward SIGTERM to the process."""
    before = signal.signal(signal.SIGTERM, lambda *_: _stop(process))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
