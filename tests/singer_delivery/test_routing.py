from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from singer_delivery.errors import RecordRejected
from singer_delivery.reading.mapped import NotSent
from singer_delivery.routing.router import Plan, Router
from singer_delivery.routing.shapes import MoesifStream


def schema(*properties: str) -> dict[str, Any]:
    return {"properties": {name: {} for name in properties}}


def call_for(
    stream: str, record: dict[str, Any], streams: dict[str, Any] | None = None, **options: Any
) -> Any:
    """Route one record of a stream whose schema has just its fields; give the call, decoded."""
    warnings: list[str] = options.get("warnings", [])
    declared = options.get("schema") or schema(*record)
    plan = Router(streams, warnings.append).route(stream, declared)
    assert isinstance(plan, Plan)
    encoded = msgspec.json.decode(json.dumps(record), type=dict[str, msgspec.Raw])
    call = plan(encoded)
    return None if call is None else json.loads(msgspec.json.encode(call))


CUSTOMER = {"cust": 7, "mail": "a@example.com", "address": {"city": "Bern", "zip": "3000"}}
ORDER = {"id": "o1", "buyer": {"id": 7, "name": "Ann"}, "kind": "Order Placed", "total": 9.5}


def test_a_route_says_where_a_calls_fields_are() -> None:
    streams = {"customers": {"call": "identify", "user_id": "cust"}}
    assert call_for("customers", CUSTOMER, streams) == {
        "type": "identify",
        "userId": "7",
        "traits": {"mail": "a@example.com", "address": {"city": "Bern", "zip": "3000"}},
    }


def test_an_event_is_in_a_column_or_the_same_for_all() -> None:
    by_column = {"call": "track", "user_id": "buyer.id", "event": "kind", "message_id": "id"}
    assert call_for("orders", ORDER, {"orders": by_column}) == {
        "type": "track",
        "userId": "7",
        "event": "Order Placed",
        "messageId": "o1",
        "properties": {"buyer": {"name": "Ann"}, "total": 9.5},
    }
    literal = {"call": "track", "user_id": "buyer.id", "event": {"literal": "Bought"}}
    call = call_for("orders", ORDER, {"orders": literal})
    assert call["event"] == "Bought"
    assert call["properties"]["kind"] == "Order Placed"


def test_fields_are_chosen_left_out_and_renamed() -> None:
    route = {
        "call": "identify",
        "user_id": "cust",
        "traits": ["cust", "mail", "address.city"],
        "exclude": ["cust"],
        "rename": {"mail": "email", "address.city": "home.city"},
    }
    assert call_for("customers", CUSTOMER, {"customers": route})["traits"] == {
        "email": "a@example.com",
        "home": {"city": "Bern"},
    }


def test_two_names_can_be_exchanged() -> None:
    route = {"call": "identify", "user_id": "id", "rename": {"a": "b", "b": "a"}}
    call = call_for("s", {"id": "u", "a": 1, "b": 2}, {"s": route})
    assert call["traits"] == {"a": 2, "b": 1}


def test_a_context_is_a_column_or_made_of_some() -> None:
    record = {"id": "u", "ctx": {"ip": "192.0.2.1"}, "addr": "192.0.2.2", "page": None}
    one = call_for("s", record, {"s": {"call": "identify", "user_id": "id", "context": "ctx"}})
    assert one["context"] == {"ip": "192.0.2.1"}
    made = {"call": "identify", "user_id": "id", "context": {"ip": "addr", "page.url": "page"}}
    other = call_for("s", record, {"s": made})
    assert other["context"] == {"ip": "192.0.2.2"}
    assert other["traits"] == {"ctx": {"ip": "192.0.2.1"}}


def test_a_group_is_a_groups_own_and_elsewhere_context() -> None:
    record = {"id": "u", "org": 5}
    group = {"call": "group", "user_id": "id", "group_id": "org"}
    assert call_for("s", record, {"s": group})["groupId"] == "5"
    track = {**group, "call": "track", "event": {"literal": "E"}}
    call = call_for("s", record, {"s": track})
    assert "groupId" not in call
    assert call["context"] == {"groupId": "5"}


def test_a_name_goes_before_a_pattern_and_patterns_in_their_order() -> None:
    streams = {
        "crm-*": {"call": "identify", "user_id": "id"},
        "crm-log": {"call": "ignore"},
        "*": {"call": "group", "group_id": "id"},
    }
    router = Router(streams, print)
    assert router.route("crm-log", schema("id")) == NotSent()
    some = router.route("crm-people", schema("id"))
    assert isinstance(some, Plan)
    assert some.kind == "identify"
    other = router.route("else", schema("id"))
    assert isinstance(other, Plan)
    assert other.kind == "group"


def test_a_foreign_stream_is_not_sent_unasked_and_the_advice_shows_how() -> None:
    route = Router({}, print).route("users", schema("id", "email", "created_at"))
    assert isinstance(route, NotSent)
    assert "streams: {users: {call: identify, user_id: id}}" in route.advice


def test_a_stream_of_tap_moesif_is_the_targets_to_deal_with() -> None:
    user = schema("id", "modifiedTime", "lastSeenTime")
    assert Router({}, print).route("anything", user) is MoesifStream.USERS


def test_a_route_for_a_stream_of_tap_moesif_knows_its_ids() -> None:
    record = {"id": "c1", "modifiedTime": "2026-01-01", "companyDomain": "acme.example"}
    call = call_for("companies", record, {"companies": {"call": "company"}})
    assert call["groupId"] == "c1"
    assert call["traits"] == {"modifiedTime": "2026-01-01", "companyDomain": "acme.example"}


def test_a_path_that_is_in_no_schema_is_said_once_and_rejects_the_records() -> None:
    streams = {"customers": {"call": "identify", "user_id": "custt"}}
    warnings: list[str] = []
    with pytest.raises(RecordRejected, match=r"streams\.customers\.user_id") as rejected:
        call_for("customers", CUSTOMER, streams, warnings=warnings)
    assert rejected.value.reason == "path_not_found"
    [warning] = warnings
    assert "streams.customers.user_id names 'custt'" in warning
    assert "did you mean 'cust'?" in warning


def test_a_path_of_the_schema_may_be_missing_in_a_record() -> None:
    streams = {"s": {"call": "identify", "user_id": "id", "timestamp": "at", "traits": ["plan"]}}
    call = call_for("s", {"id": "u"}, streams, schema=schema("id", "at", "plan"))
    assert call == {"type": "identify", "userId": "u", "traits": {}}


def test_what_is_null_is_absent() -> None:
    streams = {"s": {"call": "track", "user_id": "id", "anonymous_id": "anon", "event": "e"}}
    call = call_for("s", {"id": None, "anon": "a", "e": "E"}, streams)
    assert call == {"type": "track", "anonymousId": "a", "event": "E", "properties": {}}


def test_a_row_that_is_gone_is_no_call() -> None:
    streams = {"s": {"call": "identify", "user_id": "id"}}
    record = {"id": "u", "_sdc_deleted_at": "2026-01-01", "_sdc_lsn": 5}
    assert call_for("s", record, streams) is None
    kept = call_for("s", {**record, "_sdc_deleted_at": None}, streams)
    assert kept["traits"] == {}


# Segment's warehouses.

ROW = {
    "id": "m1",
    "user_id": "u1",
    "anonymous_id": None,
    "received_at": "2026-01-01T00:00:09+00:00",
    "sent_at": "2026-01-01T00:00:08+00:00",
    "original_timestamp": "2026-01-01T00:00:02+00:00",
    "timestamp": "2026-01-01T00:00:01+00:00",
    "uuid_ts": "2026-01-01T01:00:00+00:00",
    "context_ip": "192.0.2.1",
    "context_page_url": "https://acme.example/",
    "context_campaign_name": None,
    "context_library_name": "analytics.js",
}
COMMON = {
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-01-01T00:00:01+00:00",
    "context": {
        "ip": "192.0.2.1",
        "page": {"url": "https://acme.example/"},
        "library": {"name": "analytics.js"},
    },
}


@pytest.mark.parametrize(
    ("stream", "columns", "call"),
    [
        ("identifies", {"plan": "paid"}, {"type": "identify", "traits": {"plan": "paid"}}),
        (
            "web-groups",
            {"group_id": 5, "name": "Acme"},
            {"type": "group", "groupId": "5", "traits": {"name": "Acme"}},
        ),
        (
            "tracks",
            {"event": "signed_up", "event_text": "Signed Up"},
            {"type": "track", "event": "Signed Up", "properties": {}},
        ),
        (
            "signed_up",
            {"event": "signed_up", "event_text": "Signed Up", "name": "x", "group_id": "g"},
            {"type": "track", "event": "Signed Up", "properties": {"name": "x", "group_id": "g"}},
        ),
        (
            "signed_up",
            {"event": "signed_up", "event_text": None},
            {"type": "track", "event": "signed_up", "properties": {}},
        ),
        (
            "pages",
            {"name": "Docs", "category": None, "title": "T"},
            {"type": "page", "name": "Docs", "properties": {"title": "T"}},
        ),
        ("aliases", {"previous_id": "old"}, {"type": "alias", "previousId": "old"}),
    ],
)
def test_a_row_of_a_warehouse_is_the_call_it_was(
    stream: str, columns: dict[str, Any], call: dict[str, Any]
) -> None:
    assert call_for(stream, {**ROW, **columns}) == {**COMMON, **call}


@pytest.mark.parametrize(
    ("table", "identity"),
    [
        ("users", {"type": "identify", "userId": "x1"}),
        ("accounts", {"type": "group", "groupId": "x1"}),
    ],
)
def test_in_users_and_accounts_the_id_is_whose_they_are(
    table: str, identity: dict[str, str]
) -> None:
    row = {"id": "x1", "received_at": "2026-01-01", "uuid_ts": "2026-01-02", "name": "Acme"}
    assert call_for(f"public-{table}", row) == {
        **identity,
        "timestamp": "2026-01-01",
        "traits": {"name": "Acme"},
    }


def test_a_route_for_a_table_changes_only_what_it_says() -> None:
    streams = {"identifies": {"call": "identify", "exclude": ["secret"]}}
    call = call_for("identifies", {**ROW, "plan": "paid", "secret": "s"}, streams)
    assert call == {**COMMON, "type": "identify", "traits": {"plan": "paid"}}


def test_the_same_calls_from_two_tables_are_warned_about() -> None:
    warnings: list[str] = []
    router = Router({}, warnings.append)
    for table in ("signed_up", "pages", "tracks"):
        router.route(table, schema("id", "received_at", "sent_at", "event"))
    assert len(warnings) == 1
    assert "tracks" in warnings[0]
