"""A tag is released only where everything agrees with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

from project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "9.8.7"
CHANGELOG = f"""# Changelog

## [Unreleased]

## [{VERSION}] - 2026-12-24

### Added
- A stream.

## [0.1.0] - 2026-11-28

### Added
- Everything else.
"""
REPOSITORY = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["repository"]["url"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What is looked at, ready for the version to be released."""
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    for path in PROJECT.glob("*/pyproject.toml"):
        copied = tmp_path / path.relative_to(PROJECT)
        copied.parent.mkdir()
        ready = re.sub(r'(?m)^version = ".*"$', f'version = "{VERSION}"', path.read_text())
        copied.write_text(ready)
    return tmp_path


def release(
    root: Path, tag: str = f"v{VERSION}", repository: str = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    arguments = ("--repository", repository, "--root", root)
    return subprocess.run(
        [sys.executable, PROJECT / "tools" / "release.py", tag, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_where_everything_agrees_the_notes_are_the_versions_own(root: Path) -> None:
    ended = release(root)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "### Added\n- A stream.\n"


def test_a_tag_without_its_v_is_refused(root: Path) -> None:
    ended = release(root, VERSION)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"tag v{VERSION} instead" in ended.stderr


def test_each_package_of_another_version_is_named(root: Path) -> None:
    ended = release(root, "v9.8.8")
    assert ended.returncode == 1
    named = re.findall(r"^(\S+)/pyproject.toml has version 9.8.7", ended.stderr, re.MULTILINE)
    assert named == sorted(path.parent.name for path in PROJECT.glob("*/pyproject.toml"))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (f"## [{VERSION}] - 2026-12-24", f"## [{VERSION}]", "no notes under `## [9.8.7] - YYYY"),
        ("### Added\n- A stream.\n", "", "no notes under `## [9.8.7] - YYYY"),
        ("## [Unreleased]\n", "## [Unreleased]\n- Left.\n", "still has notes under Unreleased"),
    ],
    ids=["undated", "empty", "unreleased"],
)
def test_a_changelog_that_was_not_cut_is_refused(
    root: Path, before: str, after: str, said: str
) -> None:
    (root / "CHANGELOG.md").write_text(CHANGELOG.replace(before, after))
    ended = release(root)
    assert ended.returncode == 1
    assert said in ended.stderr


def test_an_address_that_is_not_the_repositorys_is_refused(root: Path) -> None:
    ended = release(root, repository="https://git.example/a-fork")
    assert ended.returncode == 1
    assert f"is {REPOSITORY}, but it should be https://git.example/a-fork" in ended.stderr


def test_every_make_target_that_a_workflow_runs_is_there() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    runs = [
        step["run"]
        for path in (PROJECT / ".github" / "workflows").glob("*.yml")
        for job in yaml.safe_load(path.read_text())["jobs"].values()
        for step in job.get("steps", ())
        if "run" in step
    ]
    targets = {found for run in runs for found in re.findall(r"\bmake ([a-z-]+)", run)}
    assert {"sbom", "test-wheels", "test-lowest"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_published_package_is_built_tested_and_attested() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    [published] = re.findall(r"^PUBLISHED := (.*)$", makefile, re.MULTILINE)
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "release.yml").read_text())
    attested = workflow["jobs"]["attest"]["strategy"]["matrix"]["include"]
    assert [one["package"] for one in attested] == published.split()
    assert [one["files"] for one in attested] == published.replace("-", "_").split()
