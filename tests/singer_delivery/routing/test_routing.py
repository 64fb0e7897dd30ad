from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from singer_delivery import InputStream, NotKnown, NotSent, RecordRejected, RecordSkipped
from singer_delivery.routing import KnownShape, Route, Router
from singer_delivery.routing.binding import StreamRoute

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = {
    "acme.people": KnownShape(
        Route(
            call="identify",
            shape="acme.people",
            fields={"userId": ("id",)},
            kept=frozenset({"id"}),
            context="context",
            objects=frozenset({"company", "context"}),
        )
    ),
    "acme.teams": KnownShape(
        Route(call="group", fields={"groupId": ("id",)}), NotSent("no_call", "Nobody takes it.")
    ),
}


def schema(*properties: str) -> dict[str, Any]:
    return {"properties": {name: {} for name in properties}}


def routed(
    stream: str,
    fields: Any,
    streams: dict[str, Any] | None = None,
    **options: Any,
) -> Route | NotSent | NotKnown:
    """Find the route of a stream that has these fields."""
    router = options.get("router") or Router(
        streams,
        known=KNOWN,
        marked=KNOWN.get,
        calls=("identify", "group", "track"),
        warn=options.get("warnings", []).append,
    )
    declared = options.get("schema") or schema(*fields)
    key = options.get("key", ())
    found: Route | NotSent | NotKnown = router.route(
        InputStream(stream, declared, key, options.get("mark"))
    )
    return found


def call_for(
    stream: str, record: dict[str, Any], streams: dict[str, Any] | None = None, **options: Any
) -> Any:
    """Route one record of a stream whose schema has just its fields; give the call, decoded."""
    route = routed(stream, record, streams, **options)
    assert isinstance(route, Route), route
    declared = options.get("schema") or schema(*record)
    to_call = StreamRoute(route, declared, options.get("warnings", []).append)
    call = to_call(msgspec.json.decode(json.dumps(record), type=dict[str, msgspec.Raw]))
    return json.loads(msgspec.json.encode(call))


CUSTOMER = {"cust": 7, "mail": "a@example.com", "address": {"city": "Bern", "zip": "3000"}}
ORDER = {"id": "o1", "buyer": {"id": 7, "name": "Ann"}, "kind": "Order Placed", "total": 9.5}


def test_one_column_may_be_used_for_several_fields_of_a_call() -> None:
    route = {
        "call": "track",
        "user_id": "id",
        "message_id": "ID",
        "group_id": "id",
        "event": "kind",
        "timestamp": "at",
        "context": {"ip": "id", "page.url": "at"},
    }
    row = {"id": 7, "kind": "E", "at": "2026-01-01", "a": 1}
    assert call_for("s", row, {"s": route}) == {
        "type": "track",
        "userId": "7",
        "messageId": "7",
        "event": "E",
        "timestamp": "2026-01-01",
        "context": {"ip": 7, "page": {"url": "2026-01-01"}, "groupId": "7"},
        "properties": {"a": 1},
    }


def test_a_column_that_a_route_names_is_looked_up_for_no_other_field() -> None:
    row = {"user_id": "u", "group_id": "g", "anonymous_id": "a"}
    by_group = call_for("s", row, {"s": {"call": "identify", "user_id": "group_id"}})
    assert (by_group["userId"], by_group["anonymousId"]) == ("g", "a")
    assert "context" not in by_group
    marked = {"people": {"group_id": "id"}}
    both = call_for("people", {"id": "u"}, marked, mark="acme.people")
    assert (both["userId"], both["context"]) == ("u", {"groupId": "u"})


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


def test_a_group_that_the_context_brings_is_text_to_the_digit() -> None:
    record = {
        "messageId": "m",
        "type": "track",
        "userId": "u",
        "context": {"groupId": 7385295279312},
    }
    assert call_for("s", record)["context"] == {"groupId": "7385295279312"}
    row = {"id": "m", "user_id": "u", "context_group_id": 7}
    routed_row = call_for("web-clicked", row, {"*": {"as": "segment.warehouse"}})
    assert routed_row["context"] == {"groupId": "7"}


@pytest.mark.parametrize("stream", ["crm", "web-identifies"])
@pytest.mark.parametrize(
    "says", [{"Moesif API Analytics": False}, {"All": False, "Mixpanel": True}]
)
def test_a_row_may_say_which_destinations_get_it(stream: str, says: dict[str, Any]) -> None:
    crm = {"call": "identify", "user_id": "user_id"}
    streams = {"crm": crm, "web-*": {"as": "segment.warehouse"}}
    for written in (says, json.dumps(says)):
        call = call_for(stream, {"user_id": "u", "Integrations": written, "a": 1}, streams)
        assert (call["integrations"], call["traits"]) == (says, {"a": 1})
    for content in (["slack"], {"slack": True}, "slack", None):
        call = call_for("crm", {"user_id": "u", "integrations": content}, streams)
        assert (call.get("integrations"), call["traits"]) == (None, {"integrations": content})


@pytest.mark.parametrize("kind", [None, "", "sms", 1])
def test_a_raw_call_that_does_not_say_which_is_guessed_only_where_a_route_says_so(
    kind: object,
) -> None:
    """A table of an application may have these three columns too."""
    row = {"messageId": "m", "type": kind, "userId": "u", "event": "Read", "properties": {}}
    with pytest.raises(RecordRejected) as rejected:
        call_for("notifications", row)
    assert rejected.value.reason == "type_not_known"
    if not kind:
        routes = {"notifications": {"as": "segment.calls"}}
        assert call_for("notifications", row, routes)["type"] == "track"


def test_a_name_goes_before_a_pattern_and_patterns_in_their_order() -> None:
    streams = {
        "crm-*": {"call": "identify", "user_id": "id"},
        "crm-log": {"call": "ignore"},
        "*": {"call": "group", "group_id": "id"},
    }
    assert routed("crm-log", ["id"], streams) == NotSent()
    some = routed("crm-people", ["id"], streams)
    assert isinstance(some, Route)
    assert some.call == "identify"
    other = routed("else", ["id"], streams)
    assert isinstance(other, Route)
    assert other.call == "group"


def test_ignoring_all_others_ignores_nothing_that_is_known() -> None:
    others = {"*": {"call": "ignore"}}
    assert routed("orders", ["id"], others) == NotSent()
    assert call_for("people", PERSON, others, mark="acme.people") == AS_PERSON
    assert isinstance(routed("calls", ["messageId", "type", "userId"], others), Route)
    named = {"people": {"call": "ignore"}}
    assert routed("people", ["id"], named, mark="acme.people") == NotSent()


# Known streams.

PERSON = {"id": 7, "mail": "a@example.com", "context": {"ip": "192.0.2.1"}, "company": {"id": 1}}
AS_PERSON = {
    "type": "identify",
    "userId": "7",
    "context": {"ip": "192.0.2.1"},
    "traits": {"id": 7, "mail": "a@example.com", "company": {"id": 1}},
}


@pytest.mark.parametrize(
    "how", [{"mark": "acme.people"}, {"streams": {"anything": {"as": "acme.people"}}}]
)
def test_a_stream_is_known_by_its_mark_or_by_the_settings(how: dict[str, Any]) -> None:
    assert call_for("anything", PERSON, **how) == AS_PERSON


def test_a_known_stream_needs_no_field_but_its_key() -> None:
    call = call_for("s", {"id": "u"}, mark="acme.people")
    assert call == {"type": "identify", "userId": "u", "traits": {"id": "u"}}


def test_a_renamed_key_is_still_the_key() -> None:
    record = {"ident": "u", "mail": "m"}
    call = call_for("s", record, mark="acme.people", key=("ident",))
    assert (call["userId"], call["traits"]) == ("u", {"mail": "m"})


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"exclude": ["mail"]}, {"traits": {"id": 7, "company": {"id": 1}}}),
        ({"traits": ["mail"]}, {"traits": {"mail": "a@example.com"}}),
        (
            {"rename": {"mail": "email"}},
            {"traits": {"id": 7, "email": "a@example.com", "company": {"id": 1}}},
        ),
        (
            {"user_id": "mail"},
            {"userId": "a@example.com", "traits": {"id": 7, "company": {"id": 1}}},
        ),
    ],
)
@pytest.mark.parametrize("how", ["mark", "as"])
def test_a_route_on_a_known_stream_changes_only_what_it_says(
    settings: dict[str, Any], changes: dict[str, Any], how: str
) -> None:
    named = {"as": "acme.people"} if how == "as" else {}
    mark = "acme.people" if how == "mark" else None
    call = call_for("people", PERSON, {"people": {**named, **settings}}, mark=mark)
    assert call == {**AS_PERSON, **changes}


def test_a_stream_that_has_no_call_is_sent_only_with_one_of_the_settings() -> None:
    assert routed("teams", ["id"], mark="acme.teams") == NotSent("no_call", "Nobody takes it.")
    excluded = routed("teams", ["id"], {"teams": {"exclude": ["x"]}}, mark="acme.teams")
    assert isinstance(excluded, NotSent)
    call = call_for("teams", {"id": "g"}, {"teams": {"call": "group"}}, mark="acme.teams")
    assert call["groupId"] == "g"


FLAT = {
    "id": "u",
    "company__id": "c",
    "company__tags": '["a"]',
    "company__size": None,
    "context__ip": "192.0.2.1",
    "context__location__city": "Bern",
    "plan__name": "paid",
}


def test_a_known_stream_that_was_flattened_is_put_back_together() -> None:
    assert call_for("s", FLAT, mark="acme.people") == {
        "type": "identify",
        "userId": "u",
        "context": {"ip": "192.0.2.1", "location": {"city": "Bern"}},
        "traits": {
            "id": "u",
            "company": {"id": "c", "tags": ["a"], "size": None},
            "plan__name": "paid",
        },
    }


def test_text_that_holds_an_objects_json_is_the_object() -> None:
    text = {"properties": {"id": {}, "company": {"type": ["string", "null"]}, "note": {}}}
    record = {"id": "u", "company": '{"id": 5}', "note": '{"not": "an object field"}'}
    call = call_for("s", record, mark="acme.people", schema=text)
    assert call["traits"] == {**record, "company": {"id": 5}}


def test_an_object_that_was_null_is_none_after_flattening() -> None:
    record = {"id": "u", "company__id": None, "company__size": None}
    assert call_for("s", record, mark="acme.people")["traits"] == {"id": "u"}


@pytest.mark.parametrize("separator", [".", "-", ":", "//"])
def test_another_separator_of_flattening_is_undone_too(separator: str) -> None:
    flat = {name.replace("__", separator): value for name, value in FLAT.items()}
    added = f"plan{separator}name"
    expected = call_for("s", FLAT, mark="acme.people")
    expected["traits"][added] = expected["traits"].pop("plan__name")
    assert call_for("s", flat, mark="acme.people") == expected
    whole = {"id": "u", "company": {"id": 1}, f"company{separator}size": 5}
    assert call_for("s", whole, mark="acme.people")["traits"] == whole


def test_what_cannot_be_put_back_together_is_warned_of_and_sent_as_it_is() -> None:
    record = {"id": "u", "company_id": "c", "context_ip": "192.0.2.1"}
    warnings: list[str] = []
    call = call_for("s", record, mark="acme.people", warnings=warnings)
    assert call["traits"] == record
    assert "flattening_separator" in warnings[0]
    one = {"id": "u", "company_size": 5, "context": {}}
    assert call_for("s", one, mark="acme.people", warnings=warnings)["traits"]["company_size"] == 5
    assert len(warnings) == 1


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("change", [str.lower, str.upper, str.title, str])
@pytest.mark.parametrize(
    "call",
    [
        {"type": "track", "event": "E", "properties": {"a": 1}},
        {"type": "identify", "traits": {"a": {"b": 2}}},
        {"type": "group", "groupId": "g", "traits": {"a": 1}},
        {"type": "page", "name": "N", "category": "C", "properties": {"a": 1}},
        {"type": "alias", "previousId": "p"},
    ],
)
def test_a_raw_calls_names_may_have_any_letter_case_down_to_its_context(
    call: dict[str, Any], change: Callable[[str], str], typed: bool
) -> None:
    whole = {
        **call,
        "messageId": "m",
        "userId": "u",
        "timestamp": "2026-01-01T00:00:00Z",
        "integrations": {"All": False, "Moesif API Analytics": True},
        "context": {"userAgent": "UA", "page": {"url": "x"}, "own": 1},
    }
    record = {change(name): value for name, value in whole.items()}
    for name in ("integrations", "context"):
        record[change(name)] = {
            key if key == "own" else change(key): value for key, value in whole[name].items()
        }
    kinds: dict[type, str] = {dict: "object", str: "string"}
    types = {name: {"type": kinds[type(value)]} for name, value in record.items()}
    declared = {"properties": types} if typed else schema(*record)
    assert call_for("s", record, schema=declared) == whole


# Streams that nothing is known of.


@pytest.mark.parametrize(
    ("stream", "fields", "key", "line"),
    [
        ("users", ["id", "email", "created_at"], "id", "users: {call: identify, user_id: id}"),
        ("customers", ["nr", "e_mail"], "nr", "customers: {call: identify, user_id: nr}"),
        ("orders", ["id", "email", "total"], "id", "orders: {call: ignore}"),
        ("companies", ["id", "name", "email"], "id", "companies: {call: ignore}"),
        (
            "orders",
            ["id", "customer_id", "placed_at"],
            "id",
            "orders: {call: track, user_id: customer_id, event: {literal: Orders}, timestamp: pl",
        ),
        (
            "login_audit",
            ["id", "userId", "event"],
            "id",
            "login_audit: {call: track, user_id: userId, event: event}",
        ),
        (
            "memberships",
            ["id", "userId", "groupId", "role"],
            "id",
            "memberships: {call: group, user_id: userId, group_id: groupId}",
        ),
        ("transfers", ["id", "user_id", "buyer_id"], "id", "transfers: {call: ignore}"),
        (
            "companies",
            ["id", "ownerId", "email"],
            "id",
            "companies: {call: group, user_id: ownerId, group_id: id}",
        ),
        ("Contact", ["Id", "Email", "OwnerId"], "Id", "Contact: {call: identify, user_id: Id}"),
        ("people", ["id", "user_id", "email"], "id", "people: {call: identify, user_id: user_id}"),
        ("user_accounts", ["id", "email"], "id", "user_accounts: {call: identify, user_id: id}"),
        *(
            (name, ["id", "email", "first_name"], "id", f"{name}: {{call: ignore}}")
            for name in ("userOrders", "client_companies", "customer-reviews", "client_contracts")
        ),
        ("contact_lists", ["id", "email"], "id", "contact_lists: {call: ignore}"),
        (
            "logins",
            ["id", "userId", "password_hash", "apiKey"],
            "id",
            "logins: {call: track, user_id: userId, event: {literal: Logins}, exclude: [password",
        ),
        ("sums", ["total"], None, "sums: {call: ignore}"),
        ("it's *", ["total"], None, "'it''s [*]': {call: ignore}"),
        ("null", [], None, "'null': {call: ignore}"),
        ("prod-identifies", ["id", "received_at", "user_id"], "id", "'prod-*': {as: segment.war"),
        ("PROD__ORDERED", ["ID", "RECEIVED_AT", "SENT_AT"], "ID", "'PROD__*': {as: segment.ware"),
        ("calls", ["writeKey", "receivedAt", "userId"], None, "calls: {as: segment.calls}"),
        ("calls", ["user_id", "event", "properties"], None, "calls: {as: segment.calls}"),
    ],
)
def test_what_is_not_known_is_said_with_the_line_to_add(
    stream: str, fields: list[str], key: str | None, line: str
) -> None:
    found = routed(stream, fields, key=(key,) if key else ())
    assert isinstance(found, NotKnown)
    assert f"Add under streams in the settings: {line}" in found.advice


def line_to_add(found: object) -> dict[str, Any]:
    assert isinstance(found, NotKnown)
    streams: dict[str, Any] = yaml.safe_load(found.advice.rpartition("in the settings: ")[2])
    return streams


@pytest.mark.parametrize(
    "stream",
    [
        *("users", "crm.users", "it's users", "größe-顧客", "no", "1e3", "- a: #b", "[users]"),
        *("u*?", "*", "two\nlines", "tab\t", "back\\slash\n"),
        *("\u2028", "\x85", "\x7f\x00", "\ufeff", "\U000e0001"),
    ],
)
def test_the_line_to_add_works_and_names_no_other_stream(stream: str) -> None:
    assert "\n" not in getattr(routed(stream, ["id", "user_id"]), "advice", "\n")
    for fields in (["id", "user_id"], ["id", "total"]):
        streams = line_to_add(routed(stream, fields, key=("id",)))
        assert isinstance(routed(stream, fields, streams), Route | NotSent)
        assert isinstance(routed(f"{stream}x", fields, streams), NotKnown)
    [route] = line_to_add(routed(stream, ["id", "user_id"], key=("id",))).values()
    assert route["event"]["literal"]


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_the_line_to_add_works_whatever_the_names(stream: str, column: str) -> None:
    assume(column.lower() not in {"id", "user_id"})
    streams = line_to_add(routed(stream, ["id", column, "user_id"], key=(column,)))
    assert isinstance(routed(stream, ["id"], streams), Route)


def test_a_route_that_says_too_little_is_named_and_completed() -> None:
    incomplete = {"ord*": {"exclude": ["card"], "traits": ["a"]}}
    fields = ["id", "user_id", "card", "password"]
    found = routed("orders", fields, incomplete, key=("id",))
    assert isinstance(found, NotKnown)
    assert "streams.ord* has neither call nor as" in found.advice
    [route] = line_to_add(found).values()
    assert route["exclude"] == ["password", "card"]
    assert "traits" not in route, "it means nothing for a track"
    route = call_for("orders", {"id": 1, "user_id": 2, "card": 3}, incomplete | line_to_add(found))
    assert route["properties"] == {"id": 1}
    own = routed("orders", fields, {"orders": {"user_id": "id"}})
    assert isinstance(own, NotKnown)
    assert "replaces the existing one" in own.advice
    assert line_to_add(own)["orders"]["user_id"] == "id"


def test_a_table_of_a_warehouse_whose_pattern_says_too_little_gets_a_line_of_its_own() -> None:
    streams = {"prod-*": {"exclude": ["email"]}}
    found = routed("prod-identifies", ["id", "received_at", "user_id"], streams)
    assert line_to_add(found) == {
        "prod-identifies": {"as": "segment.warehouse", "exclude": ["email"]}
    }


@given(st.sets(st.from_regex(r"[a-zA-Z_]{1,12}", fullmatch=True), max_size=8))
def test_no_stream_is_sent_unasked_but_raw_calls(fields: set[str]) -> None:
    found = routed("anything", fields)
    if isinstance(found, Route):
        lower = {name.lower() for name in fields}
        assert {"messageid", "type"} <= lower
    else:
        assert isinstance(found, NotKnown)


def test_bookkeeping_is_no_content_of_a_stream_that_has_a_call_alone() -> None:
    streams = {"*": {"call": "identify", "user_id": "userId"}}
    envelope = {"writeKey": "k", "projectId": "p", "channel": "c", "type": "x", "version": 2}
    call = call_for("s", {"userId": "u", **envelope, "_SDC_X": 1, "plan": "paid"}, streams)
    assert call["traits"] == {"plan": "paid"}
    row = {**ROW, "plan": "paid"}
    by_column = {"*": {"call": "identify", "user_id": "user_id"}}
    assert call_for("s", row, by_column)["traits"] == {"plan": "paid"}
    own = {"userId": "u", "channel": "web", "type": "b2b", "version": 2}
    assert call_for("s", own, streams)["traits"] == {"channel": "web", "type": "b2b", "version": 2}


def test_bookkeeping_is_no_content_even_where_a_route_names_it() -> None:
    row = {"id": "u", "a": 1, "_sdc_batched_at": "now", "o": {"_SDC_X": 1, "b": 2}}
    traits = ["a", "_sdc_batched_at", "_SDC_BATCHED_AT", "o._SDC_X", "o.b"]
    call = call_for("s", row, {"s": {"call": "identify", "user_id": "id", "traits": traits}})
    assert call["traits"] == {"a": 1, "o": {"b": 2}}


def test_names_fit_in_any_letter_case_where_one_does() -> None:
    streams = {"s": {"call": "identify", "user_id": "id", "traits": ["Mail", "Home.City"]}}
    record = {"ID": 1, "MAIL": "m", "home": {"CITY": "Bern"}}
    call = call_for("s", record, streams)
    assert call["userId"] == "1"
    assert call["traits"] == {"Mail": "m", "Home": {"City": "Bern"}}
    two = {"s": {"call": "identify", "user_id": "id", "anonymous_id": "a"}}
    with pytest.raises(RecordRejected):
        call_for("s", {"Id": 1, "ID": 2}, two)


@pytest.mark.parametrize("setting", ["user_id", "event", "message_id"])
def test_an_id_or_an_event_that_is_in_no_schema_is_said_and_rejects_the_records(
    setting: str,
) -> None:
    route = {"call": "track", "user_id": "cust", "event": "mail", setting: "custt"}
    warnings: list[str] = []
    with pytest.raises(RecordRejected, match=rf"streams\.customers\.{setting}") as rejected:
        call_for("customers", CUSTOMER, {"customers": route}, warnings=warnings)
    assert rejected.value.reason == "path_not_found"
    [warning] = warnings
    assert f"streams.customers.{setting} names 'custt'" in warning
    assert "did you mean 'cust'?" in warning


def warned(record: dict[str, Any], **route: Any) -> str:
    """Give the only warning about a route for some records, whatever becomes of them."""
    warnings: list[str] = []
    with suppress(RecordRejected):
        call_for("s", record, {"s": route}, warnings=warnings)
    [warning] = warnings
    return warning


def test_an_event_that_is_meant_as_a_text_is_told_how_to_be_one() -> None:
    warning = warned({"id": "u"}, call="track", user_id="id", event="Signed Up")
    assert "is always the same, set {literal: 'Signed Up'})" in warning


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "user"])
def test_a_call_without_any_id_of_a_user_is_told_which_setting_it_lacks(call: str) -> None:
    event = {"event": {"literal": "A"}} if call == "track" else {}
    warning = warned({"id": "u"}, call=call, **event)
    assert "streams.s has no user_id, and 's' has no field of that name" in warning
    assert "all records are rejected" in warning
    assert "all records are skipped" in warned({"id": "u"}, call=call, without_id="skip", **event)


@pytest.mark.parametrize(
    ("record", "route"),
    [
        ({"user_id": "u"}, {"call": "identify"}),
        ({"USERID": "u"}, {"call": "identify"}),
        ({"id": "u"}, {"call": "identify", "anonymous_id": "id"}),
        ({"id": "g"}, {"call": "group", "group_id": "id"}),
        ({"id": "u"}, {"as": "acme.people"}),
    ],
)
def test_a_route_that_finds_an_id_is_not_warned_of(
    record: dict[str, Any], route: dict[str, Any]
) -> None:
    warnings: list[str] = []
    with suppress(RecordRejected):
        call_for("s", record, {"s": route}, warnings=warnings)
    assert warnings == []


def test_a_byte_order_mark_before_a_name_is_named() -> None:
    marked = {"\ufeffid": "u", "name": "n"}
    warning = warned(marked, call="identify", user_id="id")
    assert "there it begins with a byte order mark. Have the tap read" in warning
    assert "\ufeff" not in warning
    assert "did you mean '\\ufeffid'?" in warned(marked, call="identify", user_id="idd")
    unknown = routed("s", marked)
    assert isinstance(unknown, NotKnown)
    assert "begins with a byte order mark. Have the tap read" in unknown.advice


def test_a_trait_that_a_record_has_not_is_not_sent() -> None:
    streams = {"s": {"call": "identify", "user_id": "id", "traits": ["mail", "bio"]}}
    warnings: list[str] = []
    assert call_for("s", {"id": 1, "mail": "m"}, streams, warnings=warnings)["traits"] == {
        "mail": "m"
    }
    assert "it is left out" in warnings[0]


def test_what_flattening_has_taken_apart_is_named() -> None:
    warnings: list[str] = []
    orders = {"orders": {"call": "track", "user_id": "customer.id", "event": "kind"}}
    with pytest.raises(RecordRejected):
        call_for("orders", {"customer__id": 7, "kind": "k"}, orders, warnings=warnings)
    assert "it was flattened to 'customer__id'" in warnings.pop()
    streams = {"s": {"call": "identify", "user_id": "id", "context": "ctx", "traits": ["Plan"]}}
    call_for("s", {"id": 1, "ctx__ip": "i", "plan__name": "n"}, streams, warnings=warnings)
    assert "it was flattened to columns such as 'ctx__ip'" in warnings[0]
    assert "it was flattened to columns such as 'plan__name'" in warnings[1]


def test_a_record_may_have_what_its_schema_does_not_list() -> None:
    streams = {"s": {"call": "identify", "user_id": "id"}}
    call = call_for("s", {"id": 7, "n": 1}, streams, schema={"properties": {}})
    assert (call["userId"], call["traits"]) == ("7", {"n": 1})


@pytest.mark.parametrize("text", ["undefined", "null", "NULL", "None", "[object Object]", "NaN"])
def test_an_id_that_a_program_wrote_for_none_is_warned_of_and_sent(text: str) -> None:
    streams = {"s": {"call": "identify", "user_id": "id"}}
    warnings: list[str] = []
    assert call_for("s", {"id": text}, streams, warnings=warnings)["userId"] == text
    assert f"'{text}'" in warnings[0]


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_id_is_none_where_the_other_is_there(blank: str) -> None:
    streams = {"s": {"call": "identify", "user_id": "id", "anonymous_id": "a"}}
    call = call_for("s", {"id": blank, "a": "v"}, streams)
    assert (call.get("userId"), call["anonymousId"]) == (None, "v")


def test_a_path_of_the_schema_may_be_missing_in_a_record() -> None:
    streams = {"s": {"call": "identify", "user_id": "id", "timestamp": "at", "traits": ["plan"]}}
    call = call_for("s", {"id": "u"}, streams, schema=schema("id", "at", "plan"))
    assert call == {"type": "identify", "userId": "u", "traits": {}}


def test_what_is_null_is_absent() -> None:
    streams = {"s": {"call": "track", "user_id": "id", "anonymous_id": "anon", "event": "e"}}
    call = call_for("s", {"id": None, "anon": "a", "e": "E"}, streams)
    assert call == {"type": "track", "anonymousId": "a", "event": "E", "properties": {}}


@pytest.mark.parametrize(
    ("column", "gone", "there"),
    [
        ("_sdc_deleted_at", "2026-01-01", None),
        ("_SDC_DELETED_AT", "2026-01-01", None),
        ("_sdc_lsn_deleted_at", "2026-01-01", ""),
        ("_fivetran_deleted", True, False),
        ("__deleted", "true", "false"),
        ("_FIVETRAN_DELETED", "t", "f"),
        ("_sdc_is_deleted", 1, 0),
        ("_PEERDB_IS_DELETED", True, "0"),
    ],
)
def test_a_row_that_is_gone_is_no_call(column: str, gone: object, there: object) -> None:
    streams = {"s": {"call": "identify", "user_id": "id"}}
    with pytest.raises(RecordSkipped, match="deleted"):
        call_for("s", {"id": "u", column: gone, "_sdc_lsn": 5}, streams)
    assert call_for("s", {"id": "u", column: there, "_sdc_lsn": 5}, streams)["traits"] == {}


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
WAREHOUSE = {"*": {"as": "segment.warehouse"}}
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
        ("signed_up", {}, {"type": "track", "event": "signed_up", "properties": {}}),
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
    row = {**ROW, **columns}
    assert call_for(stream, row, WAREHOUSE) == {**COMMON, **call}
    upper = {name.upper(): value for name, value in row.items()}
    for other in (f"PROD-{stream.rpartition('-')[2].upper()}", f"prod__{stream}_view"):
        assert call_for(other, upper, WAREHOUSE) == {**COMMON, **call}


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
    assert call_for(f"public-{table}", row, WAREHOUSE) == {
        **identity,
        "timestamp": "2026-01-01",
        "traits": {"name": "Acme"},
    }


def test_a_route_for_a_table_changes_only_what_it_says() -> None:
    streams = {"identifies": {"as": "segment.warehouse", "exclude": ["secret"]}}
    call = call_for("identifies", {**ROW, "plan": "paid", "secret": "s"}, streams)
    assert call == {**COMMON, "type": "identify", "traits": {"plan": "paid"}}


def test_the_same_calls_from_two_tables_are_warned_about() -> None:
    warnings: list[str] = []
    router = Router(WAREHOUSE, known={}, marked=lambda _: None, calls=(), warn=warnings.append)
    for table in ("signed_up", "pages", "tracks"):
        routed(table, ["id", "received_at", "sent_at", "event"], router=router)
    assert len(warnings) == 1
    assert "tracks" in warnings[0]
