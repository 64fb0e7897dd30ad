from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from tap_moesif import schemas
from tap_moesif.documents import SESSION_TOKEN, RecordMaker, user_document
from tap_moesif.fields import Kind
from tap_moesif.times import utc
from tap_moesif.values import CONVERSIONS

Document = dict[str, Any]

EXAMPLES = Path(__file__).parent / "examples"
FORMATS = FormatChecker(())


@FORMATS.checks("date-time", ValueError)
def is_the_one_form_of_times(value: object) -> bool:
    if isinstance(value, str):
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007, only its form counts
        return value.isascii() and len(value) == len("2023-07-27T21:52:58.099Z")
    return True


CHECK_USER = Draft202012Validator(schemas.json_schema(schemas.USER), format_checker=FORMATS)
CHECK_COMPANY = Draft202012Validator(schemas.json_schema(schemas.COMPANY), format_checker=FORMATS)

TIME = "2023-07-27T21:52:58.099"
UTC = "2023-07-27T21:52:58.099Z"


def user(document: Document, *drop: str, misfits: list[str] | None = None) -> Document:
    seen: list[str] = []
    source = {name: value for name, value in document.items() if name != "_id"}
    make = RecordMaker(schemas.USER, prepare=user_document, drop=drop, misfit=seen.append)
    record = make({"_id": document.get("_id"), "_source": source})
    assert record is not None
    if misfits is None:
        assert not seen
    else:
        misfits += seen
    return record


def company(document: Document) -> Document:
    record = RecordMaker(schemas.COMPANY, misfit=pytest.fail, searched=False)(document)
    assert record is not None
    return record


def example(name: str) -> Document:
    answer = json.loads((EXAMPLES / f"moesif-search-users-{name}.json").read_text("utf-8"))
    hit = answer["hits"]["hits"][0]
    return {"_id": hit["_id"], **hit["_source"]}


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


@pytest.mark.parametrize("raw", [{}, {"_id": None}, {"_source": {"user_id": None}}, None, [], "u1"])
def test_a_document_without_any_id_is_no_record(raw: object) -> None:
    assert RecordMaker(schemas.USER, prepare=user_document, misfit=pytest.fail)(raw) is None


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
    misfits: list[str] = []

    record = user({"_id": "u1", "email": "z@example.com", **raw}, misfits=misfits)

    assert record == {"id": "u1", "email": "z@example.com", "additionalFields": left}
    assert misfits == [misfit]


def test_a_wrong_type_inside_an_object_leaves_the_rest_of_it() -> None:
    misfits: list[str] = []
    document = {
        "_id": "u1",
        "geo_ip": {"city_name": 5, "dma_code": 519.5, "latitude": "north", "region_code": "SC"},
        "company": {"company_id": [], "ttfhw_s": True, "company_domain": "acme.example"},
        "last24HourAggResults": {"count": "many", "topRoutes": {}, "errorCount": 1},
    }

    record = user(document, misfits=misfits)

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
    assert sorted(misfits) == [
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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2023-07-27T21:52:58.0990000Z", UTC),
        ("2023-07-27T21:52:58.099", UTC),
        ("2023-07-27 21:52:58,0999", UTC),
        ("2023-07-27T21:52:58z", "2023-07-27T21:52:58.000Z"),
        ("2023-07-27T21:52:58.1", "2023-07-27T21:52:58.100Z"),
        ("2023-07-27T23:52:58.099+02:00", UTC),
        ("2023-07-27T23:52:58.099 +0200", UTC),
        ("2023-07-27T23:52:58.099+02", UTC),
        ("2023-07-27T16:22:58.099-05:30", UTC),
        (" 2023-07-27 ", "2023-07-27T00:00:00.000Z"),
        (1690494778099, UTC),
        (1690494778099.0, UTC),
    ],
)
def test_a_time_is_written_in_one_form_only(value: object, expected: str) -> None:
    assert utc(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "now",
        "2023-13-01",
        "2023-02-30T00:00:00",
        "2023-07-27T25:00:00",
        "2023-07-27T21:52:58.١٢٣Z",  # noqa: RUF001, digits of another script
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        1690494778,
        float("inf"),
        float("nan"),
        10**30,
        ["2023-07-27"],
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        utc(value)


MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001, `timezones` adds it
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(MOMENTS, MOMENTS)
def test_times_sort_as_the_instants_do(one: datetime, other: datetime) -> None:
    def milliseconds(time: datetime) -> int:
        return (time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)

    written = [utc(time.isoformat()) for time in (one, other)]

    assert (written[0] < written[1]) == (milliseconds(one) < milliseconds(other))
    assert [utc(time) for time in written] == written


RAW_NAMES = sorted(
    {
        name
        for fields in (schemas.USER, schemas.COMPANY)
        for field in fields
        for inner in (field, *field.fields, *(i for f in field.fields for i in f.fields))
        for name in inner.raw
    }
    | {"company_id", "user_agent", "location", "lat", "lon", "ip", "session_token"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["2023-07-27T21:52:58.0990000Z", "2023-07-27", 1690494778099])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(RAW_NAMES) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(RAW_NAMES) | st.text(max_size=3), JSON, max_size=10
).filter(lambda document: "_id" not in document)
IDS = st.text(min_size=1, max_size=3) | st.integers(0, 99)


@given(IDS, DOCUMENTS)
def test_whatever_a_document_holds_its_record_follows_the_schema(
    hit_id: str | int, document: Document
) -> None:
    raw = {"_id": hit_id, **document}
    before = deepcopy(raw)

    record = user(raw, misfits=[])

    CHECK_USER.validate(record)
    assert raw == before


@given(DOCUMENTS)
def test_whatever_a_document_holds_nothing_of_it_is_lost(document: Document) -> None:
    record = user({"_id": "u1", **document}, misfits=[])

    found = [value for _, value in leaves(record)]
    for name, value in leaves(document):
        assert any(written in found for written in spellings(value)), name
    unknown = {name: value for name, value in document.items() if name not in RAW_NAMES}
    assert unknown.items() <= record.get("additionalFields", {}).items()


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """List everything in a value that is no object, no list and not null."""
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, f"{path}.{name}")]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, path)]
    return [] if value is None else [(path, value)]


def spellings(value: object) -> list[object]:
    try:
        return [value, str(value), utc(value)]
    except (ValueError, OverflowError):
        return [value, str(value)]


def test_every_kind_but_the_objects_has_a_conversion() -> None:
    assert CONVERSIONS.keys() == set(Kind) - {
        Kind.OBJECT,
        Kind.OBJECTS,
        Kind.GROUP,
        Kind.REST,
    }
