"""A Segment warehouse in PostgreSQL, read by a tap that nobody here wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commands import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from postgres import Database

    Messages = dict[str, list[dict[str, Any]]]

pytestmark = pytest.mark.timeout(600)  # the first one also installs the tap

WAREHOUSE = Path(__file__).with_name("warehouse.sql")


def warehouse(server: Database) -> Database:
    """Make a database with the warehouse's tables in it."""
    database = server.create()
    database.run(WAREHOUSE.read_text())
    return database


@pytest.fixture(scope="module")
def read(
    third_party: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Messages]:
    """Reads a whole warehouse, each stream by its name."""
    command, folder = third_party("tap-postgres"), tmp_path_factory.mktemp("warehouse")

    def read(database: Database, **settings: Any) -> Messages:
        config = {**database.settings, "filter_schemas": ["web_app", "shop"], **settings}
        catalog = json.loads(run(command, folder, config, "--discover").stdout)
        for stream in catalog["streams"]:
            [own] = [part["metadata"] for part in stream["metadata"] if not part["breadcrumb"]]
            own["selected"] = True
        (folder / "catalog.json").write_text(json.dumps(catalog))
        ended = run(command, folder, config, "--catalog", "catalog.json")
        assert ended.code == 0, ended.stderr[-3000:]
        streams: Messages = {}
        for message in ended.messages:
            if message["type"] != "STATE":
                streams.setdefault(message["stream"], []).append(message)
        return streams

    return read


@pytest.fixture(scope="module")
def tables(read: Callable[..., Messages], database_server: Database) -> Messages:
    return read(warehouse(database_server))


def test_the_tap_gives_what_a_warehouse_is_known_by(tables: Messages) -> None:
    assert tables.keys() >= {"web_app-identifies", "web_app-login_button_clicked", "shop-users"}
    schema, *records = tables["web_app-identifies"]
    columns = schema["schema"]["properties"]
    assert columns["received_at"] == {"format": "date-time", "type": ["string", "null"]}
    assert columns["context_location_latitude"] == {"type": ["number", "null"]}

    known, visitor = (message["record"] for message in records)
    assert known["timestamp"] == "2026-01-31T17:30:04.373000+05:30"
    assert known["uuid"] == 2**53 + 1
    assert known["preferences"] == {
        "theme": "dark",
        "nested": {"depth": 2},
        "list": [1, None],
    }
    assert known["tags"] == '["a","b"]'
    assert visitor.keys() == columns.keys()
    assert visitor["user_id"] is None
