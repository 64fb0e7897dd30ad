"""A Segment call as Moesif documents: every row of what Moesif's own integration does, and more."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery import RecordRejected, RecordSkipped
from target_moesif.documents import DocumentBuilder, tenant_of
from target_moesif.rules import ACTION, COMPANY, KINDS, SUBSCRIPTION, USER, check_size
from target_moesif.segment import SegmentMapper

EXAMPLES = Path(__file__).parent / "examples"
EXTRACTED = "2026-01-01T00:00:00Z"
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
CAMPAIGN = {"name": "n", "source": "s", "medium": "m", "term": "t", "content": "c"}
UTM = {
    "utm_campaign": "n",
    "utm_source": "s",
    "utm_medium": "m",
    "utm_term": "t",
    "utm_content": "c",
}
CONTEXT = {
    "ip": "192.0.2.7",
    "userAgent": USER_AGENT,
    "groupId": "g-1",
    "campaign": CAMPAIGN,
    "page": {"url": "https://acme.example/pricing?a=1", "referrer": "https://www.search.example/q"},
}


def messages(call: dict[str, Any], extracted: str | None = EXTRACTED, **options: Any) -> Any:
    """What a call becomes: the kind of each document, what keeps it in order, and itself."""
    for name in ("traits", "properties"):
        if isinstance(call.get(name), dict):
            call = {**call, name: {key: encoded(value) for key, value in call[name].items()}}
    warnings = options.pop("warnings", [])
    documents = DocumentBuilder(**{"tenant": tenant_of("application"), **options})
    to_messages = SegmentMapper(documents, warnings.append)
    return [
        (KINDS[message.endpoint], message.key, json.loads(message.body))
        for message in to_messages(call, extracted)
    ]


def encoded(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def document(call: dict[str, Any], **options: Any) -> Any:
    [(_, _, only)] = messages(call, **options)
    return only


def identify(traits: dict[str, Any], **fields: Any) -> Any:
    return document({"type": "identify", "userId": "u", "traits": traits, **fields})


def track(properties: dict[str, Any], **fields: Any) -> Any:
    call = {"type": "track", "userId": "u", "event": "Ordered", "properties": properties}
    return document({**call, **fields})


CAMEL = {"email": "e", "phone": "p", "firstName": "f", "lastName": "l", "avatar": "a"}
SNAKE = {"first_name": "f", "last_name": "l", "photo_url": "a"}
USER_ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "userId": ({"userId": "u-7"}, {"user_id": "u-7"}),
    "a number as an id": ({"userId": 7}, {"user_id": "7"}),
    "traits": ({"traits": {"plan": "paid", "n": [1]}}, {"metadata": {"plan": "paid", "n": [1]}}),
    "company.id": (
        {"traits": {"company": {"id": "c-1", "name": "Acme"}}},
        {"company_id": "c-1", "metadata": {"company": {"id": "c-1", "name": "Acme"}}},
    ),
    "a number as a company's id": (
        {"traits": {"company": {"id": 5}}},
        {"company_id": "5", "metadata": {"company": {"id": 5}}},
    ),
    "a warehouse's company_id": (
        {"traits": {"company_id": "c-1"}},
        {"company_id": "c-1", "metadata": {"company_id": "c-1"}},
    ),
    "context.groupId": ({"context": {"groupId": "g"}}, {"company_id": "g"}),
    "company.id beats context.groupId": (
        {"traits": {"company": {"id": "c"}}, "context": {"groupId": "g"}},
        {"company_id": "c", "metadata": {"company": {"id": "c"}}},
    ),
    "a company without an id": (
        {"traits": {"company": {"name": "Acme"}}, "context": {"groupId": "g"}},
        {"company_id": "g", "metadata": {"company": {"name": "Acme"}}},
    ),
    "a company that is no object": (
        {"traits": {"company": "Acme"}},
        {"metadata": {"company": "Acme"}},
    ),
    "reserved traits in camelCase": ({"traits": CAMEL}, {"metadata": {**CAMEL, **SNAKE}}),
    "reserved traits in snake_case": ({"traits": SNAKE}, {"metadata": SNAKE}),
    "both, where Moesif's own stays": (
        {"traits": {"firstName": "camel", "first_name": "snake"}},
        {"metadata": {"firstName": "camel", "first_name": "snake"}},
    ),
    "a reserved trait that is no string": (
        {"traits": {"avatar": {"url": "a"}}},
        {"metadata": {"avatar": {"url": "a"}}},
    ),
    "campaign": (
        {"context": {"campaign": {**CAMPAIGN, "gclid": "g", "other": "o"}}},
        {"campaign": {**UTM, "gclid": "g"}},
    ),
    "context.page.referrer": (
        {"context": {"page": {"referrer": "https://www.search.example:8443/q?a=1"}}},
        {
            "campaign": {
                "referrer": "https://www.search.example:8443/q?a=1",
                "referring_domain": "www.search.example",
            }
        },
    ),
    "context.referrer.url": (
        {"context": {"referrer": {"url": "https://blog.example/"}, "page": {"referrer": ""}}},
        {"campaign": {"referrer": "https://blog.example/", "referring_domain": "blog.example"}},
    ),
    "a referrer that is no address": (
        {"context": {"page": {"referrer": "http://[half"}}},
        {"campaign": {"referrer": "http://[half"}},
    ),
    "context.ip": ({"context": {"ip": "192.0.2.7"}}, {"ip_address": "192.0.2.7"}),
    "context.userAgent": ({"context": {"userAgent": "UA"}}, {"user_agent_string": "UA"}),
    "a user agent that was taken apart": ({"context": {"userAgent": {"name": "Firefox"}}}, {}),
    "timestamp": (
        {"timestamp": "2015-2-02T00:30:08.276Z"},
        {"modified_time": "2015-02-02T00:30:08.276Z"},
    ),
    "a timestamp of a database": (
        {"timestamp": "2026-01-31 12:00:00+02"},
        {"modified_time": "2026-01-31T12:00:00+02:00"},
    ),
    "a timestamp with a bare offset": (
        {"timestamp": "2026-01-31T12:00:00.5-0330"},
        {"modified_time": "2026-01-31T12:00:00.5-03:30"},
    ),
    "a timestamp without a zone": (
        {"timestamp": "2026-01-31T12:00:00"},
        {"modified_time": "2026-01-31T12:00:00Z"},
    ),
    "nulls": (
        {"traits": {"a": None, "b": {"c": None, "d": [None]}}},
        {"metadata": {"b": {"d": [None]}}},
    ),
    "nothing else": ({}, {}),
    "context of odd types": ({"context": {"page": 5, "campaign": [], "ip": {}, "groupId": {}}}, {}),
    "integrations for others": ({"integrations": {"All": True, "Mixpanel": False}}, {}),
}


@pytest.mark.parametrize(("given", "sent"), USER_ROWS.values(), ids=USER_ROWS)
def test_an_identify_is_a_user(given: dict[str, Any], sent: dict[str, Any]) -> None:
    [(kind, key, user)] = messages({"type": "identify", "userId": "u", "traits": {}, **given})
    assert (kind, key) == (USER, user["user_id"])
    assert user == {"user_id": "u", **sent}


NO_REQUEST = {"uri": "https://unknown.invalid/", "ip_address": "0.0.0.0", "time": EXTRACTED}
ACTION_ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "event": ({"event": "Ordered"}, {"action_name": "Ordered"}, {}),
    "properties": ({"properties": {"n": {"m": 1}}}, {"metadata": {"n": {"m": 1}}}, {}),
    "userId": ({"userId": 7}, {"user_id": "7"}, {}),
    "anonymousId alone": ({"userId": None, "anonymousId": "a"}, {"anonymous_id": "a"}, {}),
    "anonymousId beside userId": ({"anonymousId": "a"}, {"user_id": "u"}, {}),
    "context.groupId": ({"context": {"groupId": 5}}, {"company_id": "5"}, {}),
    "context.ip": ({"context": {"ip": "192.0.2.7"}}, {}, {"ip_address": "192.0.2.7"}),
    "context.userAgent": ({"context": {"userAgent": "UA"}}, {}, {"user_agent_string": "UA"}),
    "context.page.url": (
        {"context": {"page": {"url": "https://acme.example/a"}}},
        {},
        {"uri": "https://acme.example/a"},
    ),
    "timestamp": (
        {"timestamp": "2026-01-31T12:00:00Z"},
        {},
        {"time": "2026-01-31T12:00:00Z"},
    ),
    "nulls": ({"properties": {"a": None, "b": {"c": None}}}, {"metadata": {"b": {"c": None}}}, {}),
}


@pytest.mark.parametrize(("given", "sent", "request_"), ACTION_ROWS.values(), ids=ACTION_ROWS)
def test_a_track_is_an_action(
    given: dict[str, Any], sent: dict[str, Any], request_: dict[str, Any]
) -> None:
    call = {"type": "track", "userId": "u", "event": "Ordered", "messageId": "m", **given}
    call = {name: value for name, value in call.items() if value is not None}
    [(kind, key, action)] = messages(call)
    ids = {"user_id": "u"} if "userId" in call else {}
    assert kind is ACTION
    assert uuid.UUID(action.pop("transaction_id")).version == 5
    assert action == {
        "action_name": "Ordered",
        **ids,
        **sent,
        "request": {**NO_REQUEST, **request_},
    }
    assert key == action.get("user_id", action.get("anonymous_id"))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ({"type": "page", "name": "Docs"}, "Viewed Docs Page"),
        ({"type": "page"}, "Viewed Page"),
        ({"type": "page", "name": ""}, "Viewed Page"),
        ({"type": "screen", "name": "Start"}, "Viewed Start Screen"),
        ({"type": "screen"}, "Viewed Screen"),
    ],
)
def test_a_page_is_an_action_of_its_name(call: dict[str, Any], name: str) -> None:
    assert document({**call, "userId": "u"})["action_name"] == name


def test_a_pages_own_address_is_the_actions_where_the_context_has_none() -> None:
    page = {"type": "page", "userId": "u", "properties": {"url": "https://own.example/"}}
    assert document(page)["request"]["uri"] == "https://own.example/"
    there = {**page, "context": {"page": {"url": "https://context.example/"}}}
    assert document(there)["request"]["uri"] == "https://context.example/"


def test_a_pages_category_goes_into_its_metadata() -> None:
    page = {"type": "page", "userId": "u", "category": "Manual", "properties": {"path": "/"}}
    assert document(page)["metadata"] == {"category": "Manual", "path": "/"}


def test_a_group_is_a_company_and_the_users_link_to_it() -> None:
    group = {
        "type": "group",
        "userId": 7,
        "groupId": 5,
        "timestamp": "2026-01-31T12:00:00Z",
        "traits": {"name": "Acme", "website": "https://www.acme.example/about", "plan": None},
        "context": CONTEXT,
    }
    company, link = messages(group)
    assert company == (
        COMPANY,
        "5",
        {
            "company_id": "5",
            "company_domain": "www.acme.example",
            "modified_time": "2026-01-31T12:00:00Z",
            "campaign": {
                **UTM,
                "referrer": "https://www.search.example/q",
                "referring_domain": "www.search.example",
            },
            "metadata": {"name": "Acme", "website": "https://www.acme.example/about"},
        },
    )
    assert link == (USER, "7", {"user_id": "7", "company_id": "5"})


@pytest.mark.parametrize("ids", [{}, {"anonymousId": "a"}])
def test_a_group_without_a_user_is_the_company_alone(ids: dict[str, str]) -> None:
    [(kind, _, _)] = messages({"type": "group", "groupId": "g", **ids})
    assert kind is COMPANY


@pytest.mark.parametrize(
    ("traits", "domain"),
    [
        ({"domain": "acme.example"}, "acme.example"),
        ({"website": "HTTP://Acme.example:80/x?y"}, "acme.example"),
        ({"website": "//acme.example"}, "acme.example"),
        ({"domain": "acme.example", "website": "https://other.example"}, "acme.example"),
        ({"company_domain": "acme.example", "domain": "other.example"}, "acme.example"),
        ({"domain": "", "website": "https://zürich.example/"}, "zürich.example"),
        ({"website": "n/a"}, None),
        ({"website": "not a domain. at all"}, None),
        ({"website": "http://[half"}, None),
        ({"website": 5, "domain": None}, None),
    ],
)
def test_a_companys_domain_is_a_bare_host_name(traits: dict[str, Any], domain: str | None) -> None:
    [(_, _, company)] = messages({"type": "group", "groupId": "g", "traits": traits})
    assert company.get("company_domain") == domain


def test_an_anonymous_visitor_is_no_user() -> None:
    warnings: list[str] = []
    for kind in ("identify", "user"):
        call = {"type": kind, "anonymousId": "a", "traits": {"plan": "x"}}
        with pytest.raises(RecordSkipped, match="anonymous_identify"):
            messages(call, warnings=warnings)
    assert "anonymous users" in warnings[0]


def test_an_alias_is_left_out_with_a_warning() -> None:
    warnings: list[str] = []
    with pytest.raises(RecordSkipped, match="alias"):
        messages({"type": "alias", "userId": "u", "previousId": "v"}, warnings=warnings)
    assert "Skipping alias calls" in warnings[0]


def test_a_call_that_is_kept_out_of_moesif_does_not_come_round_in_a_loop() -> None:
    call = {"type": "identify", "userId": "u", "traits": {}}
    for integrations in (
        {"All": True, "Moesif API Analytics": False},
        {"All": False},
        {"All": False, "Mixpanel": True},
        {"All": encoded(value=False)},
        {"all": False},
        {"moesif_api_analytics": False, "ALL": True},
        {"Moesif API Analytics": "false"},
    ):
        with pytest.raises(RecordSkipped, match="not_for_moesif"):
            messages({**call, "integrations": integrations})
    assert messages({**call, "integrations": {"Moesif API Analytics": True, "All": False}})
    assert messages({**call, "integrations": {"Moesif API Analytics": {"mode": 1}, "All": False}})
    assert messages({**call, "integrations": "all"})


TRACK = {"type": "track", "userId": "u", "event": "e"}
REJECTED = [
    ({"type": "identify"}, "no_user_anon_id"),
    ({"type": "user"}, "no_user_anon_id"),
    ({"type": "track", "event": "e"}, "no_user_anon_id"),
    ({"type": "page"}, "no_user_anon_id"),
    ({"type": "identify", "userId": ""}, "id_not_string"),
    ({"type": "identify", "userId": True}, "id_not_string"),
    ({"type": "identify", "userId": 1.5}, "id_not_string"),
    ({"type": "identify", "userId": ["u"]}, "id_not_string"),
    ({"type": "identify", "userId": "u", "anonymousId": {}}, "id_not_string"),
    ({"type": "track", "event": "e", "anonymousId": ""}, "id_not_string"),
    ({"type": "group", "groupId": ""}, "id_not_string"),
    ({"type": "group", "userId": "u"}, "id_required"),
    ({"type": "company"}, "id_required"),
    ({"type": "subscription", "groupId": "g"}, "id_required"),
    ({"type": "subscription", "traits": {"subscription_id": "s"}}, "id_required"),
    (
        {"type": "subscription", "groupId": "g", "traits": {"subscription_id": "s"}},
        "status_not_defined",
    ),
    ({"type": "track", "userId": "u"}, "event_not_defined"),
    ({"type": "track", "userId": "u", "event": ""}, "event_not_defined"),
    ({"type": "track", "userId": "u", "event": 5}, "event_not_string"),
    ({"type": "action", "properties": {"action_name": 5}}, "event_not_string"),
    ({"type": "page", "userId": "u", "name": 5}, "name_not_string"),
    ({"type": "identify", "userId": "u", "traits": [1]}, "traits_not_object"),
    ({"type": "group", "groupId": "g", "traits": "text"}, "traits_not_object"),
    ({**TRACK, "properties": 5}, "properties_not_object"),
    ({**TRACK, "context": "c"}, "context_not_object"),
    ({**TRACK, "timestamp": "soon"}, "timestamp_invalid"),
    ({**TRACK, "timestamp": 5}, "timestamp_invalid"),
    ({"type": "identify", "userId": "u", "timestamp": "2026-13-01"}, "timestamp_invalid"),
    ({**TRACK, "messageId": {}}, "message_id_invalid"),
    ({**TRACK, "properties": {"x": "x" * 1_000_000}}, "message_too_large"),
    ({"type": "identify", "userId": "u", "traits": {"x": "é" * 125_000}}, "message_too_large"),
    ({"type": "user", "userId": "u", "traits": {"campaign": "c"}}, "traits_not_object"),
    ({"type": "user", "userId": "u", "traits": {"metadata": [1]}}, "traits_not_object"),
    ({"type": "user", "userId": "u", "traits": {"company_id": {}}}, "id_not_string"),
    ({"type": "user", "userId": "u", "traits": {"modified_time": "x"}}, "timestamp_invalid"),
    ({"type": "action", "event": "e", "properties": {"request": 5}}, "traits_not_object"),
]


@pytest.mark.parametrize(("call", "reason"), REJECTED)
def test_what_moesif_would_refuse_is_rejected_with_a_reason(
    call: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordRejected) as rejected:
        messages(call)
    assert rejected.value.reason == reason


def test_a_user_in_moesifs_own_words_keeps_them() -> None:
    traits = {
        "company_id": 5,
        "session_token": "s",
        "modified_time": "2026-01-31",
        "ip_address": "192.0.2.9",
        "user_agent_string": "own",
        "campaign": {"utm_source": "own", "gclid": None},
        "metadata": {"tier": 1, "plan": "metadata's own"},
        "plan": "paid",
        "firstName": "Zoë",
    }
    user = document({"type": "user", "userId": "u", "traits": traits, "context": CONTEXT})
    assert user == {
        "user_id": "u",
        "company_id": "5",
        "session_token": "s",
        "modified_time": "2026-01-31T00:00:00Z",
        "ip_address": "192.0.2.9",
        "user_agent_string": "own",
        "campaign": {"utm_source": "own"},
        "metadata": {
            "tier": 1,
            "plan": "metadata's own",
            "firstName": "Zoë",
            "first_name": "Zoë",
        },
    }


def test_ids_may_stand_among_moesifs_own_words() -> None:
    [(_, key, user)] = messages({"type": "user", "traits": {"user_id": 7}})
    assert (key, user) == ("7", {"user_id": "7"})
    [(_, key, company)] = messages({"type": "company", "traits": {"company_id": "c", "x": 1}})
    assert (key, company) == ("c", {"company_id": "c", "metadata": {"x": 1}})


def test_a_company_in_moesifs_own_words_keeps_them() -> None:
    traits = {"company_domain": "own words", "domain": "acme.example", "company_id": "c"}
    assert document({"type": "company", "groupId": 5, "traits": traits}) == {
        "company_id": "5",
        "company_domain": "own words",
        "metadata": {"domain": "acme.example"},
    }


def test_a_null_among_moesifs_own_words_overwrites_only_what_may_be_empty() -> None:
    traits = dict.fromkeys(("company_id", "modified_time", "session_token", "ip_address"))
    user = document({"type": "user", "userId": "u", "traits": traits}, null_traits=True)
    assert user == {"user_id": "u", "ip_address": None}
    assert document({"type": "user", "userId": "u", "traits": traits}) == {"user_id": "u"}


def test_an_action_in_moesifs_own_words_keeps_them() -> None:
    properties = {
        "request": {"uri": "/x", "time": "2026-01-31 10:00:00", "verb": "GET", "api_version": None},
        "ip_address": "192.0.2.9",
        "user_agent_string": "own",
        "transaction_id": "a3765025-46ec-45dd-bc83-b136c8d1d257",
        "company_id": 5,
        "subscription_id": "s",
        "session_token": "t",
        "plan": "paid",
    }
    [(_, key, action)] = messages({"type": "action", "event": "e", "properties": properties})
    assert key == "5"
    assert action == {
        "action_name": "e",
        "transaction_id": "a3765025-46ec-45dd-bc83-b136c8d1d257",
        "company_id": "5",
        "subscription_id": "s",
        "session_token": "t",
        "request": {
            "uri": "/x",
            "time": "2026-01-31T10:00:00Z",
            "verb": "GET",
            "ip_address": "192.0.2.9",
            "user_agent_string": "own",
        },
        "metadata": {"plan": "paid"},
    }


def test_a_subscription_is_in_order_with_its_company() -> None:
    traits = {"subscription_id": 1, "status": "active", "trial_end": "2026-02-01", "seats": 5}
    [(kind, key, subscription)] = messages({"type": "subscription", "groupId": 9, "traits": traits})
    assert (kind, key) == (SUBSCRIPTION, "9")
    assert subscription == {
        "subscription_id": "1",
        "company_id": "9",
        "status": "active",
        "trial_end": "2026-02-01T00:00:00Z",
        "metadata": {"seats": 5},
    }


EXAMPLE_OF = {"identify": [USER], "track": [ACTION], "group": [COMPANY, USER]}


@pytest.mark.parametrize("name", EXAMPLE_OF)
def test_the_examples_of_segments_specification_are_taken(name: str) -> None:
    call = json.loads((EXAMPLES / f"segment-{name}.json").read_text())
    del call["integrations"]  # of some they keep it out of Moesif
    assert [kind for kind, _, _ in messages(call)] == EXAMPLE_OF[name]


def test_the_common_fields_of_segments_specification_are_taken() -> None:
    call = json.loads((EXAMPLES / "segment-common.json").read_text())
    assert document(call) == {
        "action_name": "Report Submitted",
        "user_id": "97980cfea0067",
        "company_id": "12345",
        "transaction_id": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
        "request": {
            "ip_address": "8.8.8.8",
            "time": "2015-12-10T04:08:31.905Z",
            "uri": "https://segment.com/academy/",
            "user_agent_string": call["context"]["userAgent"],
        },
    }


def test_the_batch_of_segments_specification_is_taken() -> None:
    batch = json.loads((EXAMPLES / "segment-batch.json").read_text())["batch"]
    kinds = [kind for call in batch for kind, _, _ in messages(call)]
    assert kinds == [USER, ACTION] * 2


@pytest.mark.parametrize(
    ("kind", "content"),
    [("user", "traits"), ("company", "traits"), ("action", "properties")],
)
def test_the_examples_of_moesifs_reference_come_out_as_they_are(kind: str, content: str) -> None:
    path = {"user": "users", "company": "companies", "action": "actions"}[kind]
    for published in json.loads((EXAMPLES / f"moesif-{path}-batch.json").read_text()):
        call = {"type": kind, content: published}
        [(_, _, sent)] = messages(call, extracted=None, missing_ip_address=None)
        assert sent == published


@pytest.mark.parametrize("number", [0, 1])
def test_a_track_comes_out_in_the_form_of_moesifs_reference(number: int) -> None:
    published = json.loads((EXAMPLES / "moesif-actions-batch.json").read_text())[number]
    request = published["request"]
    call = {
        "type": "track",
        "userId": published["user_id"],
        "event": published["action_name"],
        "messageId": published["transaction_id"],
        "properties": published["metadata"],
        "context": {
            "groupId": published["company_id"],
            "userAgent": request["user_agent_string"],
            "page": {"url": request["uri"]},
        },
    }
    [(_, _, sent)] = messages(call, extracted=None, missing_ip_address=None)
    assert sent == published


TEXT = st.text("aZ0 .:/é😀\0", max_size=5)  # drawing of all of Unicode takes seconds to prepare
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    [
        *("firstName", "avatar", "company", "company_id", "website", "domain", "url", "metadata"),
        *("campaign", "request", "modified_time", "session_token", "status", "subscription_id"),
        *("transaction_id", "action_name", "user_id", "ip_address"),
    ]
)
CONTENT = st.dictionaries(WORDS | TEXT, JSON, max_size=6)
CALLS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                *("identify", "group", "track", "page", "screen", "alias"),
                *("user", "company", "action", "subscription"),
            ]
        )
    },
    optional={
        **dict.fromkeys(("userId", "anonymousId", "groupId", "messageId"), TEXT | JSON),
        **dict.fromkeys(("event", "name", "category"), TEXT | JSON),
        "timestamp": st.datetimes().map(lambda time: time.isoformat()) | JSON,
        "context": st.dictionaries(
            st.sampled_from(["ip", "userAgent", "page", "campaign", "referrer", "groupId"]), JSON
        )
        | st.dictionaries(
            st.sampled_from(["page", "campaign", "referrer"]),
            st.dictionaries(st.sampled_from(["url", "referrer", "name", "source"]), JSON),
        )
        | JSON,
        "integrations": JSON,
        "traits": CONTENT | JSON,
        "properties": CONTENT | JSON,
    },
)
REQUIRED = {
    USER: {"user_id"},
    COMPANY: {"company_id"},
    SUBSCRIPTION: {"subscription_id", "company_id", "status"},
    ACTION: {"action_name", "request", "transaction_id"},
}


@given(CALLS)
def test_whatever_a_call_holds_it_is_rejected_or_sent_as_moesif_wants_it(
    call: dict[str, Any],
) -> None:
    call = {name: value for name, value in call.items() if value is not None}
    try:
        first = messages(call)
    except (RecordRejected, RecordSkipped):
        return
    assert messages(call, extracted="2026-02-02T00:00:00Z") == [
        (kind, key, later(body)) for kind, key, body in first
    ], "the same id in another run, whenever the record was read"
    for kind, key, body in first:
        assert key
        assert {name for name in REQUIRED[kind] if body.get(name) is None} == set()
        ids = ("user_id", "anonymous_id", "company_id", "subscription_id", "session_token")
        assert all(isinstance(body.get(name, "-"), str) and body.get(name, "-") for name in ids)
        assert all(isinstance(body.get(name, {}), dict) for name in ("metadata", "campaign"))
        check_size(kind, json.dumps(body).encode())
        if kind is ACTION:
            assert len(str(uuid.UUID(body["transaction_id"]))) == 36
            assert body["request"]["uri"] is not None


def later(body: dict[str, Any]) -> dict[str, Any]:
    """The document of a record that was extracted at another time."""
    if body.get("request", {}).get("time") == EXTRACTED:
        return {**body, "request": {**body["request"], "time": "2026-02-02T00:00:00Z"}}
    return body
