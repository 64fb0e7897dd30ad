from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery import RecordRejected
from target_segment.messages import Calls, aware_time, tenant_of

LIBRARY = {"name": "target-segment", "version": "1.2.3"}
USER = {
    "id": "user-1",
    "email": "zoë@example.com",
    "phone": None,
    "company": {"id": "c1", "ttfhw_s": None},
    "context": {"ip": "192.0.2.1", "location": {"city": "Zürich"}},
}
EXTRACTED = "2026-01-01T00:00:00.000Z"


def calls(**options: Any) -> Calls:
    settings: dict[str, Any] = {
        "tenant": tenant_of("key"),
        "integrations": None,
        "null_traits": False,
        "library": LIBRARY,
    }
    return Calls(**{**settings, **options})


def identify(record: dict[str, Any], extracted: str | None = EXTRACTED, **options: Any) -> Any:
    _, body = calls(**options).moesif_user(json.loads(json.dumps(record)), extracted)
    return json.loads(body)


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


def test_integrations_can_be_set_for_every_call() -> None:
    assert identify(USER, integrations={"All": True})["integrations"] == {"All": True}


def test_a_users_messages_are_kept_in_order_by_the_users_id() -> None:
    key, _ = calls().moesif_user(dict(USER), EXTRACTED)
    assert key == "user-1"


def test_a_number_as_an_id_is_written_as_a_string() -> None:
    assert identify({"id": 42})["userId"] == "42"


def test_the_same_record_has_the_same_id_in_every_run() -> None:
    turned = dict(reversed(USER.items()))
    upgraded = {"name": "target-segment", "version": "9.9.9"}
    again = identify(turned, "2026-02-02T00:00:00Z", library=upgraded)
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
    ("time", "kept"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-01T00:00:00.123456+02:00", True),
        ("2026-01-01T00:00:00", False),
        ("yesterday", False),
        ("", False),
        (None, False),
        (17, False),
    ],
)
def test_only_a_time_with_a_zone_becomes_the_timestamp(time: Any, kept: bool) -> None:
    assert aware_time(time) == (time if kept else None)
    assert ("timestamp" in identify(USER, time)) is kept


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


def test_a_message_of_just_the_size_segment_takes_is_sent() -> None:
    def body(size: int) -> bytes:
        return calls().moesif_user({"id": "u", "bio": "x" * size}, EXTRACTED)[1]

    room = 32_000 - len(body(0))
    assert len(body(room)) == 32_000
    with pytest.raises(RecordRejected):
        body(room + 1)


@pytest.mark.parametrize("context", ["text", 5, ["list"]])
def test_a_context_that_is_no_object_goes_along_as_a_trait(context: Any) -> None:
    message = identify({"id": "u", "context": context})
    assert message["traits"]["context"] == context
    assert message["context"] == {"active": False, "library": LIBRARY}
