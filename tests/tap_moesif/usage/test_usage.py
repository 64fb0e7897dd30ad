from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tap_moesif.records import Field, json_schema
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.users import Users
from tap_moesif.usage import USAGE, no_usage, window
from tap_moesif.usage.measure import MAX_IDS
from tap_moesif.usage.rollup import is_searchable
from tap_moesif.usage.search import UsageSearch, read_active, read_usage

BUCKET: dict[str, Any] = {
    "key": "u1",
    "doc_count": 5,
    "status": {
        "buckets": {
            "2xx": {"doc_count": 1},
            "3xx": {"doc_count": 0},
            "4xx": {"doc_count": 1},
            "5xx": {"doc_count": 2},
        }
    },
    "duration": {"value": 83.4567},
    "slow": {"values": {"90.0": 136.71}},
    "routes": {
        "sum_other_doc_count": 1,
        "buckets": [{"key": "/a", "doc_count": 3}, {"key": "/b", "doc_count": 1}],
    },
    "last": {"value": 1690494778099.0},
}


def answer(*buckets: object) -> dict[str, Any]:
    return {"aggregations": {"usage": {"buckets": list(buckets)}}}


def test_the_window_is_the_day_before_the_sync_in_utc() -> None:
    began = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    assert window(began) == ("2026-02-27T23:30:00.000Z", "2026-02-28T23:30:00.000Z")


def test_the_search_counts_the_calls_of_the_window_and_no_actions() -> None:
    body = UsageSearch("company_id", "START", "END").by_ids(["c1", "c2"])

    assert body["size"] == 0
    assert body["query"]["bool"] == {
        "filter": [
            {"terms": {"company_id.raw": ["c1", "c2"]}},
            {
                "range": {
                    "request.time": {
                        "gte": "START",
                        "lt": "END",
                        "format": "strict_date_optional_time",
                    }
                }
            },
        ],
        "must_not": [{"term": {"event_type": "user_action"}}],
    }
    assert body["aggs"]["usage"]["terms"] == {
        "field": "company_id.raw",
        "size": 2,
        "include": ["c1", "c2"],
    }


def test_a_bucket_becomes_a_roll_up() -> None:
    assert read_usage(answer(BUCKET)) == {
        "u1": {
            "count": 5,
            "errorCount": 3,
            "statusCounts": {"2xx": 1, "3xx": 0, "4xx": 1, "5xx": 2},
            "avgDurationMs": 83.5,
            "p90DurationMs": 136.7,
            "topRoutes": [{"route": "/a", "count": 3}, {"route": "/b", "count": 1}],
            "lastEventTime": "2023-07-27T21:52:58.099Z",
        }
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"key": 42}, "42"),
        ({"key": 42.0}, "42"),
        ({"key": 1, "key_as_string": "true"}, "true"),
        ({"key": "AbC"}, "AbC"),
        ({"key": "a:b ü 漢"}, "a:b ü 漢"),
    ],
)
def test_an_id_is_read_as_text(key: dict[str, Any], expected: str) -> None:
    assert read_usage(answer({**BUCKET, **key})).keys() == {expected}


@pytest.mark.parametrize(
    "values",
    [
        {"90.0": 136.71},
        {"90": 136.71},
        {"90.0": 136.71, "90.0_as_string": "136.71"},
        [{"key": 90.0, "value": 136.71}],
        [{"key": 90, "value": "136.71"}],
    ],
)
def test_a_percentile_is_read_in_each_form(values: object) -> None:
    assert (
        read_usage(answer({**BUCKET, "slow": {"values": values}}))["u1"]["p90DurationMs"] == 136.7
    )


def test_classes_of_status_are_read_in_each_form() -> None:
    named = BUCKET["status"]["buckets"]
    listed = [{"key": name, **count} for name, count in reversed(named.items())]

    assert read_usage(answer({**BUCKET, "status": {"buckets": listed}})) == read_usage(
        answer(BUCKET)
    )


def test_routes_with_equal_counts_have_one_order() -> None:
    routes = [
        {"key": key, "doc_count": count}
        for key, count in [("/z", 2), ("/b", 1), ("/B", 1), ("/é", 1), ("/a", 1)]
    ]

    first, second = (
        read_usage(answer({**BUCKET, "routes": {"buckets": order}}))["u1"]["topRoutes"]
        for order in (routes, routes[::-1])
    )

    assert first == second
    assert [route["route"] for route in first] == ["/z", "/B", "/a", "/b", "/é"]


def test_the_engine_too_is_asked_for_that_order() -> None:
    aggregations = UsageSearch("user_id", "START", "END").by_ids(["u1"])["aggs"]["usage"]["aggs"]

    assert aggregations["routes"]["terms"] == {
        "field": "request.route.raw",
        "size": 5,
        "shard_size": 1_000,
        "order": [{"_count": "desc"}, {"_key": "asc"}],
    }


def test_the_active_are_listed_in_the_same_window_with_the_same_roll_ups() -> None:
    search = UsageSearch("user_id", "START", "END")
    first = search.active(1_000, None, with_roll_ups=True)
    later = search.active(500, {"id": "u9"}, with_roll_ups=False)

    one = search.by_ids(["u1"])
    window = [part for part in one["query"]["bool"]["filter"] if "range" in part]
    assert first["query"]["bool"] == {**one["query"]["bool"], "filter": window}
    listed = {"size": 1_000, "sources": [{"id": {"terms": {"field": "user_id.raw"}}}]}
    assert first["aggs"]["active"] == {
        "composite": listed,
        "aggs": one["aggs"]["usage"]["aggs"],
    }
    assert first["aggs"]["estimate"]["cardinality"]["field"] == "user_id.raw"
    assert later["aggs"] == {
        "active": {"composite": {**listed, "size": 500, "after": {"id": "u9"}}}
    }


def listing(*buckets: object, **more: object) -> dict[str, Any]:
    return {"aggregations": {"active": {"buckets": list(buckets), **more}}}


def test_a_list_of_the_active_is_read_with_its_roll_ups() -> None:
    bucket = {**BUCKET, "key": {"id": "u1"}}
    answered = listing(bucket, after_key={"id": "u1"})
    answered["aggregations"]["estimate"] = {"value": 7}

    active = read_active(answered, with_roll_ups=True)

    assert active.ids == ["u1"]
    assert active.roll_ups == read_usage(answer(BUCKET))
    assert active.after == {"id": "u1"}
    assert active.estimate == 7


def test_a_list_of_ids_needs_no_roll_ups() -> None:
    active = read_active(
        listing({"key": {"id": "u1"}, "doc_count": 1}, {"key": {"id": 7}, "doc_count": 1}),
        with_roll_ups=False,
    )

    assert active.ids == ["u1", "7"]
    assert active.roll_ups == {}
    assert active.after == {"id": 7}  # as it came, where there is no `after_key`
    assert active.estimate is None


def test_an_empty_list_is_the_end() -> None:
    assert read_active(listing(after_key={"id": "u1"}), with_roll_ups=True).after is None


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"aggregations": {}},
        {"aggregations": {"active": {}}},
        {"aggregations": {"usage": {"buckets": []}}},
        listing(5),
        listing({"key": "u1"}),
        listing({"key": {"other": "u1"}}),
        {"aggregations": [1]},
    ],
)
def test_a_list_of_another_form_is_not_taken_for_nobody(wrong: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        read_active(wrong, with_roll_ups=True)


def test_a_full_query_stays_within_the_engines_buckets() -> None:
    aggregations = UsageSearch("user_id", "START", "END").by_ids(["u1"])["aggs"]["usage"]["aggs"]
    statuses = len(aggregations["status"]["filters"]["filters"])

    assert MAX_IDS * (1 + statuses + aggregations["routes"]["terms"]["size"]) <= 65_535


def test_routes_beyond_the_top_ones_are_left_out_on_purpose() -> None:
    routes = {**BUCKET["routes"], "sum_other_doc_count": 9, "doc_count_error_upper_bound": 1}

    assert read_usage(answer({**BUCKET, "routes": routes})) == read_usage(answer(BUCKET))


@pytest.mark.parametrize(
    "missed",
    [
        {"timed_out": True},
        {"_shards": {"total": 5, "successful": 4, "failed": 1}},
        {"aggregations": {"usage": {"buckets": [BUCKET], "sum_other_doc_count": 1}}},
        {"aggregations": {"usage": {"buckets": [BUCKET], "doc_count_error_upper_bound": 1}}},
    ],
)
def test_an_answer_that_does_not_count_all_calls_is_none(missed: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match="not counted"):
        read_usage({**answer(BUCKET), **missed})


def test_a_whole_answer_says_so() -> None:
    usage = {"buckets": [BUCKET], "sum_other_doc_count": 0, "doc_count_error_upper_bound": 0}
    whole = {"timed_out": False, "_shards": {"failed": 0}, "aggregations": {"usage": usage}}

    assert read_usage(whole) == read_usage(answer(BUCKET))


@pytest.mark.parametrize(("length", "searchable"), [(1, True), (256, True), (257, False)])
def test_an_id_that_the_engine_does_not_index_is_not_asked_about(
    length: int, *, searchable: bool
) -> None:
    assert is_searchable("ü" * length) is searchable


@pytest.mark.parametrize("fields", [Users.fields, Companies.fields], ids=["user", "company"])
def test_every_roll_up_follows_the_schema(fields: tuple[Field, ...]) -> None:
    [declared] = [field for field in fields if field.name == USAGE.name]
    check = Draft202012Validator(json_schema((declared,)))

    for roll_up in (no_usage(), read_usage(answer(BUCKET))["u1"]):
        check.validate({"last24HourAggResults": roll_up})
    for wrong in ({"count": "5"}, {"topRoutes": [{"route": 5}]}, {"topRoutes": ["/a"]}):
        with pytest.raises(ValidationError):
            check.validate({"last24HourAggResults": {**no_usage(), **wrong}})


@pytest.mark.parametrize("nothing", [None, "NaN"])
def test_calls_without_durations_and_times_roll_up_to_none(nothing: object) -> None:
    empty = {
        **BUCKET,
        "duration": {"value": None},
        "slow": {"values": {"90.0": nothing}},
        "last": {"value": None},
    }

    roll_up = read_usage(answer(empty))["u1"]

    assert (roll_up["avgDurationMs"], roll_up["p90DurationMs"]) == (0, 0)
    assert roll_up["lastEventTime"] is None


def test_one_users_missing_usage_is_not_the_others() -> None:
    no_usage()["topRoutes"].append("mine")

    assert no_usage()["topRoutes"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"aggregations": None},
        {"aggregations": {"usage": {"buckets": [None]}}},
        {"aggregations": {"usage": {"buckets": [{"key": "u1"}]}}},
        {"aggregations": {"usage": None}},
        {"aggregations": {"usage": []}},
        {**answer(BUCKET), "_shards": None},
        answer({**BUCKET, "doc_count": "5"}),
        answer({**BUCKET, "doc_count": None}),
        answer({**BUCKET, "status": {"buckets": {"2xx": {"doc_count": 1}}}}),
        answer({**BUCKET, "status": {"buckets": []}}),
        answer({**BUCKET, "routes": {}}),
        answer({**BUCKET, "routes": {"buckets": [{"key": "/a"}]}}),
        answer({**BUCKET, "duration": {}}),
        answer({**BUCKET, "duration": {"value": "Infinity"}}),
        answer({name: value for name, value in BUCKET.items() if name != "last"}),
        answer({**BUCKET, "slow": {"values": []}}),
        answer({**BUCKET, "slow": {"values": {"50.0": 1}}}),
        answer({**BUCKET, "slow": {"values": {"90.0": "much"}}}),
        answer({**BUCKET, "last": {"value": "lately"}}),
    ],
)
def test_an_answer_of_another_form_is_not_taken_for_no_usage(wrong: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        read_usage(wrong)
