"""A run of `meltano run`: returns its summaries, or raises an error for Airflow."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from meltano_airflow.errors import MeltanoError, NonRetryableError
from meltano_airflow.processes import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from meltano_airflow.project import Project

    Summaries = dict[str, Any]

MOESIF = "tap-moesif"
TOO_MANY_REJECTS = 3  # the targets' exit code; `meltano run` itself has only 0, 1 and signals


def setting(plugin: str, name: str) -> str:
    """Return the environment variable of a plugin's setting."""
    return f"{plugin}_{name}".replace("-", "_").upper()


def reads_moesif(plugin: str) -> bool:
    """Return whether a plugin is tap-moesif, or inherits from it, judged by its name."""
    return plugin == MOESIF or plugin.startswith(f"{MOESIF}-")


def deliver(
    project: Project,
    arguments: Sequence[str],
    plugins: Iterable[str],
    settings: Mapping[str, str],
    log: Callable[[str], None],
) -> Summaries:
    """Run a job; return the summary of each target that writes one.

    Args:
        project: The project.
        arguments: Arguments of `meltano`.
        plugins: The job's plugins.
        settings: Further environment variables.
        log: Called with each logged line.

    Raises:
        MeltanoError: The job failed; a retry may succeed.
        NonRetryableError: Too many records were rejected; the others were delivered.
    """
    with TemporaryDirectory(prefix="meltano-run-") as folder:
        files = {plugin: Path(folder, f"{plugin}.json") for plugin in plugins}
        paths = {setting(plugin, "summary_path"): str(file) for plugin, file in files.items()}
        environment = {**project.environment, **paths, **settings}
        code, printed = run(replace(project, environment=environment), arguments, log)
        for line in printed.splitlines():
            log(line)
        summaries = {
            plugin: json.loads(file.read_bytes()) for plugin, file in files.items() if file.exists()
        }
    if code:
        raise _error(" ".join(arguments), code, summaries)
    return summaries


def _error(command: str, code: int, summaries: Summaries) -> MeltanoError:
    for target, summary in summaries.items():
        if summary.get("exit_code") == TOO_MANY_REJECTS:
            return NonRetryableError(
                f"{target} rejected {summary.get('rejected')} records, more than its max_rejects. "
                "The others were delivered and the state has moved, so a retry would not read them "
                f"again. They are in the file named above, on {socket.gethostname()}, with the "
                f"reasons. Correct them and run {target} < that file."
            )
    return MeltanoError(f"`meltano {command}` exited with {code}; see the log above.")


def output_of(project: Project, arguments: Sequence[str], log: Callable[[str], None]) -> str:
    """Run a Meltano command and return its output.

    Raises:
        MeltanoError: It failed.
    """
    code, printed = run(project, arguments, log)
    if code:
        raise MeltanoError(
            f"`meltano {' '.join(arguments)}` exited with {code}; see the log above."
        )
    return printed
