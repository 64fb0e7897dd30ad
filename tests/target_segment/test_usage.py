"""tap-moesif's streams `usage` as track calls and `companies` as group calls."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from segment.analytics.client import Client  # type: ignore[import-untyped]  # has no types

from segment_runs import Segment, record, schema, sent

if TYPE_CHECKING:
    from singer_delivery.testing import Ended

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


def usage(
    segment: Segment, *records: dict[str, Any], mark: str | None = "usage", **settings: Any
) -> Ended:
    lines = [schema("usage", *NAMES, mark=mark), *(record("usage", **each) for each in records)]
    return segment.deliver(lines, **settings)


def test_a_bucket_of_a_user_is_a_track_at_its_end(segment: Segment) -> None:
    usage(segment, OF_ZOE)
    [message] = segment.messages
    assert message["type"] == "track"
    assert message["event"] == "API Usage"
    assert message["userId"] == "zoe"
    assert message["timestamp"] == "2026-01-31T12:00:00.000Z"
    assert message["integrations"] == {"Moesif API Analytics": False}
    assert message["properties"] == {
        name: value for name, value in OF_ZOE.items() if name != "userId"
    }


def test_a_bucket_that_is_read_again_has_its_id_and_another_once_it_has_changed(
    segment: Segment,
) -> None:
    ids = []
    for bucket in (OF_ZOE, OF_ZOE, {**OF_ZOE, "count": 13}):
        usage(segment, bucket)
        ids += [message["messageId"] for message in segment.messages]
    first, again, changed = ids
    assert first == again != changed


def test_the_event_is_named_by_a_route(segment: Segment) -> None:
    usage(segment, OF_ZOE, streams={"usage": {"event": {"literal": "Moesif Usage"}}})
    [message] = segment.messages
    assert message["event"] == "Moesif Usage"
    assert message["timestamp"] == "2026-01-31T12:00:00.000Z"


def test_a_companys_is_nobodys_track_unless_a_route_names_somebody(segment: Segment) -> None:
    assert usage(segment, OF_ACME, OF_ZOE).summary["skipped_by_reason"] == {"company_usage": 1}
    usage(segment, OF_ACME, streams={"usage": {"anonymous_id": "companyId"}})
    assert [message["anonymousId"] for message in segment.messages] == ["acme"]


def test_a_record_of_nobody_is_rejected(segment: Segment) -> None:
    ended = usage(segment, {**OF_ZOE, "userId": None})
    assert (ended.exit_code, ended.summary["rejected_by_reason"]) == (3, {"no_user_anon_id": 1})


@pytest.mark.parametrize(
    "settings",
    [
        {"mark": None, "streams": {"usage": {"as": "moesif.usage"}}},
        {"flattening_enabled": True, "flattening_max_depth": 3},
    ],
)
def test_it_is_known_without_its_mark_and_flattened(
    segment: Segment, settings: dict[str, Any]
) -> None:
    usage(segment, OF_ZOE, **settings)
    [message] = segment.messages
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


def companies(segment: Segment, *records: dict[str, Any], **settings: Any) -> Ended:
    rows = [{**record("companies", **each), "time_extracted": EXTRACTED} for each in records]
    lines = [schema("companies", *ACME, mark="companies"), *rows]
    return segment.deliver(lines, **{"company_groups": True, **settings})


def test_a_company_is_a_group_call_of_its_last_seen_user(segment: Segment) -> None:
    companies(segment, ACME)
    [message] = segment.messages
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


def test_a_company_without_any_user_is_said_in_the_summary(segment: Segment) -> None:
    nobodys = {**ACME, "id": "initech", "lastSeenUserId": None}
    ended = companies(segment, nobodys, ACME)
    assert [message["groupId"] for message in segment.messages] == ["acme"]
    assert ended.summary["skipped_by_reason"] == {"company_without_user": 1}


def test_companies_without_the_field_of_their_user_are_warned_of(segment: Segment) -> None:
    lines = [schema("companies", "id", mark="companies"), record("companies", id="acme")]
    ended = segment.deliver(lines, company_groups=True)
    assert ended.summary["skipped_by_reason"] == {"company_without_user": 1}
    assert "has no field lastSeenUserId, so its companies cannot be sent" in ended.log
    lines = [schema("companies", "id", "owner", mark="companies")]
    ended = segment.deliver(lines, company_groups=True, streams={"companies": {"user_id": "owner"}})
    assert "its companies cannot be sent" not in ended.log


def test_a_company_is_sent_again_only_once_it_has_changed(segment: Segment) -> None:
    arrived = []
    for company in (ACME, ACME, {**ACME, "usage": {"rateLimited24h": 13}}):
        companies(segment, company, changed_only=True)
        arrived += segment.messages
    first, second = arrived
    assert second["traits"]["usage"] == {"rateLimited24h": 13}
    assert first["messageId"] != second["messageId"]


def test_without_company_groups_companies_stay_with_their_users(segment: Segment) -> None:
    ended = companies(segment, ACME, company_groups=False)
    assert (ended.exit_code, segment.requests) == (0, [])
    assert "to send group calls as well" in ended.log
    assert ended.summary["skipped_by_reason"] == {"no_call": 1}


SAID_BY_EACH = frozenset({"messageId", "timestamp", "context", "anonymousId"})
"""What each client says in its own way."""


def test_segments_official_client_writes_the_same_messages(segment: Segment) -> None:
    usage(segment, OF_ZOE)
    [track] = segment.messages
    companies(segment, ACME)
    [group] = segment.messages
    segment.requests.clear()

    integrations = {"Moesif API Analytics": False}
    time = datetime.fromisoformat(OF_ZOE["endTime"])
    client = Client("key", host=segment.url, upload_interval=0.01)
    client.track("zoe", track["event"], track["properties"], None, time, None, integrations)
    client.group("zoe", "acme", group["traits"], None, time, None, integrations)
    client.shutdown()
    theirs = sent(segment)

    assert [told(track), told(group)] == [told(message) for message in theirs]
    assert datetime.fromisoformat(track["timestamp"]) == datetime.fromisoformat(
        theirs[0]["timestamp"]
    )


def told(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in SAID_BY_EACH}
