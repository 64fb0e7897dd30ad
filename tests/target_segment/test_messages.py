from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery import InputStream, RecordRejected
from singer_delivery.routing import Route, RoutedStream, Router
from target_segment import moesif
from target_segment.messages import Messages, tenant_of

LIBRARY = {"name": "target-segment", "version": "1.2.3"}
USER = {
    "id": "user-1",
    "email": "zoë@example.com",
    "phone": None,
    "company": {"id": "c1", "ttfhw_s": None},
    "context": {"ip": "192.0.2.1", "location": {"city": "Zürich"}},
}
EXTRACTED = "2026-01-01T00:00:00.000Z"


def messages(**options: Any) -> Messages:
    settings: dict[str, Any] = {
        "tenant": tenant_of("key"),
        "integrations": None,
        "null_traits": False,
        "company_groups": False,
        "library": msgspec.json.encode(LIBRARY),
    }
    return Messages(**{**settings, **options})


def raw(record: dict[str, Any]) -> dict[str, msgspec.Raw]:
    """A record as the reader hands it out."""
    return msgspec.json.decode(json.dumps(record), type=dict[str, msgspec.Raw])


def encoded(
    record: dict[str, Any],
    extracted: str | None = EXTRACTED,
    stream: InputStream | None = None,
    streams: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Encode one record, of tap-moesif's users unless it is said of which stream."""
    properties: dict[str, Any] = {"properties": {name: {} for name in record}}
    stream = stream or InputStream("users", properties, ("id",), "urn:tap-moesif:users")
    warnings: list[str] = []
    route = Router(
        streams,
        known=moesif.KNOWN,
        marked=moesif.marked,
        calls=("identify", "track"),
        warn=warnings.append,
    ).route(stream)
    assert isinstance(route, Route)
    to_messages = partial(messages(**options).of_call, shape=route.shape)
    return RoutedStream(stream, route, to_messages, warnings.append)(raw(record), extracted)


def identify(record: dict[str, Any], extracted: str | None = EXTRACTED, **options: Any) -> Any:
    [message] = encoded(record, extracted, **options)
    return json.loads(message.body)


def test_a_moesif_user_is_an_identify_call() -> None:
    message = identify(USER)
    assert len(message.pop("messageId")) == 32
    assert message == {
        "type": "identify",
        "userId": "user-1",
        "timestamp": EXTRACTED,
        "context": {
            "active": False,
            "ip": "192.0.2.1",
            "location": {"city": "Zürich"},
            "library": LIBRARY,
        },
        "integrations": {"Moesif API Analytics": False},
        "traits": {
            "id": "user-1",
            "email": "zoë@example.com",
            "company": {"id": "c1", "ttfhw_s": None},
        },
    }


def test_null_traits_are_sent_where_that_is_wanted() -> None:
    assert identify(USER, null_traits=True)["traits"]["phone"] is None


def test_a_context_that_is_null_is_none_and_no_trait() -> None:
    message = identify({"id": "u", "context": None}, null_traits=True)
    assert message["traits"] == {"id": "u"}
    assert message["context"] == {"active": False, "library": LIBRARY}


def test_integrations_can_be_set_for_every_call() -> None:
    assert identify(USER, integrations={"All": True})["integrations"] == {"All": True}


def test_a_users_messages_are_kept_in_order_by_the_users_id() -> None:
    [message] = encoded(USER)
    assert message.key == "user-1"


def test_a_number_as_an_id_is_written_as_a_string() -> None:
    assert identify({"id": 42})["userId"] == "42"


@pytest.mark.promise(4)
def test_the_same_record_has_the_same_id_in_every_run() -> None:
    turned = dict(reversed(USER.items()))
    upgraded = {"name": "target-segment", "version": "9.9.9"}
    again = identify(turned, "2026-02-02T00:00:00Z", library=msgspec.json.encode(upgraded))
    assert again["messageId"] == identify(USER)["messageId"]


@pytest.mark.parametrize(
    "other",
    [
        identify({**USER, "email": "other@example.com"}),
        identify({**USER, "context": {"ip": "192.0.2.2"}}),
        identify({**USER, "id": "user-2"}),
        identify(USER, tenant=tenant_of("another key")),
        identify(USER, integrations={"All": False}),
        identify(USER, null_traits=True),
    ],
)
def test_whatever_is_sent_differently_has_another_id(other: Any) -> None:
    assert other["messageId"] != identify(USER)["messageId"]


def test_the_write_key_cannot_be_read_from_what_it_leaves() -> None:
    assert b"secret" not in tenant_of("secret")
    assert tenant_of("secret") != tenant_of("secret2")


@given(st.integers())
def test_numbers_keep_all_their_digits(number: int) -> None:
    assert identify({"id": "u", "n": number})["traits"]["n"] == number


@pytest.mark.parametrize(
    ("time", "sent"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
        ("2026-01-01T00:00:00.123456+02:00", "2025-12-31T22:00:00.123Z"),
        ("2026-01-01T00:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (17, None),
    ],
)
def test_only_a_time_with_a_zone_says_when_a_record_was_extracted(
    time: Any, sent: str | None
) -> None:
    assert identify(USER, time).get("timestamp") == sent


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"email": "a@example.com"}, "no_user_anon_id"),
        ({"id": None}, "no_user_anon_id"),
        ({"id": ""}, "id_not_string"),
        ({"id": True}, "id_not_string"),
        ({"id": ["u"]}, "id_not_string"),
        ({"id": "u", "bio": "x" * 32_000}, "message_too_large"),
        ({"id": "u", "bio": "é" * 16_000}, "message_too_large"),
    ],
)
def test_what_segment_would_drop_is_rejected_with_its_code(
    record: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordRejected) as rejected:
        identify(record)
    assert rejected.value.reason == reason
    assert "example.com" not in rejected.value.detail


@pytest.mark.promise(6)
def test_a_message_of_just_the_size_segment_takes_is_sent() -> None:
    def body(size: int) -> bytes:
        found: bytes = encoded({"id": "u", "bio": "x" * size})[0].body
        return found

    room = 32_000 - len(body(0))
    assert len(body(room)) == 32_000
    with pytest.raises(RecordRejected):
        body(room + 1)


def test_a_company_becomes_a_group_where_that_is_wanted() -> None:
    record = {**USER, "company": {"id": 7, "companyDomain": "acme.example", "ttfhw_s": None}}
    made = encoded(record, company_groups=True)
    assert [message.key for message in made] == ["user-1", "user-1"]
    group = json.loads(made[1].body)
    assert (group["type"], group["userId"], group["groupId"]) == ("group", "user-1", "7")
    assert group["traits"] == {"id": 7, "companyDomain": "acme.example"}
    assert group["integrations"] == {"Moesif API Analytics": False}
    assert group["context"]["active"] is False


def test_a_user_without_a_company_becomes_no_group() -> None:
    assert len(encoded({"id": "u"}, company_groups=True)) == 1


def segment(record: dict[str, Any], kind: str = "", **options: Any) -> Any:
    """Encode one record of Segment's calls; without a type it gets one."""
    record = {"type": kind, **record} if kind else record
    stream = InputStream("calls", {"properties": {name: {} for name in record}})
    as_calls = {"calls": {"as": "segment.calls"}}
    [message] = encoded(record, None, stream, as_calls, **options)
    message = json.loads(message.body)
    assert message["context"].pop("library")
    return message


IDENTIFY = {"userId": "u", "traits": {"plan": "paid"}}
GROUP = {"userId": "u", "groupId": "g", "traits": {"name": "Acme"}}
TRACK = {"userId": "u", "event": "Ordered", "properties": {"revenue": 5}}


@pytest.mark.parametrize(
    ("record", "kind"), [(IDENTIFY, "identify"), (GROUP, "group"), (TRACK, "track")]
)
def test_a_record_in_the_shape_of_a_call_is_that_call(record: dict[str, Any], kind: str) -> None:
    brought = {
        "anonymousId": "a",
        "messageId": "mine",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "context": {"ip": "192.0.2.1"},
        "integrations": {"All": False},
    }
    bookkeeping = {"sentAt": "2026-01-01T00:00:00Z", "receivedAt": "x", "version": 2}
    message = segment({**record, **brought, **bookkeeping}, kind)
    assert message == {"type": kind, **record, **brought}


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({"userId": "u", "event": "Ordered", "groupId": "g"}, "track"),
        ({"userId": "u", "groupId": "g", "traits": {}}, "group"),
        ({"userId": "u", "previousId": "v"}, "alias"),
        ({"userId": "u", "traits": {}, "event": None}, "identify"),
        ({"userId": "u", "properties": {}}, "page"),
        ({"userId": "u", "type": "SCREEN"}, "screen"),
    ],
)
def test_without_a_type_a_calls_fields_say_which_it_is(record: dict[str, Any], kind: str) -> None:
    assert segment(record)["type"] == kind


def test_without_traits_or_properties_a_call_has_none() -> None:
    envelope = {"writeKey": "k", "channel": "server", "version": 2, "_metadata": {}, "note": "n"}
    assert segment({**envelope, "userId": "u"}, "identify")["traits"] == {}
    assert segment({**envelope, "userId": "u", "event": "e"}, "track")["properties"] == {}


@pytest.mark.promise(16)
def test_two_events_that_nothing_tells_apart_but_their_place_are_two() -> None:
    stream = InputStream("logins", {"properties": {"user": {}, "ok": {}}})
    route = {"call": "track", "user_id": "user", "event": {"literal": "Logged in"}}
    warnings: list[str] = []
    router = Router(
        {"logins": route}, known={}, marked=lambda _: None, calls=(), warn=warnings.append
    )
    found = router.route(stream)
    assert isinstance(found, Route)

    def ids(*extracted: str) -> list[str]:
        encode = RoutedStream(stream, found, messages().of_call, warnings.append)
        made = [encode(raw({"user": "u", "ok": True}), time) for time in extracted]
        return [json.loads(message.body)["messageId"] for [message] in made]

    first, second = ids(EXTRACTED, EXTRACTED)
    assert first != second
    assert ids(EXTRACTED, EXTRACTED) == [first, second], "the same input has the same ids"
    assert "message_id or timestamp" in warnings[0]


@pytest.mark.promise(16)
@pytest.mark.parametrize("other", [{"order": 2}, {"at": "2026-01-01T00:00:01Z"}])
def test_a_key_or_else_a_time_tells_an_event_from_its_like_in_every_run(
    other: dict[str, Any],
) -> None:
    row = {"user": "u", "order": 1, "at": "2026-01-01T00:00:00Z"}
    route = {"call": "track", "user_id": "user", "event": {"literal": "Ordered"}}
    route |= {"timestamp": "at", "exclude": ["order"]}
    key = ("order",) if "order" in other else ()
    stream = InputStream("orders", {"properties": {name: {} for name in row}}, key)

    def message_id(record: dict[str, Any], extracted: str) -> str:
        [message] = encoded(record, extracted, stream, {"orders": route})
        found: str = json.loads(message.body)["messageId"]
        return found

    assert message_id(row, EXTRACTED) == message_id(row, "2026-02-02T00:00:00Z")
    assert message_id(row, EXTRACTED) != message_id({**row, **other}, EXTRACTED)


def test_an_events_own_time_is_part_of_its_id() -> None:
    """Two log-ins of one user are two events, though they differ in nothing else."""
    first = segment({**TRACK, "timestamp": "2026-01-01T00:00:00Z"}, "track")
    second = segment({**TRACK, "timestamp": "2026-01-01T00:00:01Z"}, "track")
    assert first["messageId"] != second["messageId"]


@pytest.mark.parametrize(
    ("record", "kind", "reason"),
    [
        ({"userId": "", "traits": {}}, "identify", "id_not_string"),
        ({"userId": "u", "traits": "text"}, "identify", "traits_not_object"),
        ({"userId": "u", "type": "delete"}, "", "type_not_known"),
        ({"userId": "u", "note": "n"}, "", "type_not_known"),
        ({"userId": " \t"}, "track", "no_user_anon_id"),
        ({"userId": "u", "event": 5}, "track", "event_not_string"),
        ({"userId": "u", "event": "e", "context": "c"}, "track", "context_not_object"),
        ({"userId": "u", "event": "e", "timestamp": "soon"}, "track", "timestamp_invalid"),
        ({"userId": "u", "event": "e", "timestamp": 5}, "track", "timestamp_invalid"),
        ({"userId": "u", "event": "e", "timestamp": [1]}, "track", "timestamp_invalid"),
        ({"userId": "u", "event": "e", "timestamp": "2026-13-01"}, "track", "timestamp_invalid"),
        ({"userId": "u", "event": "e", "messageId": "x" * 100}, "track", "message_id_invalid"),
        ({"userId": "u", "event": "e", "messageId": [5]}, "track", "message_id_invalid"),
    ],
)
def test_a_call_that_segment_would_discard_is_rejected_with_its_code(
    record: dict[str, Any], kind: str, reason: str
) -> None:
    with pytest.raises(RecordRejected) as rejected:
        segment(record, kind)
    assert rejected.value.reason == reason


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00.123+02", "2026-01-31T12:00:00.123+02:00"),
        ("2026-01-31T12:00:00-0330", "2026-01-31T12:00:00-03:30"),
        ("2026-01-31T12:00:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-11-28 07:00:00 UTC", "2026-11-28T07:00:00Z"),
        ("20261128T070000Z", "2026-11-28T07:00:00Z"),
        (1764313200, "2025-11-28T07:00:00Z"),
        ("1764313200123", "2025-11-28T07:00:00.123Z"),
        ("2015-2-02T00:30:08.276Z", "2015-02-02T00:30:08.276Z"),
    ],
)
def test_a_time_is_sent_in_full_and_with_a_zone(written: str | int, sent: str) -> None:
    assert segment({**TRACK, "timestamp": written}, "track")["timestamp"] == sent
