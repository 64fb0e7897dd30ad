"""Imports between the rooms of singer-delivery go one way."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import singer_delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(singer_delivery.__file__).parent

ROOMS = [
    *("errors", "values", "files", "http", "nested_names", "config", "options"),
    *("state", "fingerprints", "removals", "buckets", "output", "rejects", "sending", "reporting"),
    *("reading", "sdk", "routing", "settings", "checking"),
    *("records", "delivery", "build", "command", "target", "testing"),
]
"""From the inside out: each may use those before it."""

MOST_MODULES = 15


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(module: Path) -> Iterator[str]:
    """Name the rooms that a module imports at run time."""
    tree = ast.parse(module.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            package, *rest = str(node.module).split(".")
            if package == "singer_delivery":
                yield rest[0] if rest else node.names[0].name


def test_a_room_uses_only_those_further_in() -> None:
    wrong = [
        f"{module.relative_to(PACKAGE)} uses {other}"
        for module in PACKAGE.rglob("*.py")
        if (room := room_of(module)) in ROOMS
        for other in imported(module)
        if ROOMS.index(other) > ROOMS.index(room)
    ]

    assert wrong == []


def test_every_module_is_in_a_room() -> None:
    assert {room_of(module) for module in PACKAGE.rglob("*.py")} == {*ROOMS, "__init__"}


def test_a_room_holds_what_can_be_surveyed() -> None:
    for folder in [PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_dir())]:
        assert len([*folder.glob("*.py")]) <= MOST_MODULES, folder
