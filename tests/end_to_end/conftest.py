from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import pytest

from commands import Sandbox, sandbox
from machine import Machine
from project import PROJECT
from third_party import NotInstalledError, installed
from warehouse import read, warehouse
from wheels import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from postgres import Database
    from warehouse import Lines


SET_UP_ONCE = ("_machines", "wheels", "third_party")
"""Fixtures that take long: all tests that use one of them are run by one worker."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in SET_UP_ONCE:
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(fixture))
                break


@pytest.fixture(scope="session")
def _running() -> Iterator[Sandbox]:
    with sandbox("--users", "60", "--companies", "6") as services:
        yield services


@pytest.fixture
def services(_running: Sandbox) -> Sandbox:
    """A sandbox as it was seeded."""
    _running.reset()
    return _running


@pytest.fixture(scope="session")
def _machines(tmp_path_factory: pytest.TempPathFactory) -> list[Machine]:
    machines = [Machine(tmp_path_factory.mktemp(name)) for name in ("one", "other")]
    for machine in machines:
        machine.set_up("tap-moesif", "target-segment")
    return machines


@pytest.fixture
def machines(_machines: list[Machine], services: Sandbox) -> list[Machine]:
    """Two machines on which nothing has run yet."""
    for machine in _machines:
        machine.clear()
        machine.configure(services)
    return _machines


@pytest.fixture
def machine(machines: list[Machine]) -> Machine:
    return machines[0]


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Gives the path of a connector's command, installing it when it is first wanted."""

    @cache
    def command(name: str) -> str:
        try:
            return installed(name, tmp_path_factory.mktemp("third-party"))
        except NotInstalledError as error:
            pytest.skip(str(error))

    return command


@pytest.fixture(scope="session")
def tables(
    database_server: Database,
    third_party: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Lines:
    """What tap-postgres reads of a Segment warehouse: each table's lines."""
    folder = tmp_path_factory.mktemp("warehouse")
    return read(third_party("tap-postgres"), folder, warehouse(database_server))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each package's wheel: those in the folder WHEELS, and the others built now."""
    built = os.environ.get("WHEELS")
    return build(tmp_path_factory.mktemp("wheels"), PROJECT / built if built else None)


@pytest.fixture
def meltano_environment(services: Sandbox, tmp_path: Path) -> dict[str, str]:
    """What points a Meltano project at the sandbox, and its state at a folder of the test's."""
    return {
        "MELTANO_STATE_BACKEND_URI": f"file://{tmp_path}/state",
        "TAP_MOESIF_API_URL": f"{services.url}/moesif/api/v1",
        "TAP_MOESIF_MANAGEMENT_API_KEY": "sandbox-management-key",
        "TARGET_SEGMENT_HOST": f"{services.url}/segment",
        "TARGET_SEGMENT_CDN_URL": f"{services.url}/segment-cdn",
        "TARGET_SEGMENT_WRITE_KEY": "sandbox-write-key",
        "TARGET_MOESIF_API_URL": f"{services.url}/moesif/collector/v1",
        "TARGET_MOESIF_APPLICATION_ID": "sandbox-application-id",
    }
