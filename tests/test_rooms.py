"""Imports between the rooms of a package go one way, as the design says."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import moesif_sandbox.moesif
import singer_delivery
import tap_moesif
from project import CONNECTORS, PROJECT
from tap_moesif.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

MOST_MODULES = 15


@dataclass(frozen=True)
class House:
    """A package.

    Attributes:
        package: It.
        rooms: From the inside out: each may use those before it.
        beside: Modules that belong to a room without standing in it.
    """

    package: ModuleType
    rooms: list[str]
    beside: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return Path(str(self.package.__file__)).parent

    @property
    def modules(self) -> Iterator[Path]:
        return self.folder.rglob("*.py")

    def room_of(self, module: Path) -> str:
        name = module.relative_to(self.folder).parts[0].removesuffix(".py")
        return self.beside.get(name, name)

    def imported(self, module: Path) -> Iterator[str]:
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
                assert not node.level, "imports are absolute"
                package, _, rest = f"{node.module}.".partition(f"{self.package.__name__}.")
                if not package:
                    name = rest.split(".")[0] or node.names[0].name
                    yield self.beside.get(name, name)


HOUSES = [
    House(
        singer_delivery,
        [
            *("errors", "values", "files", "http", "nested_names", "config", "options"),
            *("state", "fingerprints", "removals", "buckets", "output", "rejects", "sending"),
            *("reporting", "reading", "sdk", "routing", "settings", "checking"),
            *("records", "lane_reports", "delivery", "build", "command", "running"),
            *("target", "testing"),
        ],
    ),
    House(
        tap_moesif,
        [
            *("errors", "records", "service", "usage", "sync", "sdk", "streams", "windows"),
            *("contact", "checking", "command", "tap"),
        ],
        {"environment": "sdk", "memory": "command", "settings": "tap"},
    ),
    House(
        moesif_sandbox,
        [
            *("times", "web", "faults", "settings", "moesif", "segment", "seed", "traffic"),
            *("state", "control", "page", "app", "command"),
        ],
    ),
    House(
        moesif_sandbox.moesif,
        ["search", "listings", "places", "account", "collector", "api"],
    ),
]
each = pytest.mark.parametrize("house", HOUSES, ids=lambda house: house.package.__name__)


@each
def test_a_room_uses_only_those_further_in(house: House) -> None:
    wrong = [
        f"{module.relative_to(house.folder)} uses {other}"
        for module in house.modules
        if (room := house.room_of(module)) in house.rooms
        for other in house.imported(module)
        if house.rooms.index(other) > house.rooms.index(room)
    ]

    assert wrong == []


@each
def test_every_module_is_in_a_room(house: House) -> None:
    found = {house.room_of(module) for module in house.modules}

    assert found - {"__init__", "__main__"} == {*house.rooms}


@each
def test_a_room_holds_what_can_be_surveyed(house: House) -> None:
    """Streams are found by their names, so there may be any number of them."""
    streams = {stream.__module__.rpartition(".")[2] for stream in STREAMS}
    for folder in {module.parent for module in house.modules}:
        modules = {module.stem for module in folder.glob("*.py")}
        assert len(modules - streams if folder.name == "streams" else modules) <= MOST_MODULES


def test_the_sandbox_and_the_connectors_share_no_code() -> None:
    """So it can disagree with them."""
    packages = [*CONNECTORS, "singer-delivery"]
    for module in (PROJECT / "sandbox" / "moesif_sandbox").rglob("*.py"):
        text = module.read_text()
        assert not re.search(imports_of(*(name.replace("-", "_") for name in packages)), text)
    for package in packages:
        for module in (PROJECT / package).rglob("*.py"):
            assert not re.search(imports_of("moesif_sandbox"), module.read_text()), module


def imports_of(*packages: str) -> str:
    return rf"(?m)^\s*(from|import) ({'|'.join(packages)})\b"
