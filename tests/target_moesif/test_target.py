"""The installed command, fed lines as a tap feeds it, writing to a scripted Moesif."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from commands import Ended, run
from scripted import Reply, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

KEY = "application-CANARY"
EMAIL = "jane.canary@example.com"
CREATED = Reply(201)


def schema(stream: str, *properties: str, mark: str | None = None, **typed: Any) -> dict[str, Any]:
    """Write a SCHEMA line; `mark` is what tap-moesif calls the stream."""
    marked = {"$id": f"urn:tap-moesif:{mark}"} if mark else {}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {**marked, "properties": {**{name: {} for name in properties}, **typed}},
        "key_properties": [],
    }


CALLS = schema("calls", "type", "userId", "anonymousId", "groupId", "event", "traits", "properties")
USERS = schema("users", "id", "modifiedTime", "firstSeenTime", "email", mark="users")
COMPANIES = schema("companies", "id", "modifiedTime", "companyDomain", mark="companies")
SUBSCRIPTIONS = schema(
    "subscriptions", "id", "companyId", "status", "trialStart", mark="subscriptions"
)
EVENTS = schema("events", "id", "requestTime", "eventType", "actionName", "request", mark="events")
COHORTS = schema("cohorts", "id", "cohortType", mark="cohorts")


def record(stream: str, **fields: Any) -> dict[str, Any]:
    line = {"type": "RECORD", "stream": stream, "record": fields}
    return {**line, "time_extracted": "2026-01-01T00:00:00Z"}


def state(value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


@pytest.fixture
def moesif() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: CREATED) as service:
        yield service


def target(
    service: ScriptedService, folder: Path, *lines: dict[str, Any], **settings: Any
) -> Ended:
    config = {
        "application_id": KEY,
        "api_url": f"{service.url}/collector/v1/",
        "summary_path": "summary.json",
        "streams": {"calls": {"as": "segment.calls"}},
        **settings,
    }
    return run("target-moesif", folder, config, lines=lines)


def sent(service: ScriptedService, kind: str) -> list[dict[str, Any]]:
    path = f"/collector/v1/{kind}/batch"
    return [
        document
        for request in service.requests
        if request.path == path
        for document in request.json
    ]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    fates = ("delivered", "unchanged", "skipped", "rejected", "undelivered")
    assert found["read"] == sum(found[fate] for fate in fates)
    return found


def rejected(folder: Path) -> list[dict[str, Any]]:
    [path] = (folder / "rejects").iterdir()
    return [json.loads(line) for line in path.read_text().splitlines()]


ALL_OF_A_COMPANY = [
    EVENTS,
    record("events", id="e", eventType="user_action", actionName="Clicked", companyId="c"),
    SUBSCRIPTIONS,
    record("subscriptions", id="s", companyId="c", status="active"),
    CALLS,
    record("calls", type="identify", userId="c", traits={"email": EMAIL}),
    COMPANIES,
    record("companies", id="c", companyDomain="acme.example"),
]


def test_each_document_goes_to_its_own_address_and_then_the_state_is_written(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    ended = target(moesif, tmp_path, *ALL_OF_A_COMPANY, state("end"))
    assert (ended.code, ended.messages) == (0, ["end"])
    assert ended.says_plainly(KEY, EMAIL)
    assert [request.path for request in moesif.requests] == [
        f"/collector/v1/{kind}/batch" for kind in ("companies", "users", "subscriptions", "actions")
    ]
    assert {request.headers["X-Moesif-Application-Id"] for request in moesif.requests} == {KEY}
    assert sent(moesif, "companies") == [{"company_id": "c", "company_domain": "acme.example"}]
    assert sent(moesif, "users") == [{"user_id": "c", "metadata": {"email": EMAIL}}]
    assert summary(tmp_path)["delivered"] == 4


def test_a_group_with_a_user_is_two_documents_and_one_record(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    group = record("calls", type="group", userId="u", groupId="g", traits={"plan": "paid"})
    assert target(moesif, tmp_path, CALLS, group, state("end")).messages == ["end"]
    assert sent(moesif, "companies") == [{"company_id": "g", "metadata": {"plan": "paid"}}]
    assert sent(moesif, "users") == [{"user_id": "u", "company_id": "g"}]
    assert summary(tmp_path)["delivered"] == 1


def test_what_is_left_out_on_purpose_is_counted_and_quiet(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    lines = [
        CALLS,
        record("calls", type="identify", anonymousId="a", traits={"plan": "x"}),
        EVENTS,
        record("events", id="1", eventType="api_call", request={"uri": "/"}),
        COHORTS,
        record("cohorts", id="1", cohortType="user"),
        schema("meltano_test_stream", "id", "name", "created_at"),
        record("meltano_test_stream", id=1, name="n", created_at="2026-01-01T00:00:00Z"),
    ]
    ended = target(moesif, tmp_path, *lines, state("end"))
    assert (ended.code, ended.messages, moesif.requests) == (0, ["end"], [])
    assert summary(tmp_path)["skipped_by_reason"] == {
        "anonymous_identify": 1,
        "api_call": 1,
        "no_call": 1,
        "loader_test": 1,
    }
    assert "'cohorts' is not sent" in ended.stderr
    assert "error" not in ended.stderr.lower()
    assert "exception" not in ended.stderr.lower()


BUCKET = {
    "id": "5ea1",
    "userId": "zoe",
    "startTime": "2026-01-31T11:00:00.000Z",
    "endTime": "2026-01-31T12:00:00.000Z",
    "count": 12,
    "statusCounts": {"2xx": 12},
}
USAGE = schema("usage", *BUCKET, mark="usage")


def test_what_moesif_counts_itself_is_not_sent_back_unless_a_route_says_so(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    ended = target(moesif, tmp_path, USAGE, record("usage", **BUCKET), state("end"))
    assert (ended.code, ended.messages, moesif.requests) == (0, ["end"], [])
    assert ended.stderr.count("'usage' is not sent: it would return Moesif's own counts") == 1
    assert summary(tmp_path)["skipped_by_reason"] == {"no_call": 1}

    wanted = {"usage": {"call": "action"}}
    ended = target(moesif, tmp_path, USAGE, record("usage", **BUCKET), streams=wanted)
    assert ended.code == 0, ended.stderr
    [action] = sent(moesif, "actions")
    assert (action["action_name"], action["user_id"]) == ("API Usage", "zoe")
    assert action["request"]["time"] == BUCKET["endTime"]
    assert action["metadata"] == {name: BUCKET[name] for name in BUCKET if name != "userId"}


def test_an_application_id_that_is_refused_by_400_rejects_nothing(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    moesif.answer = lambda _: Reply(400, {"message": "Invalid Application Id"})
    ended = target(moesif, tmp_path, USERS, record("users", id="u"), state("end"))
    assert (ended.code, ended.stdout) == (1, "")
    assert "Check application_id and api_url" in ended.stderr
    assert not (tmp_path / "rejects").exists()


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one_whatever_its_body(
    moesif: ScriptedService, tmp_path: Path, status: int
) -> None:
    moesif.answer = lambda _: Reply(status, b"")
    ended = target(moesif, tmp_path, USERS, record("users", id="u"), state("end"))
    assert (ended.code, ended.messages) == (0, ["end"])


def test_late_actions_are_rejected_where_that_is_wanted(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    now = datetime.now(timezone.utc)
    lines = [
        record("calls", userId="u", event="e", timestamp=(now - timedelta(days=days)).isoformat())
        for days in (29, 31, 400)
    ]
    calls = schema("calls", "userId", "event", "timestamp")
    assert target(moesif, tmp_path, calls, *lines).code == 0
    assert len(sent(moesif, "actions")) == 3
    moesif.requests.clear()
    ended = target(moesif, tmp_path, calls, *lines, state("end"), skip_late_actions=True)
    assert (ended.code, ended.messages) == (3, ["end"])
    assert len(sent(moesif, "actions")) == 1
    assert summary(tmp_path)["rejected_by_reason"] == {"too_late": 2}


def test_an_action_without_an_address_is_sent_with_the_one_that_is_set(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    lines = [schema("calls", "userId", "event"), record("calls", userId="u", event="e")]
    target(moesif, tmp_path, *lines)
    target(moesif, tmp_path, *lines, missing_ip_address="192.0.2.1", action_uri="https://a.example")
    for nothing in (None, ""):
        target(moesif, tmp_path, *lines, missing_ip_address=nothing)
    first, second, *others = (action["request"] for action in sent(moesif, "actions"))
    assert first["ip_address"] == "0.0.0.0"
    assert (second["ip_address"], second["uri"]) == ("192.0.2.1", "https://a.example")
    assert [other.keys() & {"ip_address"} for other in others] == [set(), set()]


def test_keys_that_may_change_their_type_are_named_once(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    drifting = schema(
        "calls",
        "userId",
        traits={"properties": {"zip": {"type": ["string", "integer", "null"]}}},
        plan={"type": ["string", "null"]},
    )
    lines = [drifting, record("calls", userId="u", traits={}), drifting]
    ended = target(moesif, tmp_path, *lines)
    assert ended.code == 0
    [warning] = [line for line in ended.stderr.splitlines() if "several types" in line]
    assert "'calls'" in warning
    assert "traits.zip" in warning
    assert "plan" not in warning


def test_what_never_becomes_metadata_may_be_of_any_type(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    events = schema(
        "events",
        "id",
        "requestTime",
        "eventType",
        mark="events",
        body={"type": ["string", "object"]},
    )
    ended = target(moesif, tmp_path, events)
    assert "several types" not in ended.stderr


def test_nulls_are_sent_where_that_is_wanted(moesif: ScriptedService, tmp_path: Path) -> None:
    lines = [CALLS, record("calls", type="identify", userId="u", traits={"plan": None, "n": 1})]
    target(moesif, tmp_path, *lines)
    target(moesif, tmp_path, *lines, null_traits="send")
    omitted, nulled = sent(moesif, "users")
    assert omitted["metadata"] == {"n": 1}
    assert nulled["metadata"] == {"plan": None, "n": 1}


def test_a_foreign_stream_is_sent_as_the_settings_say(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    accounts = schema("crm-accounts", "id", "site", "tier", "owner")
    route = {"call": "company", "group_id": "id", "rename": {"site": "company_domain"}}
    ended = target(
        moesif,
        tmp_path,
        accounts,
        record("crm-accounts", id=5, site="acme.example", tier="gold", owner=None),
        streams={"crm-*": route},
    )
    assert ended.code == 0, ended.stderr
    assert sent(moesif, "companies") == [
        {"company_id": "5", "company_domain": "acme.example", "metadata": {"tier": "gold"}}
    ]


def test_large_batches_reach_only_actions(moesif: ScriptedService, tmp_path: Path) -> None:
    filler = "x" * 20_000
    lines = [
        record("calls", type=kind, userId="u", event="e", **{content: {"n": n, "filler": filler}})
        for n in range(60)
        for kind, content in (("identify", "traits"), ("track", "properties"))
    ]
    ended = target(moesif, tmp_path, CALLS, *lines, batch_max_bytes=15_000_000, lanes=1)
    assert ended.code == 0
    assert len(sent(moesif, "users")) == len(sent(moesif, "actions")) == 60
    sizes: dict[str, int] = {}
    for request in moesif.requests:
        kind = request.path.split("/")[-2]
        sizes[kind] = max(len(request.body), sizes.get(kind, 0))
    assert 200_000 < sizes["users"] <= 250_000
    assert sizes["actions"] > 1_000_000


def test_by_default_no_batch_is_large(moesif: ScriptedService, tmp_path: Path) -> None:
    filler = "x" * 20_000
    lines = [
        record("calls", type="track", userId="u", event="e", properties={"n": n, "x": filler})
        for n in range(60)
    ]
    assert target(moesif, tmp_path, CALLS, *lines, lanes=1).code == 0
    assert max(len(request.body) for request in moesif.requests) <= 250_000


def test_a_missing_application_id_is_said(tmp_path: Path) -> None:
    ended = run("target-moesif", tmp_path, {}, lines=[USERS])
    assert ended.code != 0
    assert "application_id" in ended.stderr
    assert ended.says_plainly()


def test_only_what_changed_is_merged_again(moesif: ScriptedService, tmp_path: Path) -> None:
    lines = [
        CALLS,
        record("calls", type="identify", userId="u", traits={"plan": "free"}),
        record("calls", type="group", userId="u", groupId="c", traits={"plan": "free"}),
        record("calls", type="track", userId="u", event="Ordered"),
    ]
    assert target(moesif, tmp_path, *lines, changed_only=True).code == 0
    moesif.requests.clear()
    lines[1] = record("calls", type="identify", userId="u", traits={"plan": "paid"})
    assert target(moesif, tmp_path, *lines, changed_only=True).code == 0
    assert [user.get("metadata") for user in sent(moesif, "users")] == [{"plan": "paid"}]
    assert sent(moesif, "companies") == []
    assert len(sent(moesif, "actions")) == 1


def test_an_unknown_application_id_is_found_before_anything_is_read(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    moesif.answer = lambda _: Reply(401)
    lines = [CALLS, record("calls", type="identify", userId="u"), state("end")]
    ended = target(moesif, tmp_path, *lines, verify_application_id=True)
    assert (ended.code, ended.stdout) == (1, "")
    assert "application_id" in ended.stderr.splitlines()[-1], "the reason is the last word"
    assert ended.says_plainly(KEY)
    assert [request.method for request in moesif.requests] == ["GET"]


def test_an_application_id_that_cannot_be_verified_is_a_warning(
    moesif: ScriptedService, tmp_path: Path
) -> None:
    moesif.script.append(Reply(404))
    lines = [CALLS, record("calls", type="identify", userId="u"), state("end")]
    ended = target(moesif, tmp_path, *lines, verify_application_id=True)
    assert (ended.code, ended.messages, len(sent(moesif, "users"))) == (0, ["end"], 1)
    assert "could not be verified: HTTP 404" in ended.stderr


def test_a_proxy_before_moesif_is_not_asked(moesif: ScriptedService, tmp_path: Path) -> None:
    assert target(moesif, tmp_path, CALLS).code == 0
    assert moesif.requests == []


def test_a_dry_run_shows_documents_and_asks_nobody(moesif: ScriptedService, tmp_path: Path) -> None:
    lines = [
        CALLS,
        record("calls", type="identify", userId="u-77", traits={"email": EMAIL}),
        record("calls", type="group", userId="u-77", groupId="c", traits={"plan": "free"}),
        record("calls", type="alias", userId="u-77"),
        state("end"),
    ]
    settings = {"dry_run": True, "dry_run_path": "bodies", "verify_application_id": True}
    dry = target(moesif, tmp_path, *lines, lanes=1, **settings)
    assert (dry.code, dry.stdout, moesif.requests) == (0, "", [])
    shown = [line.split() for line in dry.stderr.splitlines() if line.startswith("calls ")]
    assert shown == [
        ["calls", "company", "1"],
        ["calls", "skipped", "1"],
        ["calls", "user", "2"],
    ]
    assert dry.says_plainly(KEY, EMAIL, "u-77")
    bodies = [json.loads(line) for line in (tmp_path / "bodies").read_text().splitlines()]
    assert target(moesif, tmp_path, *lines, lanes=1).code == 0
    assert bodies == [request.json for request in moesif.requests]
