"""This repository as a Meltano project."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[2]


def meltano(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """Run Meltano's command in a folder; give what it prints."""
    ended = subprocess.run(
        [COMMANDS / "meltano", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout
