"""Checks that versions, changelog and address agree with a release's tag, and prints its notes.

    python tools/release.py v0.1.0 --repository https://git.example/singer-moesif-segment

Prints a sentence for each problem on standard error, and exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTION = re.compile(
    r"^## \[(?P<version>[^]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?\n(?P<notes>.*?)(?=^## \[|\Z)",
    re.MULTILINE | re.DOTALL,
)
"""A version's section in the changelog."""


def problems(root: Path, tag: str, repository: str | None) -> Iterator[str]:
    """Yield a sentence for each problem.

    `repository` is the address of the repository of the release, if known.
    """
    version = tag.removeprefix("v")
    if tag == version:
        yield f"The tag {tag} does not begin with a v; tag v{version} instead."
    for path in sorted(root.glob("*/pyproject.toml")):
        found = _toml(path)["project"]["version"]
        if found != version:
            where = path.relative_to(root)
            yield f"{where} has version {found}; set {version} there, or tag v{found}."
    if not notes(root, version):
        yield f"CHANGELOG.md has no notes under `## [{version}] - YYYY-MM-DD`; move them there."
    if notes(root, "Unreleased"):
        yield "CHANGELOG.md still has notes under Unreleased; move them to this release."
    stated = _toml(root / "pyproject.toml")["tool"]["repository"]["url"]
    if repository not in {None, stated}:
        yield (
            f"tool.repository.url in pyproject.toml is {stated}, but it should be {repository}; "
            "change it, run `make settings`, and commit."
        )


def notes(root: Path, version: str) -> str:
    """Return the changelog's section of a version; empty if there is none with a date."""
    for section in SECTION.finditer((root / "CHANGELOG.md").read_text()):
        if section["version"] == version and (section["date"] or version == "Unreleased"):
            return section["notes"].strip()
    return ""


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def main() -> None:
    """Check a release, and print its notes."""
    parser = argparse.ArgumentParser(description="Check a release, and print its notes.")
    parser.add_argument("tag", help="such as v0.1.0")
    parser.add_argument("--repository", help="address of the repository")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="root folder")
    wanted = parser.parse_args()
    if found := [*problems(wanted.root, wanted.tag, wanted.repository)]:
        sys.exit("\n".join(found))
    print(notes(wanted.root, wanted.tag.removeprefix("v")))


if __name__ == "__main__":
    main()
