"""What `docs/from-the-plugin.md` says of moving over is so."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import yaml

from machine import Machine, end
from pages import blocks
from project import PROJECT
from warehouse import warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from commands import Ended, Sandbox
    from postgres import Database

pytestmark = [
    pytest.mark.orchestration,
    pytest.mark.timeout(600),  # the first one also installs the plugins
]

PAGE = PROJECT / "docs" / "from-the-plugin.md"
LOOK, SEND, SWITCH, CUT = blocks(PAGE, "sh")
[FILTER] = blocks(PAGE, "yaml")
CONTRACT = (
    *("id", "createdAt", "modifiedTime", "firstSeenTime", "lastSeenTime", "name", "email"),
    *("username", "company", "campaign", "enrichment", "last24HourAggResults", "metadata"),
    "userAgent",
)
"""The traits that Moesif's plugin is published to send."""


def shell(machine: Machine, block: str) -> Ended:
    ended = end(machine.start(["/bin/sh", "-e", "-c", block], os.environ))
    assert ended.code == 0, ended.stderr
    return ended


def test_the_page_has_a_word_on_each_trait_of_the_plugins() -> None:
    page = PAGE.read_text()
    assert [trait for trait in CONTRACT if f"`{trait}`" not in page] == []


def test_a_look_shows_what_would_be_sent_and_sends_nothing(
    machine: Machine, services: Sandbox
) -> None:
    shown = shell(machine, LOOK).stdout
    assert '"type":"identify"' in shown
    bodies = (machine.project / "output" / "bodies.jsonl").read_text().split("\n")[:-1]
    messages = [message for body in bodies for message in json.loads(body)["batch"]]
    assert len(messages) == 60
    assert {trait for message in messages for trait in message["traits"]} >= {*CONTRACT}
    assert services.segment()["requests"] == 0
    assert machine.meltano("state", "list").stdout.split() == [], "it is where it was"


def test_a_switch_within_a_day_is_dropped_as_a_repeat_but_not_with_a_new_sources_key(
    machine: Machine, services: Sandbox
) -> None:
    machine.configure(services, TAP_MOESIF_USAGE_ROLLUP="false")
    shell(machine, SEND)
    shell(machine, SWITCH)
    received = services.segment()
    sent = {message["messageId"] for message in received["accepted"]}
    assert (len(sent), received["counts"]["duplicates"]) == (60, 60)
    new = {"TAP_MOESIF_USAGE_ROLLUP": "false", "TARGET_SEGMENT_WRITE_KEY": "of-a-new-source"}
    machine.configure(services, **new)
    shell(machine, SWITCH)
    other = [entry["message"]["messageId"] for entry in services.segment()["discarded"]]
    assert len(other) == 60, "by the sandbox, which does not know that key"
    assert sent.isdisjoint(other)


def test_with_changed_only_a_switch_is_told_to_the_target_and_taken_within_a_day(
    machine: Machine, services: Sandbox
) -> None:
    changes = {"TAP_MOESIF_USAGE_ROLLUP": "false", "TARGET_SEGMENT_CHANGED_ONLY": "true"}
    machine.configure(services, **changes)
    shell(machine, SEND)
    shell(machine, SWITCH)
    assert services.segment()["counts"]["accepted"] == 60
    shell(machine, f"TARGET_SEGMENT_FULL_REFRESH=true {SWITCH}")
    counts = services.segment()["counts"]
    assert (counts["accepted"], counts["duplicates"]) == (120, 0)


def test_with_a_cut_only_what_was_received_behind_it_is_sent(
    services: Sandbox, database_server: Database, tmp_path: Path
) -> None:
    tables = warehouse(database_server)
    for table in ("login_button_clicked", "pages"):
        tables.run(f"update web_app.{table} set timestamp = now()")
    tables.run("update web_app.pages set received_at = '2026-02-01 12:00:00+05:30'")
    machine = Machine(tmp_path)
    machine.set_up("tap-postgres", "target-moesif")
    machine.configure(
        services,
        TARGET_MOESIF_API_URL=f"{services.url}/moesif/collector/v1",
        TARGET_MOESIF_APPLICATION_ID="sandbox-application-id",
        TAP_POSTGRES_FILTER_SCHEMAS='["web_app"]',
        **{f"TAP_POSTGRES_{name.upper()}": str(value) for name, value in tables.settings.items()},
    )
    filtered(machine.project / "meltano.yml")
    shell(machine, CUT)
    received = services.collector()
    assert not received["refused"]
    kinds = {kind: documents for kind, documents in received["accepted"].items() if documents}
    assert [action["action_name"] for action in kinds.pop("actions")] == ["Viewed Pricing Page"]
    assert not kinds


def filtered(definition: Path) -> None:
    """Put the page's filter where the page says."""
    project = yaml.safe_load(definition.read_text())
    [loader] = [one for one in project["plugins"]["loaders"] if one["name"] == "target-moesif"]
    loader["config"] |= yaml.safe_load(FILTER)
    definition.write_text(yaml.safe_dump(project))
