"""Notifications about ended jobs, by `orchestrate/tell`."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltano_airflow.project import Project

SECONDS = 60


def notify(project: Project, job: str, code: int, log: Callable[[str], None]) -> None:
    """Send a notification if a job's exit code has changed on this machine.

    Args:
        project: The project; without `orchestrate/tell` nothing is sent.
        job: Name of the job.
        code: The exit code; 0 if it succeeded.
        log: Called with a line if the notification fails, which does not fail the job.
    """
    script = project.root / "orchestrate" / "tell"
    if not script.is_file():
        return
    try:
        ended = subprocess.run(  # noqa: S603, the project's own script
            [script, job, str(code)],
            env={**project.environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log(f"Cannot send the notification about {job}: {type(error).__name__}.")
        return
    if ended.returncode:
        log(f"Cannot send the notification about {job}: {ended.stdout}{ended.stderr}")
