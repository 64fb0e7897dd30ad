"""The `streams` setting, as the README shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from segment_runs import Segment, record, schema

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "target-segment" / "README.md"
ROWS: dict[str, dict[str, Any]] = {
    "customers": {
        "customer_id": 7,
        "email": "a@example.com",
        "full_name": "Ann",
        "address": {"city": "Bern", "zip": "3000"},
    },
    "orders": {
        "order_id": "o1",
        "kind": "Order Placed",
        "customer": {"id": 7},
        "placed_at": "2026-01-01 10:00:00",
        "total": 9.5,
    },
    "refunds": {"customer_id": 7, "total": 9.5, "card": "4111"},
    "accounts": {"id": 3, "owner_id": 7, "name": "Acme"},
    "audit_log": {"line": "secret"},
}


def documented() -> Any:
    [block] = [
        text.split("```")[0]
        for text in README.read_text().split("```yaml\n")[1:]
        if text.startswith("streams:")
    ]
    return yaml.safe_load(block)["streams"]


def test_the_documented_routes_do_what_is_said(segment: Segment) -> None:
    lines = [
        line
        for stream, row in ROWS.items()
        for line in (schema(stream, *row), record(stream, **row))
    ]
    ended = segment.deliver(lines, streams=documented(), lanes=1)
    assert ended.exit_code == 0
    assert "not in the schema" not in ended.log
    customer, order, refund, account = segment.messages
    assert (customer["type"], customer["userId"]) == ("identify", "7")
    assert customer["traits"] == {"email": "a@example.com", "name": "Ann", "city": "Bern"}
    assert (order["event"], order["messageId"]) == ("Order Placed", "o1")
    assert order["timestamp"] == "2026-01-01T10:00:00Z"
    assert order["properties"] == {"total": 9.5}
    assert (refund["event"], refund["userId"]) == ("Order Refunded", "7")
    assert refund["properties"] == {"total": 9.5}
    assert (account["type"], account["groupId"], account["userId"]) == ("group", "3", "7")
    assert account["traits"] == {"name": "Acme"}
    assert ended.summary["streams"]["audit_log"]["skipped"] == 1


def test_a_path_that_no_record_has_rejects_them_with_one_warning(segment: Segment) -> None:
    row = ROWS["customers"]
    lines = [schema("customers", *row), *[record("customers", **row)] * 3]
    route = {"call": "identify", "user_id": "custmer_id"}
    ended = segment.deliver(lines, streams={"customers": route})
    assert ended.exit_code == 3
    assert ended.log.count("did you mean 'customer_id'?") == 1
    assert ended.summary["rejected_by_reason"] == {"path_not_found": 3}


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"user": "u1"}, "delivered"),
        ({}, "skipped"),
        ({"user": None}, "skipped"),
        ({"user": ""}, "skipped"),
        ({"user": " \t"}, "skipped"),
        ({"user": True}, "rejected"),
        ({"user": 7.5}, "rejected"),
    ],
)
def test_a_row_that_is_nobodys_is_left_out_where_a_route_says_so(
    segment: Segment, row: dict[str, Any], outcome: str
) -> None:
    lines = [schema("charges", "id", "user"), record("charges", id=1, **row)]
    for without_id in ("skip", "reject"):
        route = {"call": "track", "user_id": "user", "event": {"literal": "E"}}
        ended = segment.deliver(lines, streams={"charges": {**route, "without_id": without_id}})
        expected = "rejected" if (outcome, without_id) == ("skipped", "reject") else outcome
        assert ended.summary[expected] == 1
        assert ended.summary["skipped_by_reason"] == (
            {"without_id": 1} if expected == "skipped" else {}
        )


def test_stream_maps_go_before_routes(segment: Segment) -> None:
    maps = {"__alias__": "people", "__filter__": "customer_id != 8", "email": "md5(email)"}
    rows = [{**ROWS["customers"], "customer_id": number} for number in (7, 8)]
    ended = segment.deliver(
        [schema("raw", *rows[0]), *(record("raw", **row) for row in rows)],
        stream_maps={"raw": maps},
        streams={"people": {"call": "identify", "user_id": "customer_id"}},
    )
    [message] = segment.messages
    assert message["userId"] == "7"
    assert len(message["traits"]["email"]) == 32
    assert ended.summary["skipped"] == 1


def test_an_action_of_moesif_is_a_track_call_and_an_api_call_none(segment: Segment) -> None:
    event = {
        "id": "e1",
        "requestTime": "2026-01-01T00:00:00.000Z",
        "eventType": "user_action",
        "actionName": "Signed Up",
        "userId": "u1",
        "companyId": "c1",
        "metadata": {"plan": "paid"},
        "request": {
            "uri": "https://acme.example/",
            "ipAddress": "192.0.2.1",
            "userAgent": {"name": "Firefox"},
            "userAgentString": "Mozilla/5.0",
        },
    }
    lines = [
        schema("events", *event, mark="events"),
        record("events", **event),
        record("events", **{**event, "id": "e2", "eventType": "api_call"}),
    ]
    ended = segment.deliver(lines)
    [message] = segment.messages
    assert message["context"].pop("library")
    assert message == {
        "type": "track",
        "userId": "u1",
        "event": "Signed Up",
        "messageId": "e1",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "context": {
            "ip": "192.0.2.1",
            "userAgent": "Mozilla/5.0",
            "page": {"url": "https://acme.example/"},
            "groupId": "c1",
        },
        "integrations": {"Moesif API Analytics": False},
        "properties": {"plan": "paid"},
    }
    assert ended.summary["skipped"] == 1
