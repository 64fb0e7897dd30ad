"""This repository as a Meltano project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commands import call

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[2]
CONNECTORS = sorted(path.parent.name for path in PROJECT.glob("*/meltano-hub.yml"))


def meltano(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """Run Meltano's command in a folder; give what it prints."""
    ended = call("meltano", *arguments, cwd=folder, env=environment, timeout=300)
    assert ended.code == 0, ended.stderr[-3000:]
    return ended.stdout
