"""Runs Meltano as a process group of its own that ends cleanly, whatever ends the task.

Who stops the task stops Meltano and the connectors: SIGTERM goes to the whole group, and the
connectors then finish what is in flight and leave their state. A task that is killed outright
cannot pass anything on; the kernel then sends Meltano the SIGTERM, where it can (Linux).

Each command has a system folder of its own, with links to what is installed: Meltano keeps a run's
state and catalog there in files of fixed names, and of two runs in one project at once one would
read the other's.
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
STATE = "meltano.db"  # where nothing else is set


def run(project: Project, arguments: Sequence[str], log: Callable[[str], None]) -> tuple[int, str]:
    """Run a command of Meltano's; give its exit code and what it printed.

    Only the main thread can, since it takes signals.

    Args:
        project: That the command is about.
        arguments: Of `meltano`.
        log: Takes each line that it, or a connector, logs.
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
            preexec_fn=_ask_for_the_parents_end(),  # noqa: PLW1509, one call into the kernel
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


def _ask_for_the_parents_end() -> Callable[[], object] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _log(process: subprocess.Popen[str], log: Callable[[str], None]) -> None:
    """Log to the end, also where something stops the task in between."""
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
    """Pass SIGTERM on."""
    before = signal.signal(signal.SIGTERM, lambda *_: _stop(process))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
