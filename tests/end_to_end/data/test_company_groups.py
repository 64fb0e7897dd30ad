"""A company that changes is sent to Segment by itself, with what it does on the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commands import Sandbox, run, sandbox

if TYPE_CHECKING:
    from pathlib import Path

TRAITS = {"calls30d": {"window": "30d", "count": "count"}}


def sync(services: Sandbox, folder: Path) -> list[dict[str, Any]]:
    """Run the tap into the target from where the run before stood; give what Segment received."""
    before = len(services.segment()["accepted"])
    tap = {
        "management_api_key": "sandbox-management-key",
        "api_url": f"{services.url}/moesif/api/v1",
        "lookback_minutes": 0,
        "usage_traits": TRAITS,
    }
    state = folder / "state.json"
    if not state.exists():
        state.write_text("{}")
    read = run("tap-moesif", folder, tap, "--state", str(state))
    assert read.code == 0, read.stderr
    target = {
        "write_key": "sandbox-write-key",
        "host": f"{services.url}/segment",
        "company_groups": True,
        "changed_only": True,
        "summary_path": "summary.json",
    }
    sent = run("target-segment", folder, target, lines=read.lines)
    assert sent.code == 0, sent.stderr
    state.write_text(sent.lines[-1])
    received: list[dict[str, Any]] = services.segment()["accepted"][before:]
    return received


def test_a_company_that_alone_has_changed_arrives_with_its_usage(tmp_path: Path) -> None:
    with sandbox("--users", "40", "--companies", "5", "--days", "30") as services:
        first = sync(services, tmp_path)
        summary = json.loads((tmp_path / "summary.json").read_text())
        [changed] = services.touch(users=0, companies=1)["companies"]
        second = sync(services, tmp_path)

    own = {
        message["groupId"]: message
        for message in first
        if message["type"] == "group" and "usage" in message["traits"]
    }
    assert len(own) == 4
    assert any(message["traits"]["usage"]["calls30d"] for message in own.values())
    assert summary["skipped_by_reason"]["company_without_user"] == 1  # of the five
    [group] = [m for m in second if m["type"] == "group" and m["groupId"] == changed]
    assert group["userId"] == own[changed]["userId"]
    assert group["traits"]["metadata"]["touches"] == 1
    assert {"last24HourAggResults", "usage"} <= group["traits"].keys()
