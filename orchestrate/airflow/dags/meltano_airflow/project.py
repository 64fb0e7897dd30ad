"""The Meltano project on this machine, and Airflow's settings for its runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meltano_airflow.errors import MeltanoError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOESIF_QUERIES_A_MINUTE = 500
"""Moesif's limit ("Management API", "Rate limits"), and the number of slots in the pool."""


@dataclass(frozen=True, slots=True)
class Project:
    """A Meltano project on this machine.

    Attributes:
        root: The folder of `meltano.yml`.
        executable: Path of Meltano's command.
        cache: The file with the list of schedules.
        environment: Environment variables for Meltano.
    """

    root: Path
    executable: Path
    cache: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls, environment: Mapping[str, str], dags: Path) -> Project:
        """Find the project.

        Args:
            environment: This process's environment; README.md lists the variables.
            dags: The folder of the DAG files, which may be inside the project.

        Raises:
            MeltanoError: There is no project, or no Meltano.
        """
        root = _root(environment.get("MELTANO_PROJECT_ROOT"), dags)
        executable = environment.get("MELTANO_EXECUTABLE") or _executable(root)
        cache = environment.get("MELTANO_SCHEDULES_CACHE")
        return cls(
            root,
            Path(executable),
            Path(cache) if cache else root / ".meltano" / "airflow" / "schedules.json",
            {**environment, "MELTANO_PROJECT_ROOT": str(root), "NO_COLOR": "1"},
        )


@dataclass(frozen=True, slots=True)
class Runs:
    """Airflow's settings for runs.

    Attributes:
        retries: Number of retries of a failed run.
        retry_seconds: Wait before the first retry; it doubles for each further one.
        pool: The pool for Moesif's queries, with a slot for each query per minute.
        queries: Queries per minute of one run, which is the number of its slots.
    """

    retries: int
    retry_seconds: int
    pool: str
    queries: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Runs:
        """Read the variables.

        Raises:
            MeltanoError: A value is not an integer, or out of range.
        """
        return cls(
            _number(environment, "MELTANO_RETRIES", 3, range(101)),
            _number(environment, "MELTANO_RETRY_SECONDS", 60, range(3_601)),
            environment.get("MOESIF_POOL") or "moesif",
            _number(
                environment,
                "MOESIF_QUERIES_PER_RUN",
                MOESIF_QUERIES_A_MINUTE // 4,
                range(1, MOESIF_QUERIES_A_MINUTE + 1),
            ),
        )


def _root(given: str | None, dags: Path) -> Path:
    folders = [Path(given)] if given else [dags, *dags.parents]
    for folder in folders:
        if (folder / "meltano.yml").is_file():
            return folder.resolve()
    raise MeltanoError(
        f"There is no meltano.yml in {folders[0]}{'' if given else ' or above it'}: set "
        "MELTANO_PROJECT_ROOT to the folder of the Meltano project."
    )


def _executable(root: Path) -> str:
    own = root / ".venv" / "bin" / "meltano"
    found = str(own) if own.is_file() else shutil.which("meltano")
    if found is None:
        raise MeltanoError(
            f"There is no {own} and no meltano in PATH: set MELTANO_EXECUTABLE to its path."
        )
    return found


def _number(environment: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    given = environment.get(name) or str(default)
    if not given.isdecimal() or int(given) not in allowed:
        raise MeltanoError(
            f"{name} must be an integer from {allowed[0]} to {allowed[-1]}, but is {given!r}."
        )
    return int(given)
