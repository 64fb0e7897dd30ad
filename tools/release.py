"""Checks that everything agrees with a release's tag, and prints the release's notes.

    python tools/release.py v0.1.0 --repository https://git.example/singer-moesif-segment

What does not agree is said in a sentence each, on standard error, and the exit code is 1.
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
    """Yield a sentence for each thing that does not agree with a tag.

    `repository` is the address that the release is made from, where it is known.
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
            f"pyproject.toml says that the repository is at {stated}, but it is at {repository}; "
            "set tool.repository.url, run `make settings`, and commit."
        )


def notes(root: Path, version: str) -> str:
    """Return what the changelog says of a version; nothing where it has no dated section."""
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
    parser.add_argument("--repository", help="the address that the release is made from")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="of the files")
    wanted = parser.parse_args()
    if found := [*problems(wanted.root, wanted.tag, wanted.repository)]:
        sys.exit("\n".join(found))
    print(notes(wanted.root, wanted.tag.removeprefix("v")))


if __name__ == "__main__":
    main()
