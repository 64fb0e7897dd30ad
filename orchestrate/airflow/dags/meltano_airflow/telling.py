"""Has `orchestrate/tell` say how a job ended."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltano_airflow.project import Project

SECONDS = 60


def tell(project: Project, job: str, code: int, log: Callable[[str], None]) -> None:
    """Say how a job ended, if it ended otherwise than before on this machine.

    Args:
        project: The project; it may lack the script.
        job: The job's name.
        code: 0 if it succeeded.
        log: Takes a line if nobody could be told; that is no failure of the job.
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
        log(f"Nobody could be told how {job} ended: {type(error).__name__}.")
        return
    if ended.returncode:
        log(f"Nobody could be told how {job} ended: {ended.stdout}{ended.stderr}")
