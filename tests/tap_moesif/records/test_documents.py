from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from documents import STREAMS
from tap_moesif.streams.base import SESSION_TOKEN
from tap_moesif.streams.events import PAYLOADS

Document = dict[str, Any]

EXAMPLES = Path(__file__).parents[1] / "examples"
TIME = "2023-07-27T21:52:58.099"
UTC = "2023-07-27T21:52:58.099Z"


def user(raw: Document, *drop: str, mismatches: tuple[str, ...] = ()) -> Document:
    return STREAMS["users"].record(raw, *drop, hit_id="u1", mismatches=mismatches)


def event(raw: Document, *drop: str, mismatches: tuple[str, ...] = ()) -> Document:
    return STREAMS["events"].record(raw, *drop, hit_id="e1", mismatches=mismatches)


def hit_of(example: str) -> Document:
    """Give the one hit of an example of an answer."""
    answer = json.loads((EXAMPLES / f"moesif-search-{example}.json").read_text("utf-8"))
    [hit] = answer["hits"]["hits"]
    found: Document = hit
    return found


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"user_id": "u1", "_id": "h"}, {"id": "u1"}, id="user_id_first"),
        pytest.param({"identified_user_id": "u1", "_id": "u1"}, {"id": "u1"}, id="identified"),
        pytest.param({"_id": "u1"}, {"id": "u1"}, id="only_the_hits_id"),
        pytest.param({"user_id": None, "_id": "u1"}, {"id": "u1"}, id="null_user_id"),
        pytest.param({"user_id": 42, "_id": "42"}, {"id": "42"}, id="a_number_as_id"),
        pytest.param(
            {"user_id": "u1", "identified_user_id": "u2"},
            {"id": "u1", "additionalFields": {"identified_user_id": "u2"}},
            id="another_id_is_kept",
        ),
    ],
)
def test_a_user_is_known_by_the_first_id_there_is(raw: Document, expected: Document) -> None:
    hit_id = raw.pop("_id", None)

    assert STREAMS["users"].record(raw, hit_id=hit_id) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"created": TIME}, {"createdAt": UTC}),
        ({"created_at": TIME}, {"createdAt": UTC}),
        ({"create_time": TIME}, {"createdAt": UTC}),
        ({"created": None, "create_time": TIME}, {"createdAt": UTC}),
        ({"created": TIME, "created_at": None}, {"createdAt": UTC}),
        ({"name": "Zoë 漢字"}, {"name": "Zoë 漢字"}),
        ({"user_name": "@zoe"}, {"username": "@zoe"}),
        ({"phone": "+1 555"}, {"phone": "+1 555"}),
        ({"photo_url": "https://x/y.png"}, {"avatar": "https://x/y.png"}),
        ({"campaign": {"utm_source": "x"}}, {"campaign": {"utm_source": "x"}}),
        ({"enrichment": {"a": 1}}, {"enrichment": {"a": 1}}),
        ({"enrichments": {"a": 1}}, {"enrichment": {"a": 1}}),
        ({"clearbit": {"a": 1}}, {"enrichment": {"a": 1}}),
        ({"metadata": {"a": {"b": [1]}}}, {"metadata": {"a": {"b": [1]}}}),
        ({"body": {"a": 1}}, {"metadata": {"a": 1}}),
        ({"body": {"a": 1}, "metadata": {"a": 1}}, {"metadata": {"a": 1}}),
        ({"user_agent": {"name": "Chrome"}}, {"userAgent": {"name": "Chrome"}}),
        ({"user_agent": "Mozilla/5.0"}, {"context": {"userAgent": "Mozilla/5.0"}}),
        (
            {"user_agent": "Mozilla/5.0", "user_agent_string": None},
            {"context": {"userAgent": "Mozilla/5.0"}},
        ),
        (
            {"user_agent": {"name": "Chrome"}, "user_agent_string": "Mozilla/5.0"},
            {"userAgent": {"name": "Chrome"}, "context": {"userAgent": "Mozilla/5.0"}},
        ),
        ({"ip_address": "10.0.0.1"}, {"context": {"ip": "10.0.0.1"}}),
        ({"name": None, "modified_time": None}, {"name": None, "modifiedTime": None}),
        (
            {"metadata": {"a": 1}, "body": {"b": 2}},
            {"metadata": {"a": 1}, "additionalFields": {"body": {"b": 2}}},
        ),
        ({"metadata": None, "body": {"b": 2}}, {"metadata": {"b": 2}}),
        ({"metadata": {}}, {"metadata": {}}),
        (
            {"enrichment": {"a": 1}, "clearbit": {"b": 1}},
            {"enrichment": {"a": 1}, "additionalFields": {"clearbit": {"b": 1}}},
        ),
        (
            {"app_id": "198:3", "größe": {"漢": [None]}, "": 0},
            {"additionalFields": {"app_id": "198:3", "größe": {"漢": [None]}, "": 0}},
        ),
        ({"additionalFields": 1}, {"additionalFields": {"additionalFields": 1}}),
        ({"context": {"ip": 1}}, {"additionalFields": {"context": {"ip": 1}}}),
        ({"last24HourAggResults": {"count": 3}}, {"last24HourAggResults": {"count": 3}}),
        (
            {"last_24_hour_agg_results": {"statusCounts": {"2xx": 1, "1xx": 2}, "more": "x"}},
            {"last24HourAggResults": {"statusCounts": {"2xx": 1, "1xx": 2}, "more": "x"}},
        ),
    ],
)
def test_each_field_of_a_user_finds_its_place(raw: Document, expected: Document) -> None:
    assert user(raw) == {"id": "u1", **expected}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"company": {"company_id": "c"}}, {"id": "c"}),
        ({"company": {"_id": "c"}}, {"id": "c"}),
        ({"company_id": "c"}, {"id": "c"}),
        ({"company_id": 7}, {"id": "7"}),
        ({"company_id": "c", "company": None}, {"id": "c"}),
        ({"company_id": "c", "company": {}}, {"id": "c"}),
        ({"company_id": "c", "company": {"company_id": None}}, {"id": "c"}),
        ({"company_id": "c", "company": {"company_id": "c"}}, {"id": "c"}),
        (
            {"company_id": "c", "company": {"_id": "d"}},
            {"id": "c", "additionalFields": {"_id": "d"}},
        ),
        (
            {"company_id": "c", "company": "Acme"},
            {"id": "c", "additionalFields": {"company": "Acme"}},
        ),
        (
            {"company_id": "c", "company": ["x"]},
            {"id": "c", "additionalFields": {"company": ["x"]}},
        ),
        ({"company": {"company_id": None, "domain_name": "a.b"}}, {"companyDomain": "a.b"}),
        (
            {"company": {"created": TIME, "modified_time": TIME, "ttfhw_s": 5.0}},
            {"created": UTC, "modifiedTime": UTC, "ttfhw_s": 5},
        ),
        (
            {"company": {"first_seen_time": TIME, "last_seen_time": TIME, "ip_address": "::1"}},
            {"firstSeenTime": UTC, "lastSeenTime": UTC, "ipAddress": "::1"},
        ),
        (
            {"company": {"body": {"a": 1}, "subscriptions": [{"created": TIME}], "ü": 1}},
            {
                "metadata": {"a": 1},
                "additionalFields": {"subscriptions": [{"created": TIME}], "ü": 1},
            },
        ),
    ],
)
def test_the_users_company_is_one_object(raw: Document, expected: Document) -> None:
    assert user(raw) == {"id": "u1", "company": expected}


def test_a_company_id_that_contradicts_the_embedded_company_is_kept() -> None:
    assert user({"company_id": "c1", "company": {"company_id": "c2"}}) == {
        "id": "u1",
        "company": {"id": "c2"},
        "additionalFields": {"company_id": "c1"},
    }


@pytest.mark.parametrize(
    "location", [[-79.8, 32.8], {"lat": 32.8, "lon": -79.8}, {"lon": -79.8, "lat": 32.8}]
)
@pytest.mark.parametrize("numbers", [{}, {"latitude": 32.8, "longitude": -79.8}])
def test_a_location_in_either_form_gives_the_coordinates(
    location: object, numbers: Document
) -> None:
    place = {"latitude": 32.8, "longitude": -79.8}

    assert user({"geo_ip": {"location": location, **numbers}}) == {
        "id": "u1",
        "context": {"location": place},
    }


@pytest.mark.parametrize("location", ["32.8,-79.8", [1.0], {"lat": 1.0}, [9.0, 9.0]])
def test_a_location_that_says_something_else_is_kept(location: object) -> None:
    geo = {"location": location, "latitude": 32.8, "longitude": -79.8}

    record = user({"geo_ip": geo})

    assert record["context"]["location"] == {"latitude": 32.8, "longitude": -79.8}
    assert record["additionalFields"] == {"geo_ip": {"location": location}}


def test_two_addresses_are_both_kept() -> None:
    record = user({"ip_address": "10.0.0.1", "geo_ip": {"ip": "10.0.0.2"}})

    assert record["context"] == {"ip": "10.0.0.1", "location": {}}
    assert record["additionalFields"] == {"geo_ip": {"ip": "10.0.0.2"}}


def test_every_field_of_a_company_finds_its_place() -> None:
    raw = {
        "company_id": "c1",
        "_id": "c1",
        "created": "2020-01-01",
        "modified_time": TIME,
        "first_seen_time": TIME,
        "last_seen_time": TIME,
        "ip_address": "10.0.0.1",
        "company_domain": "acme.example",
        "ttfhw_s": 86400,
        "metadata": {"plan": "free"},
        "name": "Acme",
    }

    assert STREAMS["companies"].record(raw) == {
        "id": "c1",
        "created": "2020-01-01T00:00:00.000Z",
        "modifiedTime": UTC,
        "firstSeenTime": UTC,
        "lastSeenTime": UTC,
        "ipAddress": "10.0.0.1",
        "companyDomain": "acme.example",
        "ttfhw_s": 86400,
        "metadata": {"plan": "free"},
        "additionalFields": {"name": "Acme"},
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ["Zoë"]},
        {"name": 5},
        {"user_id": ""},
        {"user_id": True},
        {"user_id": ["u2"]},
        {"created": "soon"},
        {"created": "2023-02-30"},
        {"created": True},
        {"created": {"$date": 1}},
        {"metadata": "text"},
        {"campaign": []},
        {"company": "Acme"},
        {"geo_ip": "US"},
        {"user_agent": 5},
    ],
)
def test_a_wrong_type_costs_only_its_own_field(wrong: Document) -> None:
    record = user({"email": "z@example.com", **wrong}, mismatches=(*wrong,))

    assert record == {"id": "u1", "email": "z@example.com", "additionalFields": wrong}


def test_wrong_types_inside_objects_leave_the_rest_of_them() -> None:
    raw = {
        "created": "soon",
        "created_at": "never",
        "geo_ip": {"city_name": 5, "dma_code": 519.5, "latitude": "north", "region_code": "SC"},
        "company": {"company_id": [], "ttfhw_s": True, "company_domain": "acme.example"},
        "last24HourAggResults": {
            "count": "many",
            "topRoutes": [{"route": 5, "count": 1}, "/a"],
            "errorCount": 1,
        },
    }
    told = (
        *("created", "created_at", "company.company_id", "company.ttfhw_s"),
        *("geo_ip.city_name", "geo_ip.dma_code", "geo_ip.latitude", "last24HourAggResults.count"),
        *("last24HourAggResults.topRoutes", "last24HourAggResults.topRoutes.route"),
    )

    assert user(raw, mismatches=told) == {
        "id": "u1",
        "context": {"location": {"regionCode": "SC"}},
        "company": {
            "companyDomain": "acme.example",
            "additionalFields": {"company_id": [], "ttfhw_s": True},
        },
        "last24HourAggResults": {"errorCount": 1, "topRoutes": [{"count": 1}]},
        "additionalFields": {
            "created": "soon",
            "created_at": "never",
            "geo_ip": {"city_name": 5, "dma_code": 519.5, "latitude": "north"},
            "last24HourAggResults": {"count": "many", "topRoutes": [{"route": 5}, "/a"]},
        },
    }


def test_session_tokens_are_dropped_wherever_moesif_has_put_them() -> None:
    own = {"session_token": "a column of theirs"}
    raw = {
        "session_token": ["secret"],
        "company": {"session_token": "secret", "list": [{SESSION_TOKEN: "s"}], "body": own},
        "campaign": {"session_token": "secret", "utm_source": "x"},
        "metadata": own,
    }

    assert user(raw, SESSION_TOKEN) == {
        "id": "u1",
        "company": {"metadata": own, "additionalFields": {"list": [{}]}},
        "campaign": {"utm_source": "x"},
        "metadata": own,
    }


def test_the_documented_answer_becomes_a_whole_record() -> None:
    hit = hit_of("users-documented")

    assert STREAMS["users"].record(hit["_source"], SESSION_TOKEN, hit_id=hit["_id"]) == {
        "id": "123456",
        "modifiedTime": "2019-07-27T21:55:19.464Z",
        "firstSeenTime": "2019-07-27T21:52:58.099Z",
        "lastSeenTime": "2019-07-27T21:52:58.099Z",
        "name": "John Doe",
        "firstName": "John",
        "lastName": "Doe",
        "email": "john.doe@gmail.com",
        "metadata": {},
        "userAgent": {
            "name": "Android",
            "os_major": "7",
            "os": "Android 7.0",
            "os_name": "Android",
            "os_minor": "0",
            "major": "7",
            "device": "Samsung SM-G955U",
            "minor": "0",
        },
        "context": {
            "ip": "107.200.85.196",
            "location": {
                "city": "Mt. Pleasant",
                "region": "South Carolina",
                "regionCode": "SC",
                "country": "United States",
                "countryCode": "US",
                "countryCode3": "US",
                "continentCode": "NA",
                "postalCode": "29464",
                "timezone": "America/New_York",
                "dmaCode": 519,
                "latitude": 32.822898864746094,
                "longitude": -79.85489654541016,
            },
        },
        "additionalFields": {"app_id": "198:3", "org_id": "177:3"},
    }


def test_the_recorded_answer_becomes_a_whole_record() -> None:
    hit = hit_of("users-recorded")
    raw = hit["_source"]

    assert STREAMS["users"].record(raw, SESSION_TOKEN, hit_id=hit["_id"]) == {
        "id": "cus_PIsz7TqLLrheqX",
        "name": "Foo Bar",
        "email": "foo_bar@moesif.com",
        "company": {
            "id": "sub_1OUHDjKjbeAxuumJy6ko1gXu",
            "additionalFields": {"subscriptions": raw["company"]["subscriptions"]},
        },
    }


PLACE = {
    "city": "San Francisco",
    "region": "CA",
    "country": "United States",
    "countryCode": "US",
    "countryCode3": "USA",
    "continentCode": "NA",
    "postalCode": "94107",
    "timezone": "America/Los_Angeles",
    "dmaCode": 807,
    "latitude": 37.769,
    "longitude": -122.393,
}


def test_the_documented_api_call_becomes_a_whole_record() -> None:
    hit = hit_of("events-documented")

    assert STREAMS["events"].record(hit["_source"], SESSION_TOKEN, hit_id=hit["_id"]) == {
        "id": "AWF5M-FDTqLFD8l5y2f4",
        "requestTime": "2023-07-09T06:14:58.550Z",
        "eventType": "api_call",
        "userId": "123454",
        "companyId": "67890",
        "durationMs": 76,
        "metadata": {},
        "request": {
            "time": "2023-07-09T06:14:58.550Z",
            "uri": "https://api.github.com",
            "verb": "GET",
            "route": "/",
            "ipAddress": "73.189.235.253",
            "location": PLACE,
            "userAgent": {"patch": "1", "major": "7", "minor": "1", "name": "PostmanRuntime"},
            "headers": {},
            "body": {},
            "additionalFields": {
                "geo_ip": {"area_code": 415, "real_region_name": "California"},
            },
        },
        "response": {
            "time": "2023-07-09T06:14:58.626Z",
            "status": 200,
            "headers": {},
            "body": {},
            "transferEncoding": "json",
        },
        "appId": "198:3",
        "orgId": "177:3",
        "additionalFields": {"company": {}, "user": {}},
    }


def test_a_custom_action_becomes_a_whole_record() -> None:
    source = {
        "event_type": "user_action",
        "action_name": "Clicked 'Sign up' 漢",
        "user_id": 12345,
        "company_id": "c1",
        "subscription_id": "s1",
        "transaction_id": "a3765025-46ec-45dd-bc83-b136c8d1d257",
        "direction": "Incoming",
        "weight": 1,
        "session_token": "secret",
        "metadata": {"session_token": "a column of theirs", "button": {"colour": "red"}},
        "request": {
            "time": "2023-07-27T21:52:58.0990000Z",
            "uri": "https://acme.example/dashboard",
            "ip_address": "192.0.2.1",
            "user_agent": "Mozilla/5.0",
        },
    }

    assert event(source, SESSION_TOKEN) == {
        "id": "e1",
        "requestTime": UTC,
        "eventType": "user_action",
        "actionName": "Clicked 'Sign up' 漢",
        "userId": "12345",
        "companyId": "c1",
        "subscriptionId": "s1",
        "transactionId": "a3765025-46ec-45dd-bc83-b136c8d1d257",
        "direction": "Incoming",
        "weight": 1,
        "metadata": source["metadata"],
        "request": {
            "time": UTC,
            "uri": "https://acme.example/dashboard",
            "ipAddress": "192.0.2.1",
            "userAgentString": "Mozilla/5.0",
        },
    }


@pytest.mark.parametrize("body", [{"a": 1}, [1, None], "YmFzZTY0", 5, True, None])
def test_a_body_is_kept_as_it_is_and_only_where_it_is_wanted(body: object) -> None:
    message = {"headers": {"Authorization": "Bearer x"}, "body": body}
    source = {"request": {"verb": "GET", **message}, "response": {"status": 200, **message}}

    assert event(source) == {
        "id": "e1",
        "request": {"verb": "GET", **message},
        "response": {"status": 200, **message},
    }
    assert event(source, *PAYLOADS) == {
        "id": "e1",
        "request": {"verb": "GET"},
        "response": {"status": 200},
    }


def test_payloads_are_left_out_of_an_event_only() -> None:
    source = {
        "request.headers": {"Authorization": "Bearer x"},
        "metadata": {"headers": 1, "body": 2},
        "user": {"body": {"plan": "free"}},
    }

    assert event(source, *PAYLOADS) == {
        "id": "e1",
        "metadata": {"headers": 1, "body": 2},
        "additionalFields": {"user": {"body": {"plan": "free"}}},
    }


def test_a_wrong_type_costs_an_event_only_its_own_field() -> None:
    source = {
        "request": {"time": "soon", "verb": 1, "uri": "/"},
        "response": {"status": "200"},
        "duration_ms": 81.25,
        "weight": 2.0,
        "user_id": None,
    }
    told = ("request.time", "request.time", "request.verb", "response.status")

    assert event(source, mismatches=told) == {
        "id": "e1",
        "durationMs": 81.25,
        "weight": 2,
        "userId": None,
        "request": {"uri": "/", "additionalFields": {"time": "soon", "verb": 1}},
        "response": {"additionalFields": {"status": "200"}},
        "additionalFields": {"request.time": "soon"},
    }


def test_every_documented_field_of_a_subscription_finds_its_place() -> None:
    raw = {
        "subscription_id": "sub_1",
        "company_id": 67890,
        "type": "subscription",
        "status": "active",
        "start_date": "2024-01-02T23:18:03.000Z",
        "created": TIME,
        "modified_time": TIME,
        "trial_start": TIME,
        "trial_end": TIME,
        "current_period_start": TIME,
        "current_period_end": TIME,
        "cancel_time": None,
        "payment_status": "paid",
        "collection_method": "automatic",
        "provider": "stripe",
        "external_id": "sub_ext",
        "company_external_id": "cus_ext",
        "version_id": "v1",
        "metadata": {"seats": 5},
        "app_id": "198:3",
        "org_id": "177:3",
        "items": [
            {
                "subscription_item_id": "si_1",
                "plan_id": "prod_1",
                "price_id": "price_1",
                "item_price_id": "ip_1",
                "status": "active",
                "is_metered": True,
                "unit_of_measure": "API call",
                "created_at": TIME,
                "plan": {"id": "prod_1", "metadata": {"tier": 1}},
                "price": {"id": "price_1", "tiers": [{"up_to": None}]},
            }
        ],
    }

    assert STREAMS["subscriptions"].record(raw) == {
        "id": "sub_1",
        "companyId": "67890",
        "type": "subscription",
        "status": "active",
        "startDate": "2024-01-02T23:18:03.000Z",
        "created": UTC,
        "modifiedTime": UTC,
        "trialStart": UTC,
        "trialEnd": UTC,
        "currentPeriodStart": UTC,
        "currentPeriodEnd": UTC,
        "cancelTime": None,
        "paymentStatus": "paid",
        "collectionMethod": "automatic",
        "provider": "stripe",
        "externalId": "sub_ext",
        "companyExternalId": "cus_ext",
        "versionId": "v1",
        "metadata": {"seats": 5},
        "appId": "198:3",
        "orgId": "177:3",
        "items": [
            {
                "subscriptionItemId": "si_1",
                "planId": "prod_1",
                "priceId": "price_1",
                "itemPriceId": "ip_1",
                "status": "active",
                "isMetered": True,
                "unitOfMeasure": "API call",
                "createdAt": UTC,
                "plan": {"id": "prod_1", "metadata": {"tier": 1}},
                "price": {"id": "price_1", "tiers": [{"up_to": None}]},
            }
        ],
    }


def test_a_wrong_item_costs_a_subscription_only_that() -> None:
    items = [{"plan_id": "p1", "is_metered": "yes", "tier": 1}, "p2", None, {"plan_id": "p3"}]
    raw = {"subscription_id": "s1", "items": items, "status": 1}
    told = ("status", "items.is_metered", "items", "items")

    assert STREAMS["subscriptions"].record(raw, mismatches=told) == {
        "id": "s1",
        "items": [
            {"planId": "p1", "additionalFields": {"is_metered": "yes", "tier": 1}},
            {"planId": "p3"},
        ],
        "additionalFields": {"status": 1, "items": ["p2", None]},
    }


def test_two_ids_of_a_subscription_are_both_kept() -> None:
    raw = {"subscription_id": "s1", "_id": "s2", "id": "s1"}

    assert STREAMS["subscriptions"].record(raw) == {
        "id": "s1",
        "additionalFields": {"_id": "s2"},
    }


CRITERIA = {"bool": {"must": [{"term": {"user_id.raw": "ü"}}]}}
WRITTEN = '{"bool":{"must":[{"term":{"user_id.raw":"ü"}}]}}'


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (CRITERIA, WRITTEN),
        (WRITTEN, WRITTEN),
        ([], "[]"),
        (["\ud800"], '["\ud800"]'),  # half a character
        (None, None),
    ],
)
def test_the_criteria_of_a_cohort_are_text_however_they_come(
    criteria: object, expected: object
) -> None:
    raw = {"_id": "c1", "criteria": criteria}

    assert STREAMS["cohorts"].record(raw) == {"id": "c1", "criteria": expected}


def test_every_documented_field_of_a_cohort_finds_its_place() -> None:
    rule = {"send_on_addition": True, "send_on_removal": False, "period": "P1D", "fields": ["a"]}
    raw = {
        "_id": "5f0c",
        "cohort_name": "Trial éndet",
        "cohort_type": "user",
        "criteria": "{}",
        "url_query": "?from=-7d",
        "from": "-7d",
        "to": "now",
        "time_zone": "Europe/Zurich",
        "week_starts_on": 1,
        "sample_rate": 50,
        "priority": 2,
        "channels": ["ch_1"],
        "notification_rule": rule,
        "locked_by": "billing",
        "created_at": "2024-01-02T18:55:23.000",
        "modified_at": "2024-01-02T18:55:23.000",
        "app_id": "198:3",
        "org_id": "177:3",
        "größe": 3,
    }

    assert STREAMS["cohorts"].record(raw) == {
        "id": "5f0c",
        "cohortName": "Trial éndet",
        "cohortType": "user",
        "criteria": "{}",
        "urlQuery": "?from=-7d",
        "from": "-7d",
        "to": "now",
        "timeZone": "Europe/Zurich",
        "weekStartsOn": 1,
        "sampleRate": 50,
        "priority": 2,
        "channels": ["ch_1"],
        "notificationRule": rule,
        "lockedBy": "billing",
        "createdAt": "2024-01-02T18:55:23.000Z",
        "modifiedAt": "2024-01-02T18:55:23.000Z",
        "appId": "198:3",
        "orgId": "177:3",
        "additionalFields": {"größe": 3},
    }
