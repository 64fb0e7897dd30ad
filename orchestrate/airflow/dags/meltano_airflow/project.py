"""Where Meltano and its project are on this machine, and how Airflow is to treat its runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meltano_airflow.errors import MeltanoError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOESIF_QUERIES_A_MINUTE = 500
"""Moesif's limit ("Management API", "Rate limits"), and so the slots of the pool."""


@dataclass(frozen=True, slots=True)
class Project:
    """A Meltano project, as this machine has it.

    Attributes:
        root: The folder of `meltano.yml`.
        executable: Meltano's command.
        cache: Where the list of schedules is kept.
        environment: The variables that Meltano is to see.
    """

    root: Path
    executable: Path
    cache: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls, environment: Mapping[str, str], dags: Path) -> Project:
        """Find the project.

        Args:
            environment: This process's variables; README.md lists those that count.
            dags: The folder of the DAG files: the project may be around it.

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
    """How Airflow is to treat runs.

    Attributes:
        retries: How often a run that failed is repeated.
        retry_seconds: How long to wait before the first time; twice as long before each next.
        pool: That shares Moesif's queries; its slots are queries a minute.
        queries: That one run may send in a minute, which is how many slots it takes.
    """

    retries: int
    retry_seconds: int
    pool: str
    queries: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Runs:
        """Read the variables.

        Raises:
            MeltanoError: One is no number, or out of its range.
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
            f"{name} must be a whole number from {allowed[0]} to {allowed[-1]}, but is {given!r}."
        )
    return int(given)
