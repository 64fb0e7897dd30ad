"""Meltano's schedules, asked for once and kept until the project's files change.

Airflow reads the DAG files every half minute, and once more for each task. So the list stands in a
file, with a digest of what it was made of; that file is replaced whole, and whatever else it holds
counts as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import yaml

from meltano_airflow.errors import MeltanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Schedule:
    """One of Meltano's schedules.

    Attributes:
        name: Its name.
        cron: When it is due; None where nothing starts it.
        arguments: Of `meltano`, to run it.
        plugins: That take part.
        environment: The variables that it sets.
    """

    name: str
    cron: str | None
    arguments: Sequence[str]
    plugins: Sequence[str]
    environment: Mapping[str, str]

    @classmethod
    def of_job(cls, entry: Mapping[str, Any]) -> Schedule:
        """Read a schedule of a job."""
        job = entry["job"]
        steps = [step for task in job["tasks"] for step in _steps(task)]
        return cls(
            entry["name"],
            _cron(entry),
            ("run", job["name"]),
            tuple(dict.fromkeys(steps)),
            _env(entry),
        )

    @classmethod
    def of_elt(cls, entry: Mapping[str, Any]) -> Schedule:
        """Read a schedule of an extractor and a loader, which Meltano has of old."""
        arguments = entry["elt_args"]
        return cls(
            entry["name"], _cron(entry), ("elt", *arguments), tuple(arguments[:2]), _env(entry)
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """What schedules there are.

    Attributes:
        schedules: All of them.
        warning: Why they may not be today's; empty where they are.
    """

    schedules: Sequence[Schedule]
    warning: str = ""


def listed(root: Path, cache: Path, ask: Callable[[], str]) -> Listed:
    """List the schedules, from the cache where the project's files are those that it was made of.

    Args:
        root: Of the project.
        cache: A file.
        ask: Gives what `meltano schedule list --format=json` prints.

    Raises:
        MeltanoError: Meltano cannot list them, and never could.
    """
    made_of = digest(root)
    kept = _kept(cache)
    if kept and kept["made_of"] == made_of:
        return Listed(read(kept["schedules"]))
    try:
        found = json.loads(ask())["schedules"]
        schedules = read(found)
    except (MeltanoError, ValueError, LookupError, TypeError) as error:
        if not kept:
            raise MeltanoError(f"Meltano cannot list its schedules: {error}") from error
        return Listed(
            read(kept["schedules"]),
            f"Meltano cannot list its schedules any more, so these are of before: {error}",
        )
    _keep(cache, {"made_of": made_of, "schedules": found})
    return Listed(schedules)


def read(found: Mapping[str, Any]) -> list[Schedule]:
    """Read Meltano's list.

    Raises:
        LookupError: A part of the list is missing.
        TypeError: A part of it has another type.
    """
    return [
        *map(Schedule.of_job, found["job"]),
        *map(Schedule.of_elt, found.get("elt", [])),
    ]


def digest(root: Path) -> str:
    """Give a digest of `meltano.yml` and the files that it includes."""
    main = root / "meltano.yml"
    content = main.read_bytes()
    digested = hashlib.sha256(content)
    for file in sorted({file for pattern in _includes(content) for file in root.glob(pattern)}):
        if file != main and file.is_file():
            digested.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digested.hexdigest()


def _includes(content: bytes) -> list[str]:
    """Find the patterns of included files; in a file that is no good, Meltano says so later."""
    try:
        project = yaml.safe_load(content)
        return [str(pattern) for pattern in project.get("include_paths") or []]
    except (yaml.YAMLError, AttributeError, TypeError):
        return []


def _kept(cache: Path) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(cache.read_bytes())
        read(kept["schedules"])
        return kept if isinstance(kept["made_of"], str) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _keep(cache: Path, content: Mapping[str, Any]) -> None:
    """Replace the cache; where that is not allowed, Meltano is asked each time."""
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=cache.parent, delete=False) as file:
            json.dump(content, file)
        os.replace(file.name, cache)  # noqa: PTH105


def _steps(task: str | Sequence[str]) -> Sequence[str]:
    return task.split() if isinstance(task, str) else task


def _cron(entry: Mapping[str, Any]) -> str | None:
    """Say when it is due, as Airflow has it: `@once` too, but nothing for what runs by hand."""
    interval = entry["interval"]
    return "@once" if interval == "@once" else entry["cron_interval"] or None


def _env(entry: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in (entry.get("env") or {}).items()}
