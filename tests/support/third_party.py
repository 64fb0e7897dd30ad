"""Connectors and tools of others, each installed in an environment of its own.

They need not share our dependencies, and users keep them apart as well.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from commands import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = {
    "dagster": "dagster==1.13.28",
    "hera": "hera==7.1.0",
    "kubernetes-validate": "kubernetes-validate==1.37.0",
    "meltano-map-transform": "meltano-map-transform==0.12.3",
    "podman-compose": "podman-compose==1.6.0",
    "prefect": "prefect==3.9.1",
    "tap-postgres": "meltanolabs-tap-postgres==0.10.0",
    "target-jsonl": "target-jsonl==0.1.4",
    "target-postgres": "meltanolabs-target-postgres==0.8.1",
}
"""A command, and the package that brings it; hera brings none but Python's."""


class NotInstalledError(Exception):
    """The package could not be installed; the message says why."""


def installed(command: str, folder: Path) -> str:
    """Install a connector or a tool below a folder.

    Returns:
        Where its command is.

    Raises:
        NotInstalledError: There is no registry within reach, for instance.
    """
    environment = folder / command
    for arguments in (
        ("venv", "--python", sys.executable, str(environment)),
        ("pip", "install", "--python", str(environment), PACKAGES[command]),
    ):
        ended = subprocess.run(
            [COMMANDS / "uv", "--quiet", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if ended.returncode != 0:
            why = " ".join(ended.stderr.split())
            raise NotInstalledError(f"{PACKAGES[command]} cannot be installed: {why}")
    return str(environment / "bin" / command)
