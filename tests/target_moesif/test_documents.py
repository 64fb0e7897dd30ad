from __future__ import annotations

import json
import uuid as standard
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery import RecordRejected
from target_moesif.documents import MESSAGE_IDS, DocumentBuilder, tenant_of, uuid

NOW = 1_769_860_800.0  # 2026-01-31T12:00:00Z


def models(**options: Any) -> DocumentBuilder:
    return DocumentBuilder(**{"tenant": tenant_of("application"), **options})


def action(given_: dict[str, Any], extracted: str | None = None, **options: Any) -> Any:
    message = models(**options).action({"action_name": "a", "request": {}, **given_}, extracted)
    return json.loads(message.body)


@given(st.uuids(), st.binary())
def test_an_id_is_what_pythons_own_uuid5_makes_of_it(namespace: standard.UUID, name: bytes) -> None:
    made = standard.UUID(uuid(namespace.bytes, name))
    assert (made.version, made.variant) == (5, standard.RFC_4122)
    text = name.decode("utf-8", "ignore")
    assert uuid(namespace.bytes, text.encode()) == str(standard.uuid5(namespace, text))


@pytest.mark.parametrize(
    "kept",
    ["a3765025-46ec-45dd-bc83-b136c8d1d257", "A3765025-46EC-45DD-BC83-B136C8D1D257"],
)
def test_a_uuid_is_kept_as_it_is(kept: str) -> None:
    assert action({"transaction_id": kept})["transaction_id"] == kept


@pytest.mark.parametrize(
    "other",
    ["ajs-1", "a376502546ec45ddbc83b136c8d1d257", " ", "٣3765025-46ec-45dd-bc83-b136c8d1d257"],
)
def test_any_other_id_is_made_into_one(other: str) -> None:
    made = action({"transaction_id": other})["transaction_id"]
    assert made == str(standard.uuid5(standard.UUID(bytes=MESSAGE_IDS), other))
    assert made == action({"transaction_id": other}, tenant=tenant_of("b"))["transaction_id"]


def test_without_an_id_it_comes_from_what_is_sent_and_to_whom() -> None:
    first = action({"user_id": "u"}, "2026-01-01T00:00:00Z")
    again = action({"user_id": "u"}, "2026-02-02T00:00:00Z")
    assert first["transaction_id"] == again["transaction_id"]
    assert first["request"]["time"] != again["request"]["time"]
    others = [
        action({"user_id": "v"}),
        action({"user_id": "u", "metadata": {"a": 1}}),
        action({"user_id": "u", "request": {"time": "2026-01-01T00:00:00Z"}}),
        action({"user_id": "u"}, tenant=tenant_of("another application")),
    ]
    ids = {other["transaction_id"] for other in (first, *others)}
    assert len(ids) == 5


def test_the_application_id_cannot_be_read_from_what_it_leaves() -> None:
    assert b"secret" not in tenant_of("secret")
    assert tenant_of("secret") != tenant_of("secret2")


def test_an_action_has_a_time_of_its_own_or_the_one_it_was_read_at() -> None:
    own = action({"request": {"time": "2026-01-31T12:00:00Z"}}, "2026-02-02T00:00:00Z")
    assert own["request"]["time"] == "2026-01-31T12:00:00Z"
    assert "time" not in action({}, None)["request"]
    assert "time" not in action({}, "2026-02-02T00:00:00")["request"]


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("0.0.0.0", {"ip_address": "0.0.0.0"}),
        ("192.0.2.1", {"ip_address": "192.0.2.1"}),
        (None, {}),
    ],
)
def test_what_stands_for_a_missing_address_can_be_chosen(
    address: str | None, sent: dict[str, str]
) -> None:
    request = action({}, missing_ip_address=address, action_uri="https://acme.example/")["request"]
    assert request == {"uri": "https://acme.example/", **sent}


LATE = [
    ("2026-01-01T12:00:00Z", False),
    ("2026-01-01T11:59:59Z", True),
    ("2026-01-01T14:00:00+02:00", False),
    ("2026-01-01T13:59:59+02:00", True),
    ("0001-01-01T00:00:00+14:00", True),
    ("9999-12-31T23:59:59Z", False),
]


@pytest.mark.parametrize(("done", "late"), LATE)
def test_a_late_action_is_rejected_where_that_is_wanted(done: str, late: bool) -> None:
    given_ = {"request": {"time": done}}
    assert action(given_)["request"]["time"] == done
    if not late:
        action(given_, now=lambda: NOW)
        return
    with pytest.raises(RecordRejected) as rejected:
        action(given_, now=lambda: NOW)
    assert rejected.value.reason == "too_late"


def test_what_was_read_long_ago_is_late_as_well() -> None:
    with pytest.raises(RecordRejected):
        action({}, "2020-01-01T00:00:00Z", now=lambda: NOW)


@pytest.mark.promise(6)
@pytest.mark.parametrize(("kind", "limit"), [("user", 249_998), ("action", 1_000_000)])
def test_a_document_of_just_the_size_moesif_takes_is_sent(kind: str, limit: int) -> None:
    def body(size: int) -> bytes:
        document = {
            "user_id": "u",
            "action_name": "a",
            "request": {},
            "metadata": {"x": "x" * size},
        }
        message = getattr(models(), kind)(document)
        return bytes(message.body)

    room = limit - len(body(0))
    assert len(body(room)) == limit
    with pytest.raises(RecordRejected) as rejected:
        body(room + 1)
    assert rejected.value.reason == "message_too_large"


NAMES = st.text("aé\0", max_size=2)
NESTED = st.recursive(
    st.none() | st.integers() | NAMES | st.just("null"),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)


def pruned(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: pruned(inner) for name, inner in value.items() if inner is not None}


@given(st.dictionaries(NAMES, NESTED, max_size=4))
def test_nulls_are_left_out_of_objects_at_any_depth_and_nothing_else_is(
    metadata: dict[str, Any],
) -> None:
    raw = msgspec.json.decode(json.dumps(metadata), type=dict[str, msgspec.Raw])
    document: dict[str, Any] = {"user_id": "u"}
    models().describe(document, raw)
    sent = json.loads(models().user(document).body)
    assert sent.get("metadata", {}) == pruned(metadata)
    models(null_traits=True).describe(document, raw)
    assert json.loads(models().user(document).body).get("metadata", {}) == metadata
    models().set_field(document, "metadata", msgspec.Raw(json.dumps(metadata).encode()))
    assert json.loads(models().user(document).body)["metadata"] == pruned(metadata)


@pytest.mark.parametrize(
    "number", [b"1.2300", b"123456789012345678901.10", b"1e400", b"-0.0", b"1E-9999999999999999999"]
)
def test_numbers_keep_all_their_digits(number: bytes) -> None:
    raw = {"a": msgspec.Raw(number), "b": msgspec.Raw(b'{"c":%b,"d":null}' % number)}
    document: dict[str, Any] = {"user_id": "u"}
    models().describe(document, raw)
    sent = models().user(document).body
    assert sent == b'{"metadata":{"a":%b,"b":{"c":%b}},"user_id":"u"}' % (number, number)
