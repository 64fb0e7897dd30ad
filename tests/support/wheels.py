"""The packages as they are published: built, and installed where nothing else is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

from commands import COMMANDS
from project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

NEEDS = {
    "singer-delivery": (),
    "tap-moesif": ("singer-delivery",),
    "target-segment": ("singer-delivery",),
    "target-moesif": ("singer-delivery",),
    "sandbox": (),
}
"""Each package's folder, and those of ours that it needs."""
RESOLUTIONS = {
    "pinned": ("--constraint", "constraints.txt"),
    "lowest": ("--resolution", "lowest-direct"),
}


def build(folder: Path, built: Path | None = None) -> dict[str, Path]:
    """Build each package as it is published, its wheel out of its source distribution.

    Those that have been `built` already are taken as they are.
    """
    if built:
        for wheel in built.glob("*.whl"):
            shutil.copy(wheel, folder)
    wheels = {}
    for package in NEEDS:
        name = tomllib.loads((PROJECT / package / "pyproject.toml").read_text())["project"]["name"]
        file = f"{name.replace('-', '_')}-*.whl"
        if not [*folder.glob(file)]:
            assert built is None or package == "sandbox", f"{built} has no wheel of {package}"
            _uv("build", package, "--out-dir", str(folder))
        [wheels[package]] = folder.glob(file)
    return wheels


def install(folder: Path, wheels: dict[str, Path], package: str, resolution: str) -> Path:
    """Install one package's wheel and what it needs in an empty environment.

    Returns:
        Where its commands are.
    """
    environment = folder / f"{package}-{resolution}"
    packages = (package, *NEEDS[package])
    _uv("venv", "--python", sys.executable, str(environment))
    _uv(
        *("pip", "install", "--python", str(environment), *RESOLUTIONS[resolution]),
        *("--find-links", str(wheels[package].parent)),
        *(f"--requirement={name}/pyproject.toml" for name in packages),
        *(str(wheels[name]) for name in packages),
    )
    return environment / "bin"


def _uv(*arguments: str) -> None:
    ended = subprocess.run(
        [COMMANDS / "uv", "--quiet", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
