from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from moesif_sandbox.moesif_dsl import SearchError
from moesif_sandbox.moesif_index import Document, Index
from moesif_sandbox.moesif_search import search
from moesif_sandbox.store import EVENT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc)
CALLS = [
    ("ann", 200, 10.0, "2026-03-10T10:05:00Z"),
    ("ann", 500, 30.0, "2026-03-10T10:55:00Z"),
    ("bob", 200, 20.0, "2026-03-10T12:00:00Z"),
    ("ann", 404, 40.0, "2026-03-10T12:59:59.999Z"),
    (None, 200, None, "2026-03-10T13:00:00Z"),
]


def calls() -> Index:
    return Index(
        EVENT_FIELDS,
        [
            Document(
                f"e{number}",
                {
                    "user_id": user,
                    "duration_ms": duration,
                    "request": {"time": time},
                    "response": {"status": status},
                    "ok": status < 400,
                },
            )
            for number, (user, status, duration, time) in enumerate(CALLS)
        ],
    )


def result(aggregation: Mapping[str, Any], query: Mapping[str, Any] | None = None) -> Any:
    body = {"size": 0, "aggs": {"x": aggregation}} | ({"query": query} if query else {})
    return search(calls(), body, NOW).aggregations["x"]


def buckets(aggregation: Mapping[str, Any]) -> list[tuple[object, object]]:
    return [(bucket["key"], bucket["doc_count"]) for bucket in result(aggregation)["buckets"]]


def test_terms_are_counted_most_frequent_first_with_sub_aggregations() -> None:
    by_user = {
        "terms": {"field": "user_id.raw", "size": 1},
        "aggs": {"mean": {"avg": {"field": "duration_ms"}}},
    }
    assert result(by_user) == {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": 1,
        "buckets": [{"key": "ann", "doc_count": 3, "mean": {"value": 80 / 3}}],
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [("ann", 3), ("bob", 1)]),
        ({"order": {"_key": "desc"}}, [("bob", 1), ("ann", 3)]),
        ({"order": [{"_count": "asc"}, {"_key": "asc"}]}, [("bob", 1), ("ann", 3)]),
        ({"min_doc_count": 2}, [("ann", 3)]),
        ({"include": ["bob", "eve"]}, [("bob", 1)]),
        ({"missing": "nobody"}, [("ann", 3), ("bob", 1), ("nobody", 1)]),
    ],
)
def test_terms_obey_their_options(options: dict[str, object], expected: object) -> None:
    assert buckets({"terms": {"field": "user_id.raw", **options}}) == expected


def test_terms_can_be_ordered_by_a_metric() -> None:
    longest = {
        "terms": {"field": "user_id.raw", "order": {"long.value": "asc"}},
        "aggs": {"long": {"max": {"field": "duration_ms"}}},
    }
    assert buckets(longest) == [("bob", 1), ("ann", 3)]


def test_terms_of_a_field_nobody_has_are_no_buckets() -> None:
    assert result({"terms": {"field": "no_such"}})["buckets"] == []


def test_booleans_show_their_name_beside_the_number() -> None:
    first = result({"terms": {"field": "ok"}})["buckets"][0]
    assert first == {"key": 1, "key_as_string": "true", "doc_count": 3}


def test_only_what_the_query_finds_is_aggregated() -> None:
    assert result({"sum": {"field": "duration_ms"}}, {"term": {"user_id.raw": "ann"}}) == {
        "value": 80.0
    }


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ({"avg": {"field": "duration_ms"}}, {"value": 25.0}),
        ({"min": {"field": "duration_ms"}}, {"value": 10.0}),
        ({"value_count": {"field": "duration_ms"}}, {"value": 4}),
        ({"cardinality": {"field": "user_id.raw"}}, {"value": 2}),
        ({"avg": {"field": "no_such"}}, {"value": None}),
        ({"sum": {"field": "no_such"}}, {"value": 0.0}),
        (
            {"max": {"field": "request.time"}},
            {"value": 1773147600000.0, "value_as_string": "2026-03-10T13:00:00.000Z"},
        ),
        (
            {"percentiles": {"field": "duration_ms", "percents": [50, 75, 100]}},
            {"values": {"50.0": 25.0, "75.0": 35.0, "100.0": 40.0}},
        ),
        (
            {"percentiles": {"field": "duration_ms", "percents": [0], "keyed": False}},
            {"values": [{"key": 0.0, "value": 10.0}]},
        ),
        ({"filter": {"term": {"response.status": 200}}}, {"doc_count": 3}),
        ({"missing": {"field": "user_id"}}, {"doc_count": 1}),
        (
            {"filters": {"filters": {"bad": {"range": {"response.status": {"gte": 400}}}}}},
            {"buckets": {"bad": {"doc_count": 2}}},
        ),
    ],
)
def test_each_aggregation_gives_its_value(aggregation: dict[str, object], expected: object) -> None:
    assert result(aggregation) == expected


def test_a_range_ends_before_its_end() -> None:
    ranges = [{"to": 400}, {"from": 400, "to": 500, "key": "client"}, {"from": 500}]
    found = buckets({"range": {"field": "response.status", "ranges": ranges}})
    assert found == [("*-400.0", 3), ("client", 1), ("500.0-*", 1)]


def test_a_date_histogram_shows_empty_hours_in_between() -> None:
    hourly: dict[str, Any] = {"date_histogram": {"field": "request.time", "fixed_interval": "1h"}}
    found = result(hourly)["buckets"]
    assert [bucket["doc_count"] for bucket in found] == [2, 0, 2, 1]
    assert found[0]["key_as_string"] == "2026-03-10T10:00:00.000Z"
    hourly["date_histogram"]["min_doc_count"] = 1
    assert [count for _, count in buckets(hourly)] == [2, 2, 1]


def test_a_date_histogram_of_too_many_buckets_is_refused() -> None:
    with pytest.raises(SearchError, match="too many buckets"):
        result({"date_histogram": {"field": "request.time", "fixed_interval": "1ms"}})


def test_top_hits_are_the_first_of_each_bucket() -> None:
    newest = {"size": 1, "sort": {"request.time": "desc"}, "_source": "user_id"}
    hits = result({"top_hits": newest}, {"term": {"user_id.raw": "ann"}})["hits"]
    assert hits == {
        "total": 3,
        "hits": [{"_id": "e3", "_source": {"user_id": "ann"}, "sort": [1773147599999]}],
    }


@pytest.mark.parametrize(("order", "size"), [("asc", 1), ("desc", 2), ("asc", 10)])
def test_a_composite_is_paged_by_its_after_key(order: str, size: int) -> None:
    sources = [
        {"user": {"terms": {"field": "user_id.raw", "missing_bucket": True, "order": order}}},
        {"status": {"terms": {"field": "response.status"}}},
    ]
    seen: list[tuple[object, ...]] = []
    after: dict[str, object] = {}
    while True:
        page = result({"composite": {"sources": sources, "size": size, **after}})
        if not page["buckets"]:
            break
        seen += [tuple(bucket["key"].values()) for bucket in page["buckets"]]
        after = {"after": page["after_key"]}
    users = [None, "ann", "bob"] if order == "asc" else ["bob", "ann", None]
    statuses = {None: [200], "ann": [200, 404, 500], "bob": [200]}
    assert seen == [(user, status) for user in users for status in statuses[user]]
