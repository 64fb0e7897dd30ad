"""The `streams` setting, as the README shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from commands import run
from segment_runs import deliver, record, rejected, schema, scripted_segment, sent, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import ScriptedService

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


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def documented() -> Any:
    [block] = [
        text.split("```")[0]
        for text in README.read_text().split("```yaml\n")[1:]
        if text.startswith("streams:")
    ]
    return yaml.safe_load(block)["streams"]


def test_the_documented_routes_do_what_is_said(segment: ScriptedService, tmp_path: Path) -> None:
    lines = [
        line
        for stream, row in ROWS.items()
        for line in (schema(stream, *row), record(stream, **row))
    ]
    ended = deliver(segment, tmp_path, lines, streams=documented(), lanes=1)
    assert ended.code == 0, ended.stderr
    assert "not in the schema" not in ended.stderr
    customer, order, refund, account = sent(segment)
    assert (customer["type"], customer["userId"]) == ("identify", "7")
    assert customer["traits"] == {"email": "a@example.com", "name": "Ann", "city": "Bern"}
    assert (order["event"], order["messageId"]) == ("Order Placed", "o1")
    assert order["timestamp"] == "2026-01-01T10:00:00Z"
    assert order["properties"] == {"total": 9.5}
    assert (refund["event"], refund["userId"]) == ("Order Refunded", "7")
    assert refund["properties"] == {"total": 9.5}
    assert (account["type"], account["groupId"], account["userId"]) == ("group", "3", "7")
    assert account["traits"] == {"name": "Acme"}
    assert summary(tmp_path)["streams"]["audit_log"]["skipped"] == 1


def test_a_wrong_route_is_found_before_anything_is_read(
    segment: ScriptedService, tmp_path: Path
) -> None:
    streams = {"orders": {"call": "track", "usr_id": "id"}}
    ended = deliver(segment, tmp_path, [], streams=streams)
    assert ended.code == 1
    assert "streams.orders.usr_id" in ended.stderr
    assert "did you mean 'user_id'?" in ended.stderr
    assert ended.says_plainly()


def test_a_path_that_no_record_has_rejects_them_with_one_warning(
    segment: ScriptedService, tmp_path: Path
) -> None:
    streams = {"customers": {"call": "identify", "user_id": "custmer_id"}}
    row = ROWS["customers"]
    lines = [schema("customers", *row), *[record("customers", **row)] * 3]
    ended = deliver(segment, tmp_path, lines, streams=streams)
    assert ended.code == 3
    assert ended.stderr.count("did you mean 'customer_id'?") == 1
    _, *records = rejected(tmp_path)
    assert {line["record"]["_delivery_reject"]["reason"] for line in records} == {"path_not_found"}
    assert len(records) == 3


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
@pytest.mark.parametrize("target", ["target-segment", "target-moesif"])
def test_a_row_that_is_nobodys_is_left_out_where_a_route_says_so(
    target: str, row: dict[str, Any], outcome: str, segment: ScriptedService, tmp_path: Path
) -> None:
    route = {"call": "track", "user_id": "user", "event": {"literal": "E"}}
    key = {"write_key": "k", "host": segment.url}
    if target == "target-moesif":
        key = {"application_id": "k", "api_url": segment.url}
    for without_id in ("skip", "reject"):
        config = {
            **key,
            "streams": {"charges": {**route, "without_id": without_id}},
            "summary_path": "summary.json",
            "max_rejects": -1,
        }
        lines = [schema("charges", "id", "user"), record("charges", id=1, **row)]
        assert run(target, tmp_path, config, lines=lines).code == 0
        counts = summary(tmp_path)
        expected = "rejected" if (outcome, without_id) == ("skipped", "reject") else outcome
        assert counts[expected] == 1
        if expected == "skipped":
            assert counts["skipped_by_reason"] == {"without_id": 1}


def test_stream_maps_go_before_routes(segment: ScriptedService, tmp_path: Path) -> None:
    row = ROWS["customers"]
    lines = [schema("raw", *row), record("raw", **row)]
    ended = deliver(
        segment,
        tmp_path,
        lines,
        stream_maps={"raw": {"__alias__": "people", "email": "md5(email)"}},
        streams={"people": {"call": "identify", "user_id": "customer_id"}},
    )
    assert ended.code == 0, ended.stderr
    [message] = sent(segment)
    assert message["userId"] == "7"
    assert len(message["traits"]["email"]) == 32


def test_an_action_of_moesif_is_a_track_call_and_an_api_call_none(
    segment: ScriptedService, tmp_path: Path
) -> None:
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
    assert deliver(segment, tmp_path, lines).code == 0
    [message] = sent(segment)
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
    assert summary(tmp_path)["skipped"] == 1
