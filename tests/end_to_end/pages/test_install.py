"""The README's ways to install, each run as it is written, where nothing of ours is installed.

The wheels that are built here are the index's, and a clone of this repository is the one at the
address that the README shows.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from commands import COMMANDS
from project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(600)]
PUBLISHED = ("singer-delivery", "tap-moesif", "target-segment", "target-moesif")
README = (PROJECT / "README.md").read_text()
WAYS = re.findall(r"^```sh\n(pip install .*?)^```$", README, re.MULTILINE | re.DOTALL)


def told(pyproject: str) -> dict[str, Any]:
    return tomllib.loads((PROJECT / pyproject).read_text())


REPOSITORY = told("pyproject.toml")["tool"]["repository"]["url"]
VERSION = told("tap-moesif/pyproject.toml")["project"]["version"]


def done(*command: str | Path, **options: str) -> str:
    ended = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **options},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has what the packages need, and pip."""
    folder = tmp_path_factory.mktemp("environment")
    done(COMMANDS / "uv", "venv", "--quiet", "--seed", "--python", sys.executable, folder)
    needs = ("pip", "install", "--quiet", "--constraint", "constraints.txt", "--python", folder)
    done(COMMANDS / "uv", *needs, "isal", "singer-sdk")
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which this version is tagged."""
    clone = tmp_path_factory.mktemp("repository")
    done("git", "clone", "--quiet", "--bare", PROJECT, clone)
    done("git", "-C", clone, "tag", "--force", f"v{VERSION}")
    return clone


@pytest.mark.parametrize("way", WAYS, ids=["index", "git", "checkout"])
def test_it_installs_as_the_readme_says(
    environment: Path, repository: Path, wheels: dict[str, Path], way: str
) -> None:
    commands = environment / "bin"
    uninstalled = ("pip", "uninstall", "--quiet", "--python", environment, *PUBLISHED)
    done(COMMANDS / "uv", *uninstalled)
    done(
        *("bash", "-euo", "pipefail", "-c", way),
        PATH=f"{commands}:{os.environ['PATH']}",
        PIP_CONSTRAINT=str(PROJECT / "constraints.txt"),
        PIP_FIND_LINKS=str(wheels["tap-moesif"].parent),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.file://{repository}.insteadOf",
        GIT_CONFIG_VALUE_0=REPOSITORY,
    )
    for connector in ("tap-moesif", "target-segment", "target-moesif"):
        said = done(commands / connector, "--version", PYTHONPATH="", PYTHONSAFEPATH="1")
        assert said.startswith(f"{connector} v{VERSION},")
