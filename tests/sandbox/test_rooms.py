"""Imports between the sandbox's rooms go one way, and none leads to or from the connectors."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from project import CONNECTORS, PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SANDBOX = PROJECT / "sandbox" / "moesif_sandbox"
ROOMS = {
    SANDBOX: ["times", "web", "faults", "settings", "moesif", "segment", "seed", "traffic",
              "state", "control", "page", "app", "command"],
    SANDBOX / "moesif": ["search", "listings", "places", "account", "collector", "api"],
}  # fmt: skip
"""From the inside out: each may use those before it."""

MOST_MODULES = 15


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("folder", ROOMS, ids=lambda folder: folder.name)
def test_a_room_uses_only_those_further_in(folder: Path) -> None:
    rooms, package = ROOMS[folder], ".".join(folder.relative_to(SANDBOX.parent).parts) + "."
    used = {
        (module.relative_to(folder).parts[0].removesuffix(".py"), name.split(".")[0])
        for module in folder.rglob("*.py")
        for name in (name.removeprefix(package) for name in imported(module) if package in name)
    }
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {*rooms} == {name for name in found if not name.startswith("__")}
    assert [(room, other) for room, other in used if rooms.index(other) > rooms.index(room)] == []


def test_the_sandbox_and_the_connectors_share_no_code() -> None:
    packages = [*CONNECTORS, "singer-delivery"]
    names = {name.replace("-", "_") for name in packages}
    for module in SANDBOX.rglob("*.py"):
        assert not names & {name.split(".")[0] for name in imported(module)}, module
    for package in packages:
        for module in (PROJECT / package).rglob("*.py"):
            assert "moesif_sandbox" not in {name.split(".")[0] for name in imported(module)}, module


def test_a_room_holds_what_can_be_surveyed() -> None:
    for folder in {path.parent for path in SANDBOX.rglob("*.py")}:
        assert len([*folder.glob("*.py")]) <= MOST_MODULES, folder
