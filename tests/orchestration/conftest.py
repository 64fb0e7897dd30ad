from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from meltano_airflow.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Fake:
    """A project whose Meltano is a script of the test's."""

    folder: Path

    @property
    def script(self) -> Path:
        return self.folder / "meltano"

    def does(self, script: str) -> None:
        """Say what Meltano does; `say` writes a line where `said` finds it."""
        head = (
            f"#!{sys.executable}\n"
            "import json, os, signal, subprocess, sys, time\n"
            "from pathlib import Path\n"
            "def say(*words):\n"
            f"    print(*words, file=open({str(self.folder / 'said')!r}, 'a'), flush=True)\n"
        )
        self.script.write_text(head + script, "utf-8")
        self.script.chmod(self.script.stat().st_mode | stat.S_IXUSR)

    def said(self) -> list[str]:
        file = self.folder / "said"
        return file.read_text().splitlines() if file.exists() else []

    def project(self, **environment: str) -> Project:
        return Project.here(
            {**os.environ, "MELTANO_EXECUTABLE": str(self.script), **environment}, self.folder
        )


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    (tmp_path / "meltano.yml").write_text("version: 1\n", "utf-8")
    return Fake(tmp_path)


@pytest.fixture
def job() -> Callable[..., dict[str, Any]]:
    """Makes what `meltano schedule list` prints of a job."""

    def entry(name: str, interval: str = "@hourly", **more: Any) -> dict[str, Any]:
        cron = {"@hourly": "0 * * * *", "@once": None, "@manual": None}.get(interval, interval)
        job = {"name": f"{name}-job", "tasks": ["tap-moesif target-segment"]}
        given = {"name": name, "interval": interval, "cron_interval": cron, "env": {}, "job": job}
        return {**given, **more}

    return entry
