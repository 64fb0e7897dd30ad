"""tap-moesif's stream `usage` as track calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from segment.analytics.client import Client  # type: ignore[import-untyped]  # has no types

from segment_runs import deliver as run
from segment_runs import record, schema, scripted_segment, sent, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commands import Ended
    from scripted import ScriptedService

pytestmark = pytest.mark.slow

NAMES = ("id", "userId", "companyId", "startTime", "endTime", "route", "count", "statusCounts")
OF_ZOE: dict[str, Any] = {
    "id": "5ea1",
    "userId": "zoe",
    "startTime": "2026-01-31T11:00:00.000Z",
    "endTime": "2026-01-31T12:00:00.000Z",
    "count": 12,
    "statusCounts": {"2xx": 10, "4xx": 2, "429": 2},
}
OF_ACME = {**OF_ZOE, "id": "c0", "companyId": "acme", "userId": None}


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def deliver(
    service: ScriptedService,
    folder: Path,
    *records: dict[str, Any],
    mark: str | None = "usage",
    **settings: Any,
) -> Ended:
    lines = [schema("usage", *NAMES, mark=mark), *(record("usage", **each) for each in records)]
    return run(service, folder, lines, **settings)


def test_a_bucket_of_a_user_is_a_track_at_its_end(segment: ScriptedService, tmp_path: Path) -> None:
    assert deliver(segment, tmp_path, OF_ZOE).code == 0

    [message] = sent(segment)
    assert message["type"] == "track"
    assert message["event"] == "API Usage"
    assert message["userId"] == "zoe"
    assert message["timestamp"] == "2026-01-31T12:00:00.000Z"
    assert message["integrations"] == {"Moesif API Analytics": False}
    assert message["properties"] == {
        name: value for name, value in OF_ZOE.items() if name != "userId"
    }


def test_a_bucket_that_is_read_again_has_its_id_and_another_once_it_has_changed(
    segment: ScriptedService, tmp_path: Path
) -> None:
    for bucket in (OF_ZOE, OF_ZOE, {**OF_ZOE, "count": 13}):
        assert deliver(segment, tmp_path, bucket).code == 0

    first, again, changed = [message["messageId"] for message in sent(segment)]
    assert first == again != changed


def test_the_event_is_named_by_a_route(segment: ScriptedService, tmp_path: Path) -> None:
    named = {"usage": {"event": {"literal": "Moesif Usage"}}}

    assert deliver(segment, tmp_path, OF_ZOE, streams=named).code == 0

    [message] = sent(segment)
    assert message["event"] == "Moesif Usage"
    assert message["timestamp"] == "2026-01-31T12:00:00.000Z"


def test_a_companys_is_nobodys_track_unless_a_route_names_somebody(
    segment: ScriptedService, tmp_path: Path
) -> None:
    assert deliver(segment, tmp_path, OF_ACME, OF_ZOE).code == 0
    assert summary(tmp_path)["skipped_by_reason"] == {"company_usage": 1}

    somebody = {"usage": {"anonymous_id": "companyId"}}
    assert deliver(segment, tmp_path, OF_ACME, streams=somebody).code == 0
    assert [message.get("anonymousId") for message in sent(segment)] == [None, "acme"]


def test_a_record_of_nobody_is_rejected(segment: ScriptedService, tmp_path: Path) -> None:
    assert deliver(segment, tmp_path, {**OF_ZOE, "userId": None}).code == 3
    assert summary(tmp_path)["rejected_by_reason"] == {"no_user_anon_id": 1}


@pytest.mark.parametrize("by", ["as", "flattened"])
def test_it_is_known_without_its_mark_and_flattened(
    segment: ScriptedService, tmp_path: Path, by: str
) -> None:
    settings: dict[str, Any] = (
        {"mark": None, "streams": {"usage": {"as": "moesif.usage"}}}
        if by == "as"
        else {"flattening_enabled": True, "flattening_max_depth": 3}
    )
    assert deliver(segment, tmp_path, OF_ZOE, **settings).code == 0

    [message] = sent(segment)
    assert message["properties"]["statusCounts"] == OF_ZOE["statusCounts"]


ACME: dict[str, Any] = {
    "id": "acme",
    "modifiedTime": "2026-01-31T11:58:00.500Z",
    "metadata": {"plan": "paid"},
    "last24HourAggResults": {"count": 120},
    "usage": {"rateLimited24h": 12},
    "lastSeenUserId": "zoe",
}
EXTRACTED = "2026-01-31T12:00:05+00:00"


def companies(
    service: ScriptedService, folder: Path, *records: dict[str, Any], **settings: Any
) -> Ended:
    rows = [{**record("companies", **each), "time_extracted": EXTRACTED} for each in records]
    lines = [schema("companies", *ACME, mark="companies"), *rows]
    return run(service, folder, lines, **settings)


def test_a_company_is_a_group_call_of_its_last_seen_user(
    segment: ScriptedService, tmp_path: Path
) -> None:
    assert companies(segment, tmp_path, ACME, company_groups=True).code == 0

    [message] = sent(segment)
    assert message["context"].pop("library")
    assert message.pop("messageId")
    assert message == {
        "type": "group",
        "groupId": "acme",
        "userId": "zoe",
        "timestamp": "2026-01-31T12:00:05.000Z",
        "context": {"active": False},
        "integrations": {"Moesif API Analytics": False},
        "traits": {name: value for name, value in ACME.items() if name != "lastSeenUserId"},
    }


def test_a_company_without_any_user_is_said_in_the_summary(
    segment: ScriptedService, tmp_path: Path
) -> None:
    nobody = {**ACME, "id": "initech", "lastSeenUserId": None}

    assert companies(segment, tmp_path, nobody, ACME, company_groups=True).code == 0

    assert [message["groupId"] for message in sent(segment)] == ["acme"]
    assert summary(tmp_path)["skipped_by_reason"] == {"company_without_user": 1}


def test_companies_without_the_field_of_their_user_are_warned_of(
    segment: ScriptedService, tmp_path: Path
) -> None:
    lines = [schema("companies", "id", mark="companies"), record("companies", id="acme")]
    ended = run(segment, tmp_path, lines, company_groups=True)
    assert ended.code == 0
    assert "has no field lastSeenUserId, so its companies cannot be sent" in ended.stderr
    assert summary(tmp_path)["skipped_by_reason"] == {"company_without_user": 1}
    routed = {"companies": {"user_id": "owner"}}
    lines = [schema("companies", "id", "owner", mark="companies")]
    ended = run(segment, tmp_path, lines, company_groups=True, streams=routed)
    assert "none of its companies" not in ended.stderr


def test_a_company_is_sent_again_only_once_it_has_changed(
    segment: ScriptedService, tmp_path: Path
) -> None:
    settings = {"company_groups": True, "changed_only": True}
    for company in (ACME, ACME, {**ACME, "usage": {"rateLimited24h": 13}}):
        assert companies(segment, tmp_path, company, **settings).code == 0

    first, second = sent(segment)
    assert second["traits"]["usage"] == {"rateLimited24h": 13}
    assert first["messageId"] != second["messageId"]


def test_without_company_groups_companies_stay_with_their_users(
    segment: ScriptedService, tmp_path: Path
) -> None:
    ended = companies(segment, tmp_path, ACME)

    assert (ended.code, segment.requests) == (0, [])
    assert "to send group calls as well" in ended.stderr
    assert summary(tmp_path)["skipped_by_reason"] == {"no_call": 1}


SAID_BY_EACH = frozenset({"messageId", "timestamp", "context", "anonymousId"})
"""What each client says in its own way."""


def test_segments_official_client_writes_the_same_messages(
    segment: ScriptedService, tmp_path: Path
) -> None:
    assert deliver(segment, tmp_path, OF_ZOE).code == 0
    assert companies(segment, tmp_path, ACME, company_groups=True).code == 0
    ours = sent(segment)
    segment.requests.clear()

    track, group = ours
    integrations = {"Moesif API Analytics": False}
    time = datetime.fromisoformat(OF_ZOE["endTime"])
    client = Client("key", host=segment.url)
    client.track("zoe", track["event"], track["properties"], None, time, None, integrations)
    client.group("zoe", "acme", group["traits"], None, time, None, integrations)
    client.shutdown()
    theirs = sent(segment)

    assert [told(message) for message in ours] == [told(message) for message in theirs]
    assert datetime.fromisoformat(track["timestamp"]) == datetime.fromisoformat(
        theirs[0]["timestamp"]
    )


def told(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in SAID_BY_EACH}
