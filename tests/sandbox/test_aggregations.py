"""The aggregations: buckets by value, time or query, and figures that sum them up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesif_sandbox.moesif.search import Document, Index, SearchError, search
from moesif_sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = 3_600_000
TEN = 1_773_136_800_000  # 2026-03-10T10:00:00Z
CALLS = [
    ("ann", 200, 10.0, "2026-03-10T10:05:00Z"),
    ("ann", 500, 30.0, "2026-03-10T10:55:00Z"),
    ("bob", 200, 20.0, "2026-03-10T12:00:00Z"),
    ("ann", 404, 40.0, "2026-03-10T12:59:59.999Z"),
    (None, 200, None, "2026-03-10T13:00:00Z"),
]


def calls() -> Index:
    return Index(
        [
            Document(
                f"e{number}",
                {
                    "user_id": user,
                    "duration_ms": duration,
                    "request": {"time": time},
                    "response": {"status": status},
                },
            )
            for number, (user, status, duration, time) in enumerate(CALLS)
        ]
    )


def result(
    aggregation: Mapping[str, Any],
    query: Mapping[str, Any] | None = None,
    limits: Settings = Settings(),  # noqa: B008
) -> Any:
    body = {"size": 0, "aggs": {"x": aggregation}} | ({"query": query} if query else {})
    return search(calls(), body, limits).aggregations["x"]


def test_terms_are_counted_most_frequent_first_with_sub_aggregations() -> None:
    by_user = {
        "terms": {"field": "user_id.raw", "size": 1, "shard_size": 100},
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
        ({"order": [{"_count": "desc"}, {"_key": "asc"}]}, [("ann", 3), ("bob", 1)]),
        ({"include": ["bob", "eve"]}, [("bob", 1)]),
    ],
)
def test_terms_obey_their_options(options: dict[str, object], expected: object) -> None:
    buckets = result({"terms": {"field": "user_id.raw", **options}})["buckets"]
    assert [(bucket["key"], bucket["doc_count"]) for bucket in buckets] == expected


def test_only_what_the_query_finds_is_aggregated() -> None:
    query = {"term": {"user_id.raw": "ann"}}
    assert result({"sum": {"field": "duration_ms"}}, query) == {"value": 80.0}


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ({"avg": {"field": "duration_ms"}}, {"value": 25.0}),
        ({"min": {"field": "duration_ms"}}, {"value": 10.0}),
        ({"max": {"field": "request.time"}}, {"value": TEN + 3 * HOUR}),
        ({"cardinality": {"field": "user_id.raw", "precision_threshold": 40_000}}, {"value": 2}),
        ({"avg": {"field": "no_such"}}, {"value": None}),
        ({"sum": {"field": "no_such"}}, {"value": 0.0}),
        ({"terms": {"field": "no_such"}}, {"doc_count_error_upper_bound": 0,
                                           "sum_other_doc_count": 0, "buckets": []}),
        ({"percentiles": {"field": "duration_ms", "percents": [50, 75, 100]}},
         {"values": {"50.0": 25.0, "75.0": 35.0, "100.0": 40.0}}),
        ({"filter": {"term": {"response.status": 200}}}, {"doc_count": 3}),
        ({"filters": {"filters": {"bad": {"range": {"response.status": {"gte": 400}}}}}},
         {"buckets": {"bad": {"doc_count": 2}}}),
    ],
)  # fmt: skip
def test_each_aggregation_gives_its_value(aggregation: dict[str, object], expected: object) -> None:
    assert result(aggregation) == expected


@pytest.mark.parametrize(
    "interval", [{"fixed_interval": "1h"}, {"calendar_interval": "hour"}, {"interval": "60m"}]
)
@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_composite_is_paged_by_its_after_key(interval: dict[str, str], size: int) -> None:
    sources = [
        {"user": {"terms": {"field": "user_id.raw"}}},
        {"hour": {"date_histogram": {"field": "request.time", **interval}}},
    ]
    counted = {"last": {"max": {"field": "duration_ms"}}}
    seen: list[tuple[object, ...]] = []
    after: dict[str, object] = {}
    while True:
        composite = {"sources": sources, "size": size, **after}
        page = result({"composite": composite, "aggs": counted})
        if not page["buckets"]:
            break
        seen += [(*b["key"].values(), b["doc_count"], b["last"]["value"]) for b in page["buckets"]]
        after = {"after": page["after_key"]}
    assert seen == [
        ("ann", TEN, 2, 30.0), ("ann", TEN + 2 * HOUR, 1, 40.0), ("bob", TEN + 2 * HOUR, 1, 20.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "composite",
    [
        {"sources": [{"user": {"histogram": {"field": "duration_ms"}}}]},
        {"sources": [{"hour": {"date_histogram": {"field": "request.time"}}}]},
        {"sources": [{"hour": {"date_histogram": {"field": "user_id.raw", "interval": "1h"}}}]},
        {"sources": [{"user": {"terms": {"field": "user_id.raw"}}}], "after": {"other": "ann"}},
    ],
)
def test_a_composite_that_is_not_understood_is_refused(composite: dict[str, object]) -> None:
    with pytest.raises(SearchError, match="composite"):
        result({"composite": composite})


@pytest.mark.parametrize(
    "aggregation",
    [
        {"terms": {"field": "user_id.raw", "size": 1, "shard_size": 100}},
        {"composite": {"sources": [{"user": {"terms": {"field": "user_id.raw"}}}]}},
        {"filters": {"filters": {"a": {"match_all": {}}, "b": {"match_all": {}}}}},
    ],
)
def test_more_buckets_than_the_engine_allows_are_a_503(aggregation: dict[str, object]) -> None:
    assert result(aggregation, limits=Settings(max_buckets=2))["buckets"]
    with pytest.raises(SearchError, match=r"\[1\] but was \[2\]") as error:
        result(aggregation, limits=Settings(max_buckets=1))
    assert (error.value.reason, error.value.status) == ("too_many_buckets_exception", 503)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "é", "🚀"]), st.integers(0, 20)), max_size=40),
    st.integers(1, 5),
)
def test_a_composite_counts_each_event_once(events: list[tuple[str, int]], size: int) -> None:
    index = Index(
        Document(str(number), {"user_id": user, "request": {"time": TEN + minutes * 600_000}})
        for number, (user, minutes) in enumerate(events)
    )
    composite: dict[str, Any] = {
        "size": size,
        "sources": [
            {"hour": {"date_histogram": {"field": "request.time", "fixed_interval": "1h"}}},
            {"user": {"terms": {"field": "user_id.raw"}}},
        ],
    }
    counts: dict[tuple[object, ...], int] = {}
    while True:
        body = {"size": 0, "aggs": {"x": {"composite": composite}}}
        page: Any = search(index, body).aggregations["x"]
        if not page["buckets"]:
            break
        counts |= {tuple(b["key"].values()): b["doc_count"] for b in page["buckets"]}
        composite["after"] = page["after_key"]
    expected: dict[tuple[object, ...], int] = {}
    for user, minutes in events:
        key = (TEN + minutes // 6 * HOUR, user)
        expected[key] = expected.get(key, 0) + 1
    assert counts == expected


def test_top_hits_are_the_first_documents_of_a_bucket_in_an_order() -> None:
    last = {
        "size": 1,
        "sort": [{"request.time": {"order": "desc", "unmapped_type": "date"}}],
        "_source": ["user_id", "response.status"],
    }
    by_user = {"terms": {"field": "user_id.raw"}, "aggs": {"last": {"top_hits": last}}}

    [ann, bob] = result(by_user)["buckets"]

    assert [hit["_source"] for hit in ann["last"]["hits"]["hits"]] == [
        {"user_id": "ann", "response": {"status": 404}}
    ]
    assert [hit["_id"] for hit in bob["last"]["hits"]["hits"]] == ["e2"]


def test_terms_in_the_order_of_their_keys() -> None:
    by_key = {"terms": {"field": "user_id.raw", "order": {"_key": "asc"}, "size": 1}}

    assert [bucket["key"] for bucket in result(by_key)["buckets"]] == ["ann"]
    by_key["terms"]["size"] = 5
    assert [bucket["key"] for bucket in result(by_key)["buckets"]] == ["ann", "bob"]
