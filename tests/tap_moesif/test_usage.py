from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tap_moesif.usage import no_usage, read_usage, usage_search, window

BUCKET: dict[str, Any] = {
    "key": "u1",
    "doc_count": 5,
    "status": {
        "buckets": [
            {"key": "2xx", "from": 200, "to": 300, "doc_count": 1},
            {"key": "3xx", "from": 300, "to": 400, "doc_count": 0},
            {"key": "4xx", "from": 400, "to": 500, "doc_count": 1},
            {"key": "error", "from": 400, "doc_count": 3},
            {"key": "5xx", "from": 500, "to": 600, "doc_count": 2},
        ]
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
    body = usage_search("company_id", ["c1", "c2"], "START", "END")

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
    assert body["aggs"]["usage"]["terms"] == {"field": "company_id.raw", "size": 2}


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


def test_a_number_as_id_is_read_as_text() -> None:
    assert read_usage(answer({**BUCKET, "key": 42})).keys() == {"42"}


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


def test_no_usage_has_the_form_of_usage() -> None:
    some = read_usage(answer(BUCKET))["u1"]

    assert no_usage().keys() == some.keys()
    assert no_usage()["statusCounts"].keys() == some["statusCounts"].keys()


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
        answer({**BUCKET, "status": {"buckets": BUCKET["status"]["buckets"][:3]}}),
        answer({**BUCKET, "slow": {"values": {"50.0": 1}}}),
        answer({**BUCKET, "slow": {"values": {"90.0": "much"}}}),
        answer({**BUCKET, "last": {"value": "lately"}}),
    ],
)
def test_an_answer_of_another_form_is_not_taken_for_no_usage(wrong: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        read_usage(wrong)
