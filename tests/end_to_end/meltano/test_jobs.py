"""The project's jobs with a Segment warehouse, and Meltano's own checks of its plugins."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from meltano.core.plugin_test_service import LoaderTestService

from commands import COMMANDS, Sandbox
from project import PROJECT, meltano
from warehouse import warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from meltano.core.plugin_invoker import PluginInvoker

    from postgres import Database

pytestmark = pytest.mark.xdist_group("project")


@pytest.fixture
def segments_tables(database_server: Database, meltano_environment: dict[str, str]) -> Database:
    """A warehouse that the project's tap-postgres reads."""
    database = warehouse(database_server)
    for name, value in database.settings.items():
        meltano_environment[f"TAP_POSTGRES_{name.upper()}"] = str(value)
    meltano_environment["TAP_POSTGRES_FILTER_SCHEMAS"] = '["web_app"]'
    return database


@pytest.mark.timeout(600)
def test_the_warehouses_job_sends_each_call_once(
    services: Sandbox, segments_tables: Database, meltano_environment: dict[str, str]
) -> None:
    meltano(PROJECT, meltano_environment, "run", "warehouse-to-segment")
    first = services.segment()
    assert {message["messageId"] for message in first["accepted"]} == {
        *("ajs-3f2c", "ajs-77aa", "ajs-g1", "ajs-p1", "ajs-a1"),
        "ajs-t1",  # of the event's own table: it has its properties
    }
    assert [m["properties"]["button"] for m in first["accepted"] if m["type"] == "track"] == [
        "header"
    ]

    segments_tables.run("""
        create table web_app.signed_up as
        select *, 'paid' as plan from web_app.tracks where event = 'signed_up'
    """)
    meltano(PROJECT, meltano_environment, "run", "warehouse-to-segment")
    again = services.segment()
    [added] = again["accepted"][6:]
    assert (added["event"], added["properties"]) == ("Signed Up ✓", {"plan": "paid"})
    assert again["counts"]["duplicates"] == 5, "the last row of each table is read again"


@pytest.mark.timeout(600)
def test_the_warehouses_job_into_moesif_leaves_out_what_has_no_place_there(
    services: Sandbox, segments_tables: Database, meltano_environment: dict[str, str]
) -> None:
    for table in ("login_button_clicked", "pages"):
        segments_tables.run(f"update web_app.{table} set timestamp = now()")
    meltano(PROJECT, meltano_environment, "run", "warehouse-to-moesif")
    received = services.collector()
    assert not received["refused"]
    actions = [action["action_name"] for action in received["accepted"]["actions"]]
    assert sorted(actions) == ["Login Button Clicked", "Viewed Pricing Page"]
    assert {user["user_id"] for user in received["accepted"]["users"]} == {"u1"}
    assert [company["company_id"] for company in received["accepted"]["companies"]] == ["c1"]


@pytest.mark.timeout(600)
def test_meltano_finds_the_tap_well_configured(meltano_environment: dict[str, str]) -> None:
    assert "is valid" in meltano(PROJECT, meltano_environment, "config", "test", "tap-moesif")


class Loader:
    """A loader of the project, as Meltano's test of loaders starts it."""

    capabilities: frozenset[str] = frozenset()

    def __init__(self, command: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plugin = self
        self.name = command
        self._config = config
        self._monkeypatch = monkeypatch

    async def invoke_async(self, **options: Any) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            COMMANDS / self.name, "--config", self._config, **options
        )
        # Meltano 4.4.1 terminates what it has seen end, which asyncio refuses more often than
        # not: then every loader fails its test.
        self._monkeypatch.setattr(process, "terminate", lambda: None)
        return process


@pytest.fixture
def configurations(services: Sandbox) -> dict[str, dict[str, Any]]:
    return {
        "target-segment": {
            "write_key": "sandbox-write-key",
            "host": f"{services.url}/segment",
            "cdn_url": f"{services.url}/segment-cdn",
        },
        "target-moesif": {
            "application_id": "sandbox-application-id",
            "api_url": f"{services.url}/moesif/collector/v1",
            "verify_application_id": True,
        },
    }


def connection_tested(
    loader: str, config: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[bool, str | None]:
    """Test a loader as `meltano config test` does; tell whether it passed, and what it said."""
    (folder / "config.json").write_text(json.dumps(config))
    invoker = Loader(loader, folder / "config.json", monkeypatch)
    return asyncio.run(LoaderTestService(cast("PluginInvoker", invoker)).validate())


@pytest.mark.parametrize("loader", ["target-segment", "target-moesif"])
def test_meltano_finds_the_loaders_well_configured_and_nothing_is_sent(
    loader: str,
    configurations: dict[str, dict[str, Any]],
    services: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed, said = connection_tested(loader, configurations[loader], tmp_path, monkeypatch)
    assert passed, said
    assert not services.segment()["requests"]
    assert not services.collector()["requests"]


@pytest.mark.parametrize(
    ("loader", "key"), [("target-segment", "write_key"), ("target-moesif", "application_id")]
)
def test_meltano_is_told_which_key_is_wrong(
    loader: str,
    key: str,
    configurations: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {**configurations[loader], key: "wrong-CANARY"}
    passed, said = connection_tested(loader, config, tmp_path, monkeypatch)
    assert not passed
    assert said is not None
    assert key in said
    assert "CANARY" not in said
