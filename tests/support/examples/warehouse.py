"""A Segment warehouse in PostgreSQL, and meltanolabs-tap-postgres to read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalogs import all_selected
from commands import run

if TYPE_CHECKING:
    from postgres import Database

    Lines = dict[str, list[str]]

TABLES = Path(__file__).with_name("warehouse.sql")


def warehouse(server: Database) -> Database:
    """Make a database with the warehouse's tables, and somebody else's, in it."""
    database = server.create()
    database.run(TABLES.read_text())
    return database


def read(tap: str, folder: Path, database: Database, **settings: Any) -> Lines:
    """Run the tap on all tables; give its SCHEMA and RECORD lines, by their streams."""
    config = {**database.settings, "filter_schemas": ["web_app", "shop", "app", "PROD"], **settings}
    discovered = run(tap, folder, config, "--discover")
    (folder / "catalog.json").write_text(all_selected(discovered.stdout))
    ended = run(tap, folder, config, "--catalog", "catalog.json")
    assert ended.code == 0, ended.stderr[-3000:]
    streams: Lines = {}
    for line, message in zip(ended.lines, ended.messages, strict=True):
        if message["type"] != "STATE":
            streams.setdefault(message["stream"], []).append(line)
    return streams
