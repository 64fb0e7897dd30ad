"""A record of tap-moesif as the document of another Moesif application."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
import pytest

from singer_delivery import InputStream, RecordRejected, RecordSkipped
from singer_delivery.routing import Route, RoutedStream, Router
from target_moesif.documents import DocumentBuilder, tenant_of
from target_moesif.moesif import KNOWN, check_action, marked
from target_moesif.rules import ACTION, COMPANY, KINDS, SUBSCRIPTION, USER
from target_moesif.segment import SegmentMapper

EXTRACTED = "2026-01-01T00:00:00Z"


STREAMS = {
    "user": "users",
    "company": "companies",
    "subscription": "subscriptions",
    "action": "events",
}


def copies(
    name: str,
    record: dict[str, Any],
    route: dict[str, Any] | None = None,
    key: str = "id",
    **options: Any,
) -> Any:
    """What a record becomes: the kind of each document, what keeps it in order, and itself."""
    stream = InputStream(
        "copied",
        {"properties": {field: {} for field in record}},
        (key,),
        f"urn:tap-moesif:{STREAMS[name]}",
    )
    warnings: list[str] = []
    found = Router(
        {"copied": route} if route else {},
        known=KNOWN,
        marked=marked,
        calls=(),
        warn=warnings.append,
    ).route(stream)
    assert isinstance(found, Route)
    documents = DocumentBuilder(**{"tenant": tenant_of("application"), **options})
    to_messages = partial(SegmentMapper(documents, warnings.append), shape=found.shape)
    check = check_action if name == "action" else None
    encode = RoutedStream(stream, found, to_messages, warnings.append, check)
    raw = msgspec.json.decode(json.dumps(record), type=dict[str, msgspec.Raw])
    return [
        (KINDS[message.endpoint], message.key, json.loads(message.body))
        for message in encode(raw, EXTRACTED)
    ]


def copy(
    name: str, record: dict[str, Any], route: dict[str, Any] | None = None, **options: Any
) -> Any:
    [(_, _, only)] = copies(name, record, route, **options)
    return only


ZOE = {
    "id": "u-1",
    "createdAt": "2024-01-01T00:00:00.000Z",
    "modifiedTime": "2026-01-31T11:58:00.500Z",
    "firstSeenTime": "2024-01-01T01:02:03.099Z",
    "lastSeenTime": "2026-01-31T11:57:00.000Z",
    "name": "Zoë Łuczak",
    "firstName": "Zoë",
    "lastName": "Łuczak",
    "email": "zoe@acme.example",
    "username": "@zoe",
    "phone": None,
    "avatar": "https://acme.example/zoe.png",
    "company": {"id": "c-1", "companyDomain": "acme.example", "metadata": {"plan": "paid"}},
    "campaign": {"utm_source": "news", "gclid": None},
    "enrichment": {"person": {"title": "CTO"}},
    "last24HourAggResults": {"count": 7},
    "metadata": {"tier": 1, "gone": None, "deep": {"list": [{"a": None}], "gone": None}},
    "userAgent": {"name": "Firefox"},
    "context": {"ip": "192.0.2.1", "location": {"city": "Zürich"}, "userAgent": "UA"},
    "additionalFields": {"app_id": "198:3", "own": 1},
}


def test_a_user_is_written_as_far_as_moesif_lets_it_be() -> None:
    [(kind, key, user)] = copies("user", ZOE)
    assert (kind, key) == (USER, "u-1")
    assert user == {
        "user_id": "u-1",
        "company_id": "c-1",
        "modified_time": "2026-01-31T11:58:00.500Z",
        "ip_address": "192.0.2.1",
        "user_agent_string": "UA",
        "campaign": {"utm_source": "news"},
        "metadata": {
            "tier": 1,
            "deep": {"list": [{"a": None}]},
            "name": "Zoë Łuczak",
            "first_name": "Zoë",
            "last_name": "Łuczak",
            "email": "zoe@acme.example",
            "user_name": "@zoe",
            "photo_url": "https://acme.example/zoe.png",
        },
    }


def test_nulls_are_sent_where_that_is_wanted() -> None:
    user = copy("user", ZOE, null_traits=True)
    assert user["metadata"]["phone"] is None
    assert user["metadata"]["gone"] is None
    assert user["metadata"]["deep"]["gone"] is None
    assert user["campaign"]["gclid"] is None


def test_a_null_name_leaves_the_metadatas_own() -> None:
    record = {"id": "u", "name": None, "metadata": {"name": "own"}}
    assert copy("user", record)["metadata"] == {"name": "own"}
    assert copy("user", record, null_traits=True)["metadata"] == {"name": "own"}


@pytest.mark.parametrize(
    ("record", "document"),
    [
        ({"id": 7}, {"user_id": "7"}),
        ({"id": "u", "metadata": {}}, {"user_id": "u"}),
        ({"id": "u", "metadata": None, "company": None, "context": None}, {"user_id": "u"}),
        ({"id": "u", "company": "Acme", "additionalFields": [5], "context": 5}, {"user_id": "u"}),
        ({"id": "u", "company": {"name": "Acme"}}, {"user_id": "u"}),
        ({"id": "u", "email": None, "modifiedTime": None}, {"user_id": "u"}),
    ],
)
def test_what_a_user_lacks_is_left_out(record: dict[str, Any], document: dict[str, Any]) -> None:
    assert copy("user", record) == document


def test_each_session_token_that_was_read_is_written() -> None:
    record = {"id": "u", "email": "e", "additionalFields": {"session_token": ["s", 5, "", "t"]}}
    first, second = (document for _, _, document in copies("user", record))
    assert first == {"user_id": "u", "session_token": "s", "metadata": {"email": "e"}}
    assert second == {"user_id": "u", "session_token": "t"}
    lone = {"id": "c", "additionalFields": {"session_token": "s"}}
    assert copy("company", lone) == {"company_id": "c", "session_token": "s"}


def test_a_company_is_written_as_far_as_moesif_lets_it_be() -> None:
    record = {
        "id": "c-1",
        "created": "2024-01-01T00:00:00.000Z",
        "modifiedTime": "2026-01-31T11:58:00.500Z",
        "lastSeenTime": "2026-01-31T11:57:00.000Z",
        "ipAddress": "192.0.2.9",
        "companyDomain": "acme.example",
        "ttfhw_s": 3600,
        "metadata": {"plan": "paid", "name": "Acme"},
        "last24HourAggResults": {"count": 7},
        "additionalFields": {"campaign": {"utm_source": "news"}, "subscriptions": []},
    }
    [(kind, key, company)] = copies("company", record)
    assert (kind, key) == (COMPANY, "c-1")
    assert company == {
        "company_id": "c-1",
        "modified_time": "2026-01-31T11:58:00.500Z",
        "ip_address": "192.0.2.9",
        "company_domain": "acme.example",
        "campaign": {"utm_source": "news"},
        "metadata": {"plan": "paid", "name": "Acme"},
    }


def test_a_subscription_gets_moesifs_own_names_back() -> None:
    record = {
        "id": "s-1",
        "companyId": 5,
        "status": "trialing",
        "startDate": "2026-01-01T00:00:00.000Z",
        "trialEnd": "2026-02-01T00:00:00.000Z",
        "cancelTime": None,
        "paymentStatus": "paid",
        "externalId": "sub_1",
        "items": [
            {"subscriptionItemId": "i", "planId": "p", "isMetered": True, "plan": {"id": "p"}},
            {"priceId": None, "unitOfMeasure": "calls"},
        ],
        "metadata": {"seats": 5},
        "additionalFields": {"app_id": "660:387"},
    }
    [(kind, key, subscription)] = copies("subscription", record)
    assert (kind, key) == (SUBSCRIPTION, "5")
    assert subscription == {
        "subscription_id": "s-1",
        "company_id": "5",
        "status": "trialing",
        "start_date": "2026-01-01T00:00:00.000Z",
        "trial_end": "2026-02-01T00:00:00.000Z",
        "payment_status": "paid",
        "external_id": "sub_1",
        "items": [
            {"subscription_item_id": "i", "plan_id": "p", "is_metered": True},
            {"unit_of_measure": "calls"},
        ],
        "metadata": {"seats": 5},
    }


EVENT = {
    "id": "AWF5M-FDTqLFD8l5y2f4",
    "eventType": "user_action",
    "actionName": "Clicked",
    "requestTime": "2026-01-31T12:00:00.000Z",
    "userId": "u",
    "companyId": "c",
    "subscriptionId": None,
    "metadata": {"button": 1, "gone": None},
    "request": {
        "time": "2026-01-31T12:00:00.000Z",
        "uri": "https://acme.example/",
        "ipAddress": "192.0.2.7",
        "userAgent": {"name": "Firefox"},
        "userAgentString": "UA",
        "location": {"city": "Zürich"},
        "verb": None,
    },
    "response": {"status": None},
}


def test_an_action_is_written_with_an_id_that_comes_from_its_own() -> None:
    [(kind, key, action)] = copies("action", EVENT)
    assert (kind, key) == (ACTION, "u")
    transaction = action.pop("transaction_id")
    assert action == {
        "action_name": "Clicked",
        "user_id": "u",
        "company_id": "c",
        "request": {
            "time": "2026-01-31T12:00:00.000Z",
            "uri": "https://acme.example/",
            "ip_address": "192.0.2.7",
            "user_agent_string": "UA",
        },
        "metadata": {"button": 1},
    }
    assert copy("action", EVENT)["transaction_id"] == transaction
    assert copy("action", {**EVENT, "id": "another"})["transaction_id"] != transaction


def test_an_action_keeps_the_id_that_it_was_first_sent_with() -> None:
    first = "a3765025-46ec-45dd-bc83-b136c8d1d257"
    assert copy("action", {**EVENT, "transactionId": first})["transaction_id"] == first


@pytest.mark.parametrize("name", ["Clicked", None])
def test_an_api_call_is_left_out(name: str | None) -> None:
    with pytest.raises(RecordSkipped, match="api_call"):
        copies("action", {**EVENT, "eventType": "api_call", "actionName": name})


def test_an_event_with_a_name_and_no_type_is_an_action() -> None:
    assert copy("action", {**EVENT, "eventType": None})["action_name"] == "Clicked"


def test_an_action_without_an_address_does_not_get_this_machines() -> None:
    record = {name: value for name, value in EVENT.items() if name != "request"}
    assert copy("action", record)["request"] == {
        "uri": "https://unknown.invalid/",
        "time": "2026-01-31T12:00:00.000Z",
        "ip_address": "0.0.0.0",
    }


@pytest.mark.parametrize(
    ("name", "record", "reason"),
    [
        ("user", {"id": ""}, "id_not_string"),
        ("user", {"id": "u", "company": {"id": {}}}, "id_not_string"),
        ("user", {"id": "u", "metadata": "m"}, "traits_not_object"),
        ("user", {"id": "u", "campaign": []}, "traits_not_object"),
        ("user", {"id": "u", "modifiedTime": "soon"}, "timestamp_invalid"),
        ("company", {}, "id_required"),
        ("subscription", {"id": "s", "companyId": "c"}, "status_not_defined"),
        ("subscription", {"id": "s", "status": "active"}, "id_required"),
        ("action", {"eventType": "user_action"}, "event_not_defined"),
        ("action", {"id": "1"}, "event_not_defined"),
        ("action", {"actionName": 5}, "event_not_string"),
    ],
)
def test_what_moesif_would_refuse_is_rejected_with_a_reason(
    name: str, record: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordRejected) as rejected:
        copies(name, record)
    assert rejected.value.reason == reason


@pytest.mark.parametrize("name", ["user", "company", "subscription", "action"])
def test_what_a_stream_map_adds_goes_into_the_metadata_and_bookkeeping_nowhere(name: str) -> None:
    records: dict[str, dict[str, Any]] = {
        "user": {"id": "u"},
        "company": {"id": "c"},
        "subscription": {"id": "s", "companyId": "c", "status": "active"},
        "action": EVENT,
    }
    record = {**records[name], "metadata": {"own": 1}, "score": 7, "_sdc_batched_at": "now"}
    assert copy(name, record)["metadata"] == {"own": 1, "score": 7}


def test_a_route_changes_of_a_copy_only_what_it_says() -> None:
    whole = copy("user", ZOE)
    excluded = copy("user", ZOE, {"exclude": ["email", "metadata.tier"]})
    del whole["metadata"]["email"], whole["metadata"]["tier"]
    assert excluded == whole
    by_email = copy("user", ZOE, {"user_id": "email", "call": "user"})
    assert (by_email["user_id"], by_email["company_id"]) == ("zoe@acme.example", "c-1")


@pytest.mark.parametrize(
    ("name", "record", "call"),
    [
        ("user", ZOE, "identify"),
        ("company", {"id": "c", "companyDomain": "acme.example", "usage": {"a": 1}}, "group"),
        ("action", EVENT, "track"),
    ],
)
def test_a_copy_with_the_call_of_segments_that_means_the_same_stays_as_it_is(
    name: str, record: dict[str, Any], call: str
) -> None:
    assert copies(name, record, {"call": call}) == copies(name, record)


def test_a_copy_with_another_call_is_that_call() -> None:
    tracked = copy("user", ZOE, {"call": "track", "event": {"literal": "Synced"}})
    assert (tracked["action_name"], tracked["user_id"]) == ("Synced", "u-1")


def test_a_flattened_copy_is_the_same() -> None:
    flat = {
        **{name: value for name, value in ZOE.items() if not isinstance(value, dict)},
        "company__id": "c-1",
        "company__metadata": '{"plan": "paid"}',
        "campaign__utm_source": "news",
        "campaign__gclid": None,
        "metadata": json.dumps(ZOE["metadata"]),
        "context__ip": "192.0.2.1",
        "context__userAgent": "UA",
        "context__location__city": "Zürich",
        "additionalFields": '{"app_id": "198:3"}',
    }
    assert copy("user", flat) == copy("user", ZOE)


def test_a_renamed_key_is_still_the_key() -> None:
    assert copy("company", {"ident": 7}, key="ident") == {"company_id": "7"}
    subscription = {"ident": "s", "companyId": "c", "status": "active", "plan": "paid"}
    for route in ({}, {"rename": {"plan": "tier"}}):
        sent = copy("subscription", subscription, route, key="ident")
        assert (sent["subscription_id"], sent["company_id"]) == ("s", "c")
        assert sent["metadata"] == ({"tier": "paid"} if route else {"plan": "paid"})
