"""A Segment warehouse in PostgreSQL, and meltanolabs-tap-postgres to read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import run

if TYPE_CHECKING:
    from postgres import Database

    Messages = dict[str, list[dict[str, Any]]]

TABLES = Path(__file__).with_name("warehouse.sql")


def warehouse(server: Database) -> Database:
    """Make a database with the warehouse's tables, and somebody else's, in it."""
    database = server.create()
    database.run(TABLES.read_text())
    return database


def read(tap: str, folder: Path, database: Database, **settings: Any) -> Messages:
    """Run the tap on all tables; give the SCHEMA and the RECORDs of each stream."""
    config = {**database.settings, "filter_schemas": ["web_app", "shop"], **settings}
    catalog = json.loads(run(tap, folder, config, "--discover").stdout)
    for stream in catalog["streams"]:
        [own] = [part["metadata"] for part in stream["metadata"] if not part["breadcrumb"]]
        own["selected"] = True
    (folder / "catalog.json").write_text(json.dumps(catalog))
    ended = run(tap, folder, config, "--catalog", "catalog.json")
    assert ended.code == 0, ended.stderr[-3000:]
    streams: Messages = {}
    for message in ended.messages:
        if message["type"] != "STATE":
            streams.setdefault(message["stream"], []).append(message)
    return streams
