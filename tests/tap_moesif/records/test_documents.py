from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from record_checks import checker
from tap_moesif.records import Field, RecordMaker, as_it_is
from tap_moesif.streams.base import SESSION_TOKEN
from tap_moesif.streams.cohorts import Cohorts
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.events import PAYLOADS, Events
from tap_moesif.streams.subscriptions import Subscriptions
from tap_moesif.streams.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable

Document = dict[str, Any]

EXAMPLES = Path(__file__).parents[1] / "examples"
CHECK_USER = checker(Users.fields)
CHECK_COMPANY = checker(Companies.fields)
CHECK_EVENT = checker(Events.fields)

TIME = "2023-07-27T21:52:58.099"
UTC = "2023-07-27T21:52:58.099Z"


def user(document: Document, *drop: str, mismatches: list[str] | None = None) -> Document:
    seen: list[str] = []
    source = {name: value for name, value in document.items() if name != "_id"}
    make = RecordMaker(Users.fields, prepare=Users.prepare, drop=drop, type_mismatch=seen.append)
    record = make(deepcopy(source), document.get("_id"))
    assert record is not None
    if mismatches is None:
        assert not seen
    else:
        mismatches += seen
    return record


def company(document: Document) -> Document:
    record = RecordMaker(Companies.fields, type_mismatch=pytest.fail)(deepcopy(document))
    assert record is not None
    return record


def example(name: str) -> Document:
    hit = hit_of(f"moesif-search-users-{name}")
    return {"_id": hit["_id"], **hit["_source"]}


def hit_of(name: str) -> Document:
    answer = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    hit: Document = answer["hits"]["hits"][0]
    return hit


def event(source: Document, *drop: str, mismatches: list[str] | None = None) -> Document:
    seen: list[str] = []
    make = RecordMaker(Events.fields, prepare=Events.prepare, drop=drop, type_mismatch=seen.append)
    record = make(deepcopy(source), "e1")
    assert record is not None
    assert seen == (mismatches or [])
    CHECK_EVENT.validate(record)
    return record


def flat(
    fields: tuple[Field, ...],
    prepare: Callable[[Document], Document],
    raw: Document,
    mismatches: list[str] | None = None,
) -> Document:
    seen: list[str] = []
    record = RecordMaker(fields, prepare=prepare, type_mismatch=seen.append)(deepcopy(raw))
    assert record is not None
    assert seen == (mismatches or [])
    checker(fields).validate(record)
    return record


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
    assert user(raw) == expected


@pytest.mark.parametrize("raw", [{}, {"_id": None}, {"user_id": None}, None, [], "u1"])
def test_a_document_without_any_id_is_no_record(raw: object) -> None:
    assert RecordMaker(Users.fields, prepare=Users.prepare, type_mismatch=pytest.fail)(raw) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"created": TIME}, {"createdAt": UTC}),
        ({"created_at": TIME}, {"createdAt": UTC}),
        ({"create_time": TIME}, {"createdAt": UTC}),
        ({"created": None, "create_time": TIME}, {"createdAt": UTC}),
        ({"created": TIME, "created_at": None}, {"createdAt": UTC}),
        ({"modified_time": TIME}, {"modifiedTime": UTC}),
        ({"first_seen_time": TIME}, {"firstSeenTime": UTC}),
        ({"last_seen_time": TIME}, {"lastSeenTime": UTC}),
        ({"name": "Zoë 漢字"}, {"name": "Zoë 漢字"}),
        ({"first_name": "Zoë"}, {"firstName": "Zoë"}),
        ({"last_name": "Doe"}, {"lastName": "Doe"}),
        ({"email": "z@example.com"}, {"email": "z@example.com"}),
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
    record = user({"_id": "u1", **raw})

    assert record == {"id": "u1", **expected}
    CHECK_USER.validate(record)


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
    record = user({"_id": "u1", **raw})

    assert record == {"id": "u1", "company": expected}
    CHECK_USER.validate(record)


def test_a_document_is_left_as_it_is() -> None:
    document = {"_id": "u1", "company_id": "c", "user_agent": "x", "geo_ip": {"ip": "::1"}}
    before = deepcopy(document)

    user(document, SESSION_TOKEN)

    assert document == before


def test_a_company_id_that_contradicts_the_embedded_company_is_kept() -> None:
    record = user({"_id": "u1", "company_id": "c1", "company": {"company_id": "c2"}})

    assert record["company"] == {"id": "c2"}
    assert record["additionalFields"] == {"company_id": "c1"}


@pytest.mark.parametrize(
    "location", [[-79.8, 32.8], {"lat": 32.8, "lon": -79.8}, {"lon": -79.8, "lat": 32.8}]
)
@pytest.mark.parametrize("numbers", [{}, {"latitude": 32.8, "longitude": -79.8}])
def test_a_location_in_either_form_gives_the_coordinates(
    location: object, numbers: Document
) -> None:
    record = user({"_id": "u1", "geo_ip": {"location": location, **numbers}})

    assert record == {
        "id": "u1",
        "context": {"location": {"latitude": 32.8, "longitude": -79.8}},
    }


@pytest.mark.parametrize("location", ["32.8,-79.8", [1.0], {"lat": 1.0}, [9.0, 9.0]])
def test_a_location_that_says_something_else_is_kept(location: object) -> None:
    geo = {"location": location, "latitude": 32.8, "longitude": -79.8}

    record = user({"_id": "u1", "geo_ip": geo})

    assert record["context"]["location"] == {"latitude": 32.8, "longitude": -79.8}
    assert record["additionalFields"] == {"geo_ip": {"location": location}}


def test_every_part_of_geo_ip_has_its_place_in_the_context() -> None:
    geo = {
        "ip": "10.0.0.1",
        "city_name": "Mt. Pleasant",
        "region_name": "South Carolina",
        "region_code": "SC",
        "country_name": "United States",
        "country_code2": "US",
        "country_code3": "USA",
        "continent_code": "NA",
        "postal_code": "29464",
        "timezone": "America/New_York",
        "dma_code": 519,
    }

    record = user({"_id": "u1", "geo_ip": geo})

    assert record == {
        "id": "u1",
        "context": {
            "ip": "10.0.0.1",
            "location": {
                "city": "Mt. Pleasant",
                "region": "South Carolina",
                "regionCode": "SC",
                "country": "United States",
                "countryCode": "US",
                "countryCode3": "USA",
                "continentCode": "NA",
                "postalCode": "29464",
                "timezone": "America/New_York",
                "dmaCode": 519,
            },
        },
    }


def test_two_addresses_are_both_kept() -> None:
    record = user({"_id": "u1", "ip_address": "10.0.0.1", "geo_ip": {"ip": "10.0.0.2"}})

    assert record["context"] == {"ip": "10.0.0.1", "location": {}}
    assert record["additionalFields"] == {"geo_ip": {"ip": "10.0.0.2"}}


def test_every_field_of_a_company_finds_its_place() -> None:
    record = company(
        {
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
    )

    assert record == {
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
    CHECK_COMPANY.validate(record)


@pytest.mark.parametrize(
    ("raw", "misfit", "left"),
    [
        ({"name": ["Zoë"]}, "name", {"name": ["Zoë"]}),
        ({"name": 5}, "name", {"name": 5}),
        ({"user_id": ""}, "user_id", {"user_id": ""}),
        ({"user_id": True}, "user_id", {"user_id": True}),
        ({"user_id": ["u2"]}, "user_id", {"user_id": ["u2"]}),
        ({"created": "soon"}, "created", {"created": "soon"}),
        ({"created": "2023-02-30"}, "created", {"created": "2023-02-30"}),
        ({"created": True}, "created", {"created": True}),
        ({"created": {"$date": 1}}, "created", {"created": {"$date": 1}}),
        ({"metadata": "text"}, "metadata", {"metadata": "text"}),
        ({"campaign": []}, "campaign", {"campaign": []}),
        ({"company": "Acme"}, "company", {"company": "Acme"}),
        ({"geo_ip": "US"}, "geo_ip", {"geo_ip": "US"}),
        ({"user_agent": 5}, "user_agent", {"user_agent": 5}),
    ],
)
def test_a_wrong_type_costs_only_its_own_field(raw: Document, misfit: str, left: Document) -> None:
    mismatches: list[str] = []

    record = user({"_id": "u1", "email": "z@example.com", **raw}, mismatches=mismatches)

    assert record == {"id": "u1", "email": "z@example.com", "additionalFields": left}
    assert mismatches == [misfit]


def test_a_wrong_type_inside_an_object_leaves_the_rest_of_it() -> None:
    mismatches: list[str] = []
    document = {
        "_id": "u1",
        "geo_ip": {"city_name": 5, "dma_code": 519.5, "latitude": "north", "region_code": "SC"},
        "company": {"company_id": [], "ttfhw_s": True, "company_domain": "acme.example"},
        "last24HourAggResults": {"count": "many", "topRoutes": {}, "errorCount": 1},
    }

    record = user(document, mismatches=mismatches)

    assert record == {
        "id": "u1",
        "context": {"location": {"regionCode": "SC"}},
        "company": {
            "companyDomain": "acme.example",
            "additionalFields": {"company_id": [], "ttfhw_s": True},
        },
        "last24HourAggResults": {"errorCount": 1},
        "additionalFields": {
            "geo_ip": {"city_name": 5, "dma_code": 519.5, "latitude": "north"},
            "last24HourAggResults": {"count": "many", "topRoutes": {}},
        },
    }
    assert sorted(mismatches) == [
        "company.company_id",
        "company.ttfhw_s",
        "geo_ip.city_name",
        "geo_ip.dma_code",
        "geo_ip.latitude",
        "last24HourAggResults.count",
        "last24HourAggResults.topRoutes",
    ]


def test_session_tokens_are_dropped_wherever_moesif_has_put_them() -> None:
    document = {
        "_id": "u1",
        "session_token": ["secret"],
        "company": {"company_id": "c", "session_token": "secret", "list": [{SESSION_TOKEN: "s"}]},
        "campaign": {"session_token": "secret", "utm_source": "x"},
    }

    record = user(document, SESSION_TOKEN)

    assert record == {
        "id": "u1",
        "company": {"id": "c", "additionalFields": {"list": [{}]}},
        "campaign": {"utm_source": "x"},
    }


def test_the_accounts_own_objects_are_left_alone() -> None:
    own = {"session_token": "a column of theirs", "created": "soon"}

    record = user({"_id": "u1", "metadata": own, "company": {"body": own}}, SESSION_TOKEN)

    assert record["metadata"] == own
    assert record["company"]["metadata"] == own


def test_session_tokens_that_are_wanted_are_additional_fields() -> None:
    record = user({"_id": "u1", "session_token": ["t"], "company": {"session_token": ["c"]}})

    assert record["additionalFields"] == {"session_token": ["t"]}
    assert record["company"] == {"additionalFields": {"session_token": ["c"]}}


def test_the_documented_answer_becomes_a_whole_record() -> None:
    assert user(example("documented"), SESSION_TOKEN) == {
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
    raw = example("recorded")

    assert user(raw, SESSION_TOKEN) == {
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
    hit = hit_of("moesif-search-events-documented")

    record = RecordMaker(
        Events.fields, prepare=Events.prepare, drop=(SESSION_TOKEN,), type_mismatch=pytest.fail
    )(hit["_source"], hit["_id"])

    assert record == {
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
    CHECK_EVENT.validate(record)


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


@pytest.mark.parametrize(
    ("source", "expected", "mismatches"),
    [
        (
            {"request": "GET /"},
            {"additionalFields": {"request": "GET /"}},
            ["request"],
        ),
        (
            {"request": {"time": "soon", "verb": 1}},
            {
                "request": {"additionalFields": {"time": "soon", "verb": 1}},
                "additionalFields": {"request.time": "soon"},
            },
            ["request.time", "request.time", "request.verb"],
        ),
        (
            {"response": {"status": "200"}},
            {"response": {"additionalFields": {"status": "200"}}},
            ["response.status"],
        ),
        ({"user_id": None}, {"userId": None}, []),
        ({"duration_ms": 81.25, "weight": 2.0}, {"durationMs": 81.25, "weight": 2}, []),
        ({"request": None, "response": {}}, {"request": None, "response": {}}, []),
    ],
)
def test_a_wrong_type_costs_an_event_only_its_own_field(
    source: Document, expected: Document, mismatches: list[str]
) -> None:
    assert event(source, mismatches=mismatches) == {"id": "e1", **expected}


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
            }
        ],
    }

    assert flat(Subscriptions.fields, as_it_is, raw) == {
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
            }
        ],
    }


def test_a_recorded_subscription_becomes_a_whole_record() -> None:
    [recorded] = example("recorded")["company"]["subscriptions"]
    [item] = recorded["items"]

    record = flat(Subscriptions.fields, as_it_is, {"subscription_id": "sub_1", **recorded})

    assert record == {
        "id": "sub_1",
        "companyId": "sub_1OUHDjKjbeAxuumJy6ko1gXu",
        "status": "active",
        "startDate": "2024-01-02T23:18:03.000Z",
        "currentPeriodStart": "2024-03-02T23:18:03.000Z",
        "cancelTime": None,
        "metadata": {},
        "appId": "660:387",
        "items": [
            {
                "subscriptionItemId": "si_PIszPQaPC3zIZL",
                "planId": "prod_PIolHSJQuNP5Wm",
                "priceId": "price_1OUD7XKjbeAxuumJwK5agr87",
                "status": "active",
                "createdAt": "2024-01-02T23:18:03.000Z",
                "plan": item["plan"],
                "price": item["price"],
            }
        ],
    }


def test_a_wrong_item_costs_a_subscription_only_that() -> None:
    items = [{"plan_id": "p1", "is_metered": "yes", "tier": 1}, "p2", None, {"plan_id": "p3"}]

    record = flat(
        Subscriptions.fields,
        as_it_is,
        {"subscription_id": "s1", "items": items, "status": 1},
        mismatches=["status", "items.is_metered", "items", "items"],
    )

    assert record == {
        "id": "s1",
        "items": [
            {"planId": "p1", "additionalFields": {"is_metered": "yes", "tier": 1}},
            {"planId": "p3"},
        ],
        "additionalFields": {"status": 1, "items": ["p2", None]},
    }


def test_two_ids_of_a_subscription_are_both_kept() -> None:
    raw = {"subscription_id": "s1", "_id": "s2", "id": "s1"}

    assert flat(Subscriptions.fields, as_it_is, raw) == {
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

    assert flat(Cohorts.fields, Cohorts.prepare, raw) == {"id": "c1", "criteria": expected}


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

    assert flat(Cohorts.fields, Cohorts.prepare, raw) == {
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
