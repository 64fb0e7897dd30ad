from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import pytest

from postgres import Database, NoPostgresError, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

# A slow machine is no failure, and tests here are run side by side.
hypothesis.settings.register_profile("side_by_side", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=10)
hypothesis.settings.load_profile("side_by_side")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "database_server" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _fresh_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("fresh_process"):
        monkeypatch.setenv("FRESH_PROCESSES", "1")


@pytest.fixture(scope="session")
def database_server() -> Iterator[Database]:
    try:
        with postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def _only_database(database_server: Database) -> Database:
    return database_server.create()


@pytest.fixture
def database(_only_database: Database) -> Database:
    """An empty database, the test's own."""
    _only_database.clear()
    return _only_database
