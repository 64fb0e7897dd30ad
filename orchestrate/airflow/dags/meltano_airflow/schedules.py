"""Meltano's schedules, cached until the project's files change.

Airflow reads the DAG files every half minute, and again for each task. So the list is cached in a
file, with a digest of its sources. The file is replaced atomically; invalid content is ignored.
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
        name: Name of the schedule.
        cron: Cron expression; None if it is only run by hand.
        arguments: Arguments of `meltano` to run it.
        plugins: The plugins that it runs.
        environment: Its environment variables.
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
        """Read a schedule of an extractor and a loader, Meltano's older form."""
        arguments = entry["elt_args"]
        return cls(
            entry["name"], _cron(entry), ("elt", *arguments), tuple(arguments[:2]), _env(entry)
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """The list of schedules.

    Attributes:
        schedules: All schedules.
        warning: Why they may be out of date; empty if they are not.
    """

    schedules: Sequence[Schedule]
    warning: str = ""


def listed(root: Path, cache: Path, list_schedules: Callable[[], str]) -> Listed:
    """List the schedules, from the cache if the project's files have not changed.

    Args:
        root: The folder of the project.
        cache: The cache file.
        list_schedules: Returns the output of `meltano schedule list --format=json`.

    Raises:
        MeltanoError: Meltano cannot list them, and there is no cache.
    """
    made_of = digest(root)
    kept = _kept(cache)
    if kept and kept["made_of"] == made_of:
        return Listed(read(kept["schedules"]))
    try:
        found = json.loads(list_schedules())["schedules"]
        schedules = read(found)
    except (MeltanoError, ValueError, LookupError, TypeError) as error:
        if not kept:
            raise MeltanoError(f"Meltano cannot list its schedules: {error}") from error
        return Listed(
            read(kept["schedules"]),
            f"Meltano cannot list its schedules, so these may be out of date: {error}",
        )
    _keep(cache, {"made_of": made_of, "schedules": found})
    return Listed(schedules)


def read(found: Mapping[str, Any]) -> list[Schedule]:
    """Read Meltano's list.

    Raises:
        LookupError: A part of the list is missing.
        TypeError: A part of it has an unexpected type.
    """
    return [
        *map(Schedule.of_job, found["job"]),
        *map(Schedule.of_elt, found.get("elt", [])),
    ]


def digest(root: Path) -> str:
    """Return a digest of `meltano.yml` and the files that it includes."""
    main = root / "meltano.yml"
    content = main.read_bytes()
    digested = hashlib.sha256(content)
    for file in sorted({file for pattern in _includes(content) for file in root.glob(pattern)}):
        if file != main and file.is_file():
            digested.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digested.hexdigest()


def _includes(content: bytes) -> list[str]:
    """Return the patterns of included files; Meltano itself reports an invalid file later."""
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
    """Replace the cache; if that fails, Meltano lists the schedules each time."""
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=cache.parent, delete=False) as file:
            json.dump(content, file)
        os.replace(file.name, cache)  # noqa: PTH105


def _steps(task: str | Sequence[str]) -> Sequence[str]:
    return task.split() if isinstance(task, str) else task


def _cron(entry: Mapping[str, Any]) -> str | None:
    """Return a schedule's cron expression for Airflow, or `@once`; None if run by hand."""
    interval = entry["interval"]
    return "@once" if interval == "@once" else entry["cron_interval"] or None


def _env(entry: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in (entry.get("env") or {}).items()}
