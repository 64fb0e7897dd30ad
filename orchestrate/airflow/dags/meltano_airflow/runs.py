"""One run of `meltano run`, to its summary or to the error that says what Airflow does next."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from meltano_airflow.errors import MeltanoError, UselessRetryError
from meltano_airflow.processes import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from meltano_airflow.project import Project

    Summaries = dict[str, Any]

MOESIF = "tap-moesif"
TOO_MANY_REJECTS = 3  # the targets' exit code; `meltano run` itself only knows 0, 1 and signals


def setting(plugin: str, name: str) -> str:
    """Name the variable that sets a plugin's setting, as Meltano does."""
    return f"{plugin}_{name}".replace("-", "_").upper()


def reads_moesif(plugin: str) -> bool:
    """Say whether a plugin is tap-moesif, or inherits from it by the usual name."""
    return plugin == MOESIF or plugin.startswith(f"{MOESIF}-")


def deliver(
    project: Project,
    arguments: Sequence[str],
    plugins: Iterable[str],
    settings: Mapping[str, str],
    log: Callable[[str], None],
) -> Summaries:
    """Run a job; give the summary of each target that writes one.

    Args:
        project: That it is of.
        arguments: Of `meltano`.
        plugins: That take part.
        settings: More variables.
        log: Takes each line that is logged.

    Raises:
        MeltanoError: It failed, and may not the next time.
        UselessRetryError: It was delivered, but for what was rejected.
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
            return UselessRetryError(
                f"{target} rejected {summary.get('rejected')} records, more than its max_rejects; "
                "the rest is delivered and the state has moved on, so a retry would not see them. "
                f"They are in the file named above, on {socket.gethostname()}, with the reasons: "
                f"fix them and run {target} < that file."
            )
    return MeltanoError(f"`meltano {command}` ended with {code}; the lines above say why.")


def ask(project: Project, arguments: Sequence[str], log: Callable[[str], None]) -> str:
    """Run a command of Meltano's for what it prints.

    Raises:
        MeltanoError: It failed.
    """
    code, printed = run(project, arguments, log)
    if code:
        raise MeltanoError(
            f"`meltano {' '.join(arguments)}` ended with {code}; the lines above say why."
        )
    return printed
