"""The installed command on the sandbox's collector, which refuses what Moesif refuses."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from commands import Ended, Sandbox, run, sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

UNWRITTEN = {
    "users": {
        *("createdAt", "firstSeenTime", "lastSeenTime", "last24HourAggResults"),
        *("enrichment", "userAgent", "username", "additionalFields"),
    },
    "companies": {
        *("created", "firstSeenTime", "lastSeenTime", "last24HourAggResults"),
        *("ttfhw_s", "lastSeenUserId", "additionalFields"),
    },
    "subscriptions": {"additionalFields"},
    "events": {"id", "transactionId", "additionalFields"},
}
"""What Moesif finds out for itself, or has no field for in what its collector takes."""

CALLS = {
    "type": "SCHEMA",
    "stream": "calls",
    "schema": {
        "properties": {
            name: {}
            for name in ("type", "userId", "anonymousId", "groupId", "event", "traits", "context")
        }
    },
    "key_properties": [],
}


@pytest.fixture(scope="module")
def _running() -> Iterator[Sandbox]:
    with sandbox("--users", "0", "--companies", "0") as running:
        yield running


@pytest.fixture
def moesif(_running: Sandbox) -> Sandbox:
    _running.reset()
    return _running


def settings(moesif: Sandbox, **more: Any) -> dict[str, Any]:
    return {
        "application_id": "sandbox-application-id",
        "api_url": f"{moesif.url}/moesif/collector/v1",
        "streams": {"calls": {"as": "segment.calls"}},
        **more,
    }


def call(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "calls", "record": {"type": kind, **fields}}


def deliver(moesif: Sandbox, folder: Path, *lines: dict[str, Any], **more: Any) -> Ended:
    return run("target-moesif", folder, settings(moesif, **more), lines=[CALLS, *lines])


def test_every_kind_of_call_is_taken(moesif: Sandbox, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    context = {
        "ip": "192.0.2.7",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
        "campaign": {"name": "launch", "source": "news"},
        "page": {"url": "https://acme.example/", "referrer": "https://search.example/"},
    }
    common = {"userId": 7, "context": context, "timestamp": (now - timedelta(days=1)).isoformat()}
    lines = [
        call("group", groupId=5, traits={"name": "Acme", "website": "acme.example"}, **common),
        call("identify", traits={"email": "e", "n": 1, "company": {"id": 5}}, **common),
        call("track", event="Ordered", messageId="ajs-1", properties={"n": 1}, **common),
        call("page", name="Docs", **common),
        call("screen", **common),
        call("track", event="Looked", anonymousId="a"),
    ]
    ended = deliver(moesif, tmp_path, *lines)
    assert ended.code == 0, ended.stderr
    received = moesif.collector()
    assert received["refused"] == []
    assert received["callers_address"] == []
    names = [action["action_name"] for action in received["accepted"]["actions"]]
    assert sorted(names) == ["Looked", "Ordered", "Viewed Docs Page", "Viewed Screen"]
    [company] = received["accepted"]["companies"]
    assert company["company_domain"] == "acme.example"
    assert {user["company_id"] for user in received["accepted"]["users"]} == {"5"}


def test_an_address_that_nobody_knows_is_this_machines_where_it_may_be(
    moesif: Sandbox, tmp_path: Path
) -> None:
    deliver(moesif, tmp_path, call("track", userId="u", event="e"), missing_ip_address=None)
    assert len(moesif.collector()["callers_address"]) == 1


def test_a_repeated_action_counts_once(moesif: Sandbox, tmp_path: Path) -> None:
    lines = [call("track", userId=n, event="e", messageId=f"m-{n % 2 or n}") for n in range(10)]
    for _ in range(2):
        assert deliver(moesif, tmp_path, *lines).code == 0
    received = moesif.collector()
    assert len(received["accepted"]["actions"]) == 6
    assert len(received["duplicates"]["actions"]) == 14


def test_a_key_that_changes_its_type_costs_only_its_record(moesif: Sandbox, tmp_path: Path) -> None:
    lines = [
        call("identify", userId=n, traits={"deep": {"zip": "8000" if n == 13 else n}})
        for n in range(40)
    ]
    ended = deliver(moesif, tmp_path, *lines, lanes=1)
    assert ended.code == 3
    accepted = moesif.collector()["accepted"]["users"]
    assert {user["user_id"] for user in accepted} == {str(n) for n in range(40) if n != 13}


def test_a_late_action_is_refused_alone(moesif: Sandbox, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    lines = [
        call("track", userId=n, event="e", timestamp=(now - timedelta(days=days)).isoformat())
        for n, days in enumerate((1, 40, 2))
    ]
    assert deliver(moesif, tmp_path, *lines).code == 3
    assert len(moesif.collector()["accepted"]["actions"]) == 2
    moesif.reset()
    assert deliver(moesif, tmp_path, *lines, skip_late_actions=True).code == 3
    received = moesif.collector()
    assert len(received["accepted"]["actions"]) == 2
    assert received["refused"] == []


@pytest.mark.parametrize("reading", ["keep", "overwrite", "delete"])
def test_a_null_leaves_what_is_there_however_moesif_reads_one(reading: str, tmp_path: Path) -> None:
    traits = {"plan": "paid", "deep": {"seats": 5, "list": [1, None]}}
    nulls = {"plan": None, "deep": {"seats": None}, "new": 1}
    with sandbox("--users", "0", "--companies", "0", f"--null-in-upsert={reading}") as moesif:
        for given in (traits, nulls):
            deliver(moesif, tmp_path, call("identify", userId="u", traits=given))
        lines = tapped(moesif, tmp_path)
    [user] = written(lines, "users")
    assert user["metadata"] == {**traits, "new": 1}


def tapped(moesif: Sandbox, folder: Path) -> list[dict[str, Any]]:
    """The streams of tap-moesif that can be written again."""
    config = {
        "management_api_key": "sandbox-management-key",
        "api_url": f"{moesif.url}/moesif/api/v1",
    }
    catalog = run("tap-moesif", folder, config, "--discover").stdout
    everything = json.loads(catalog)
    for stream in everything["streams"]:
        chosen = stream["tap_stream_id"] in UNWRITTEN
        stream["metadata"] = [{"breadcrumb": [], "metadata": {"selected": chosen}}]
    (folder / "catalog.json").write_text(json.dumps(everything))
    ended = run("tap-moesif", folder, config, "--catalog", "catalog.json")
    assert ended.code == 0, ended.stderr
    return ended.messages


def written(lines: list[dict[str, Any]], stream: str) -> list[dict[str, Any]]:
    """The records of a stream as far as they can be written, in order."""
    records = [
        as_far_as_it_can_be_written(stream, line["record"])
        for line in lines
        if line["type"] == "RECORD" and line["stream"] == stream
    ]
    return sorted(records, key=json.dumps)


def as_far_as_it_can_be_written(stream: str, record: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in record.items() if name not in UNWRITTEN[stream]}
    metadata = {k: v for k, v in (record.get("metadata") or {}).items() if v is not None}
    if stream == "users":
        metadata |= {"user_name": record["username"]} if record.get("username") else {}
        kept["company"] = (record.get("company") or {}).get("id")
        kept["context"] = (record.get("context") or {}).get("ip")
    if stream == "companies":
        kept["campaign"] = (record.get("additionalFields") or {}).get("campaign")
    if stream == "subscriptions":
        kept["items"] = [
            {name: value for name, value in item.items() if name not in {"plan", "price"}}
            for item in record.get("items") or ()
        ]
    if stream == "events":
        kept["request"] = {name: record["request"].get(name) for name in ("uri", "ipAddress")}
    return {name: value for name, value in sorted({**kept, "metadata": metadata}.items()) if value}


def test_what_was_read_from_one_application_is_read_again_from_another(
    moesif: Sandbox, tmp_path: Path
) -> None:
    with sandbox("--users", "100", "--companies", "20", "--seed", "3") as original:
        lines = tapped(original, tmp_path)
    recent = [line for line in lines if not is_old(line)]
    ended = run("target-moesif", tmp_path, settings(moesif), lines=recent)
    assert ended.code == 0, ended.stderr
    assert moesif.collector()["refused"] == []
    again = tapped(moesif, tmp_path)
    for stream in ("users", "companies", "subscriptions"):
        assert len(written(recent, stream)) > 10
        assert written(again, stream) == written(recent, stream)
    actions = [r for r in written(recent, "events") if r.get("eventType") == "user_action"]
    assert len(actions) > 10
    assert written(again, "events") == actions


def is_old(line: dict[str, Any]) -> bool:
    """Whether Moesif no longer takes an event; the sandbox's history is as long as that."""
    time = line.get("record", {}).get("requestTime")
    oldest = datetime.now(timezone.utc) - timedelta(days=29)
    return time is not None and time < oldest.isoformat()
