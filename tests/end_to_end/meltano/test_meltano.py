"""This repository as a Meltano project, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from commands import COMMANDS, call
from project import PROJECT, meltano
from segment_runs import record, schema

if TYPE_CHECKING:
    from pathlib import Path

    from commands import Sandbox

pytestmark = pytest.mark.xdist_group("project")


def apart_from_usage(message: dict[str, Any]) -> dict[str, Any]:
    """Leave out what changes with time alone: the usage of the last 24 hours."""
    return {k: v for k, v in message["traits"].items() if k != "last24HourAggResults"}


@pytest.mark.timeout(600)
def test_the_job_runs_from_any_directory_and_reads_again_only_what_changed(
    services: Sandbox, meltano_environment: dict[str, str], tmp_path: Path
) -> None:
    """And installs what it needs when that is not there."""
    below, definition = PROJECT / "tests", (PROJECT / "meltano.yml").read_text()
    meltano(below, meltano_environment, "run", "moesif-to-segment")
    first = services.segment()
    assert first["counts"]["accepted"] == 60

    [changed] = services.touch(users=1)["users"]
    meltano(below, meltano_environment, "run", "moesif-to-segment")
    again = services.segment()
    before = {message["userId"]: apart_from_usage(message) for message in first["accepted"]}
    others = [m for m in again["accepted"][60:] if apart_from_usage(m) != before[m["userId"]]]
    assert [message["userId"] for message in others] == [changed]
    assert again["counts"]["duplicates"] < 30, "the second run reads no more than it looks back"

    assert (PROJECT / "meltano.yml").read_text() == definition, "Meltano rewrites nothing"
    [state] = (tmp_path / "state").iterdir()
    assert state.name == "sandbox:tap-moesif-to-target-segment"
    completed = json.loads((state / "state.json").read_text())["completed"]
    assert completed["singer_state"]["bookmarks"]["users"]["replication_key"] == "modifiedTime"


@pytest.mark.timeout(600)
def test_a_selection_of_four_fields_is_sent_and_nobody_is_skipped(
    services: Sandbox, meltano_environment: dict[str, str]
) -> None:
    """Which is what `meltano select tap-moesif users id` and so on write into the project."""
    fields = [f"users.{name}" for name in ("id", "email", "name", "metadata")]
    four = {**meltano_environment, "TAP_MOESIF__SELECT": json.dumps(fields)}
    meltano(PROJECT, four, "run", "--refresh-catalog", "tap-moesif", "target-segment")
    received = services.segment()
    assert received["counts"]["accepted"] == 60
    traits = {name for message in received["accepted"] for name in message["traits"]}
    chosen = {"id", "email", "name", "metadata"}
    assert chosen <= traits <= chosen | {"modifiedTime", "lastSeenTime"}  # of the bookmark


DOTTED = """
send_anonymous_usage_stats: false
plugins:
  loaders:
  - name: target-segment
    namespace: target_segment
    executable: {executable}
    settings:
    - {{name: write_key}}
    - {{name: dry_run, kind: boolean}}
    - {{name: dry_run_path}}
    - {{name: streams, kind: object}}
    config:
      write_key: k
      dry_run: true
      dry_run_path: bodies.jsonl
      streams:
        {line}
        shop.orders: {{rename: {{address.city: town}}, context: {{page.url: link}}, {route}}}
"""


@pytest.mark.timeout(300)
def test_a_name_with_dots_reaches_a_route_although_meltano_nests_it(tmp_path: Path) -> None:
    row = {"id": 1, "user_id": "u1", "address": {"city": "Bern"}, "link": "https://a.example/"}
    lines = [
        line
        for stream in ("crm.orders", "shop.orders")
        for line in (schema(stream, *row), record(stream, **row))
    ]
    unrouted = call("target-segment", "--config=ENV", text=text(lines), cwd=tmp_path, env=KEY)
    route = unrouted.stderr.rpartition("Add under streams in the settings: ")[2].strip()
    assert route.startswith("crm.orders: {call: track, ")
    project = DOTTED.format(
        executable=COMMANDS / "target-segment",
        line=route,
        route="call: track, user_id: user_id, event: {literal: Ordered}",
    )
    (tmp_path / "meltano.yml").write_text(project)
    ended = call("meltano", "invoke", "target-segment", text=text(lines), cwd=tmp_path)
    assert ended.code == 0, ended.stderr
    bodies = [json.loads(line) for line in (tmp_path / "bodies.jsonl").read_text().splitlines()]
    sent = {message["event"]: message for body in bodies for message in body["batch"]}
    assert sent.keys() == {"Orders", "Ordered"}
    assert sent["Ordered"]["properties"] == {"id": 1, "town": "Bern"}
    assert sent["Ordered"]["context"]["page"] == {"url": "https://a.example/"}


KEY = {"TARGET_SEGMENT_WRITE_KEY": "k", "TARGET_SEGMENT_DRY_RUN": "true"}


def text(lines: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.timeout(300)
def test_the_keys_are_not_shown(meltano_environment: dict[str, str]) -> None:
    secret = {**meltano_environment, "TARGET_SEGMENT_WRITE_KEY": "w-CANARY"}
    shown = meltano(PROJECT, secret, "config", "list", "target-segment")
    assert "write_key" in shown
    assert "CANARY" not in shown


@pytest.mark.readmes
@pytest.mark.timeout(600)
def test_the_demo_shows_what_arrived(tmp_path: Path) -> None:
    """With a database of its own, so that no other run of the job is in its way."""
    database = f"sqlite:///{tmp_path}/meltano.db"
    ended = subprocess.run(
        [sys.executable, PROJECT / "sandbox" / "demo.py"],
        env={**os.environ, "MELTANO_DATABASE_URI": database},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1000 delivered to Segment as identify" in ended.stdout
    begin, end = ended.stdout.index("\n{"), ended.stdout.index("\n}\n")
    message = json.loads(ended.stdout[begin : end + 2])
    assert message["type"] == "identify"
    assert message["traits"]["id"] == message["userId"]
    assert "0 discarded" in ended.stdout
    hour = json.loads(ended.stdout[ended.stdout.rindex("\n{") :])
    assert (hour["type"], hour["event"]) == ("track", "API Usage")
    assert hour["properties"]["count"] > 1


def test_a_demo_that_cannot_go_on_says_which_step_and_why(tmp_path: Path) -> None:
    """With an unwritable place for Meltano's own folder its install step fails."""
    (tmp_path / "file").write_text("")
    ended = subprocess.run(
        [sys.executable, PROJECT / "sandbox" / "demo.py"],
        env={**os.environ, "MELTANO_SYS_DIR_ROOT": str(tmp_path / "file" / "below")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 1
    assert "The demo stopped: `meltano install` ended with" in ended.stderr
    assert "demo.py" not in ended.stderr, "no traceback"
