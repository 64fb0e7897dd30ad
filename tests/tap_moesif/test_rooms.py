"""Imports between the rooms go one way, as the design says."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import tap_moesif

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(tap_moesif.__file__).parent

ROOMS = [
    *("records", "service", "usage", "sync", "sdk", "streams", "windows"),
    *("contact", "checking", "command", "tap"),
]
"""From the inside out: each may use those before it."""

BESIDE = {"environment": "sdk", "memory": "command", "settings": "tap"}
"""Modules that belong to a room without standing in it."""

MOST_MODULES = 15


def room_of(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return BESIDE.get(name, name)


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
            if package == "tap_moesif":
                name = rest[0] if rest else node.names[0].name
                yield BESIDE.get(name, name)


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
    assert {room_of(module) for module in PACKAGE.rglob("*.py")} == {
        *ROOMS,
        "__init__",
        "__main__",
    }


def test_a_room_holds_what_can_be_surveyed() -> None:
    for folder in [PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_dir())]:
        assert len([*folder.glob("*.py")]) <= MOST_MODULES, folder
