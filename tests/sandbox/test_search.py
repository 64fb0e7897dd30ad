from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesif_sandbox.moesif_dsl import SearchError
from moesif_sandbox.moesif_index import Document, Index
from moesif_sandbox.moesif_search import search
from moesif_sandbox.store import USER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc)
LONG_MAX = 2**63 - 1

DOCUMENTS = {
    "a": {"email": "Ann.Lee@mail.example", "modified_time": "2026-03-01T10:00:00.464", "n": 1},
    "b": {"email": "bob@mail.example", "modified_time": "2026-03-01T10:00:00.4640000Z", "n": 2},
    "c": {"email": "cy@other.example", "modified_time": "2026-03-01T12:00:00.464+02:00", "n": 3},
    "d": {"modified_time": "2026-03-02T00:00:00Z", "tags": ["x", "y"], "ok": True},
    "e": {"n": 5, "nested": [{"k": "one"}, {"k": "two"}], "gone": None, "empty": {}},
}


def index_of(documents: dict[str, dict[str, object]]) -> Index:
    return Index(USER_FIELDS, [Document(key, source) for key, source in documents.items()])


def found(body: Mapping[str, object], index: Index | None = None) -> str:
    hits = search(index or index_of(DOCUMENTS), {"size": 100, **body}, NOW).hits
    return "".join(str(hit["_id"]) for hit in hits)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"match_all": {}}, "abcde"),
        ({"match_none": {}}, ""),
        ({"ids": {"values": ["a", "e", "zz"]}}, "ae"),
        ({"term": {"_id": "c"}}, "c"),
        ({"term": {"email.raw": "Ann.Lee@mail.example"}}, "a"),
        ({"term": {"email.raw": "ann.lee@mail.example"}}, ""),
        ({"term": {"email": "Ann.Lee@mail.example"}}, ""),
        ({"term": {"email": "ann.lee"}}, "a"),
        ({"term": {"email": "mail.example"}}, "ab"),
        ({"term": {"n": {"value": "2", "boost": 1.0}}}, "b"),
        ({"terms": {"n": [1, 5, 9]}}, "ae"),
        ({"term": {"tags.raw": "y"}}, "d"),
        ({"term": {"nested.k.raw": "two"}}, "e"),
        ({"term": {"ok": "true"}}, "d"),
        ({"term": {"no_such_field": 1}}, ""),
        ({"exists": {"field": "n"}}, "abce"),
        ({"exists": {"field": "gone"}}, ""),
        ({"exists": {"field": "empty"}}, ""),
        ({"exists": {"field": "nested"}}, "e"),
        ({"range": {"n": {"gt": 1, "lte": 3}}}, "bc"),
        ({"range": {"modified_time": {"gte": "2026-03-01T10:00:00.464Z"}}}, "abcd"),
        ({"range": {"modified_time": {"gt": "2026-03-01T10:00:00.464Z"}}}, "d"),
        ({"range": {"modified_time": {"lt": "2026-03-01T10:00:00.4649999"}}}, ""),  # cut to ms
        ({"range": {"modified_time": {"gte": 1772359200464, "lt": 1772359200465}}}, "abc"),
        ({"range": {"modified_time": {"lte": "2026-03-01"}}}, "abc"),
        ({"range": {"modified_time": {"gt": "2026-03-01"}}}, "d"),
        ({"range": {"modified_time": {"gte": "2026-03-02", "time_zone": "+01:00"}}}, "d"),
        ({"range": {"modified_time": {"gte": "2026-03-02", "time_zone": "-01:00"}}}, ""),
        ({"range": {"modified_time": {"gte": "now-9d", "lt": "now-8d/d"}}}, ""),
        ({"range": {"modified_time": {"gte": "now-9d/d", "lt": "now-8d/d"}}}, "abc"),
        ({"range": {"modified_time": {"lte": "9999-12-31"}}}, "abcd"),
        ({"range": {"modified_time": {"gte": "2026-03-02||-1d/d", "lt": None}}}, "abcd"),
        ({"range": {"modified_time": {"gte": 1772359200, "format": "epoch_second"}}}, "abcd"),
        ({"bool": {}}, "abcde"),
        ({"bool": {"must": {"term": {"n": 1}}}}, "a"),
        ({"bool": {"must_not": {"exists": {"field": "n"}}}}, "d"),
        ({"bool": {"should": [{"term": {"n": 1}}, {"term": {"n": 2}}]}}, "ab"),
        ({"bool": {"filter": {"match_all": {}}, "should": {"term": {"n": 1}}}}, "abcde"),
        (
            {
                "bool": {
                    "should": [{"term": {"n": 1}}, {"term": {"email": "mail.example"}}],
                    "minimum_should_match": "100%",
                }
            },
            "a",
        ),
        (
            {
                "bool": {
                    "should": [{"term": {"n": 1}}, {"term": {"n": 2}}, {"term": {"n": 3}}],
                    "minimum_should_match": -2,
                    "filter": [{"exists": {"field": "n"}}],
                }
            },
            "abc",
        ),
    ],
)
def test_a_query_finds_exactly_its_documents(query: dict[str, object], ids: str) -> None:
    assert found({"query": query}) == ids


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("n", "abced"),
        ({"n": "desc"}, "ecbad"),
        ({"n": {"order": "desc", "missing": "_first"}}, "decba"),
        ({"n": {"missing": 2}}, "abdce"),
        ([{"modified_time": "asc"}, {"_id": "desc"}], "cbade"),
        ([{"email.raw": {"order": "asc", "missing": "_first"}}, "_id"], "deabc"),
        ([{"email.raw": "desc"}, "_id"], "cbade"),
        ({"no_such": {"order": "asc", "unmapped_type": "long"}, "_id": {"order": "desc"}}, "edcba"),
        ("_id:desc", "edcba"),
        ("_doc", "abcde"),
        ({"tags.raw": {"order": "asc", "mode": "max"}}, "dabce"),
    ],
)
def test_a_sort_in_any_form_gives_its_order(sort: object, ids: str) -> None:
    assert found({"sort": sort}) == ids


def test_sort_values_are_what_the_engine_shows() -> None:
    sort = [{"modified_time": "asc"}, {"email.raw": "desc"}, "_id"]
    hits = search(index_of(DOCUMENTS), {"sort": sort}, NOW).hits
    assert hits[0]["sort"] == [1772359200464, "cy@other.example", "c"]
    assert hits[-1]["sort"] == [LONG_MAX, None, "e"]


def test_a_missing_date_sorts_as_javas_least_value_when_first() -> None:
    hits = search(index_of(DOCUMENTS), {"sort": {"modified_time": "desc"}}, NOW).hits
    assert hits[-1]["sort"] == [-(2**63)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"query": {"match": {"email": "x"}}}, "does not understand [match]"),
        ({"query": {"term": {"n": {"value": 1, "fuzzy": 2}}}}, "does not understand [fuzzy]"),
        ({"query": {"term": {"n": 1, "m": 2}}}, "exactly one key"),
        ({"query": {"range": {"n": {"above": 1}}}}, "does not understand [above]"),
        ({"query": {"range": {"modified_time": {"gte": "soon"}}}}, "failed to parse date"),
        ({"query": {"range": {"modified_time": {"gte": 1, "format": "dd/MM"}}}}, "[dd/MM]"),
        ({"query": {"range": {"_id": {"gt": "a"}}}}, "not supported on [_id]"),
        ({"query": {"range": {"email": {"gt": "a"}}}}, "email.raw"),
        ({"query": {"term": {"n": "many"}}}, "must be a number"),
        ({"query": {"bool": {"musst": []}}}, "does not understand [musst]"),
        ({"query": {"bool": {"minimum_should_match": "2<75%"}}}, "minimum_should_match"),
        ({"query": {}}, "exactly one key"),
        ({"from": 10}, "[from] is not offered"),
        ({"scroll": "1m"}, "does not understand [scroll]"),
        ({"size": 10_001}, "from 0 to 10000"),
        ({"size": "10"}, "must be an integer"),
        ({"sort": "email"}, "email.raw"),
        ({"sort": "no_such"}, "No mapping found for [no_such]"),
        ({"sort": {"n": {"ordre": "asc"}}}, "does not understand [ordre]"),
        ({"sort": {"n": "up"}}, "must be one of asc, desc"),
        ({"sort": "_score"}, "_score"),
        ({"search_after": [1]}, "needs a [sort]"),
        ({"sort": ["n", "_id"], "search_after": [1]}, "1 value(s) but [sort] has 2"),
        ({"_source": 5}, "_source"),
        ({"aggs": {"x": {"magic": {"field": "n"}}}}, "does not understand [magic]"),
        ({"aggs": {"x": {"avg": {"field": "n", "script": "1"}}}}, "does not understand [script]"),
        ({"aggs": {"x": {"avg": {"field": "email.raw"}}}}, "which is a string"),
        ({"aggs": {"x": {"terms": {"field": "email"}}}}, "email.raw"),
        ({"aggs": {"x": {"terms": {"field": "n", "order": {"y": "asc"}}}}}, "order"),
        ({"aggs": {"x": {"date_histogram": {"field": "n", "fixed_interval": "1h"}}}}, "dates"),
    ],
)
def test_what_is_not_understood_is_refused_with_a_reason(
    body: dict[str, object], reason: str
) -> None:
    with pytest.raises(SearchError) as error:
        search(index_of(DOCUMENTS), body, NOW)
    assert reason in str(error.value)


def test_a_post_filter_limits_hits_and_total_but_not_aggregations() -> None:
    body = {"post_filter": {"term": {"n": 1}}, "aggs": {"x": {"value_count": {"field": "n"}}}}
    result = search(index_of(DOCUMENTS), body, NOW)
    assert ([hit["_id"] for hit in result.hits], result.total) == (["a"], 1)
    assert result.aggregations == {"x": {"value": 4}}


def test_the_total_can_be_limited_or_left_out() -> None:
    index = index_of(DOCUMENTS)
    assert search(index, {"size": 1}, NOW).total == 5
    limited = search(index, {"track_total_hits": 3}, NOW)
    assert (limited.total, limited.relation) == (3, "gte")
    assert search(index, {"track_total_hits": False}, NOW).total is None


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (True, {"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "z": 0}),
        ("z", {"z": 0}),
        (["a.*"], {"a": {"b": 1, "c": 2}}),
        ("a", {"a": {"b": 1, "c": 2}}),
        ({"excludes": ["*.c", "l"]}, {"a": {"b": 1}, "z": 0}),
        ({"includes": ["a", "l.x"], "excludes": ["a.b"]}, {"a": {"c": 2}, "l": [{"x": 1}]}),
        ([], {"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "z": 0}),
    ],
)
def test_the_source_is_cut_to_what_is_wanted(source: object, shown: object) -> None:
    index = index_of({"i": {"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "z": 0}})
    assert search(index, {"_source": source}, NOW).hits == [{"_id": "i", "_source": shown}]


def test_without_source_a_hit_has_its_id_alone() -> None:
    assert search(index_of({"i": {"a": 1}}), {"_source": False}, NOW).hits == [{"_id": "i"}]


def test_a_change_of_documents_is_seen_by_the_same_search() -> None:
    index, body = index_of(DOCUMENTS), {"sort": "n", "query": {"range": {"n": {"gte": 2}}}}
    assert found(body, index) == "bce"
    index.put([Document("b", {"n": 9}), Document("f", {"n": 4})])
    assert found(body, index) == "cfeb"


def test_now_moves_on_between_two_equal_searches() -> None:
    index = index_of({"a": {"modified_time": "2026-03-10T15:00:00Z"}})
    body: dict[str, Any] = {"query": {"range": {"modified_time": {"gte": "now-1h"}}}}
    assert search(index, body, NOW).total == 1
    assert search(index, body, NOW.replace(hour=18)).total == 0


SCALARS = st.none() | st.integers(0, 3)
USERS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "n": SCALARS,
            "name": st.sampled_from(["a", "B", "é", "🚀", ""]) | st.none(),
            "modified_time": st.sampled_from(["2026-01-01T00:00:00", "2026-01-02T00:00:00Z"]),
            "list": st.lists(st.integers(0, 2), max_size=3),
        },
    ),
    max_size=40,
)
CRITERIA = st.lists(
    st.builds(
        lambda name, order, missing: {
            name: {"order": order, "missing": missing, "unmapped_type": "long"}
        },
        st.sampled_from(["n", "name.raw", "modified_time", "list"]),
        st.sampled_from(["asc", "desc"]),
        st.sampled_from(["_first", "_last"]),
    ),
    max_size=3,
)


@given(USERS, CRITERIA, st.sampled_from(["asc", "desc"]), st.integers(1, 7))
def test_paging_visits_each_document_once_in_the_order_of_one_page(
    users: list[dict[str, object]], criteria: list[object], id_order: str, size: int
) -> None:
    index = index_of({f"{number:02d}": source for number, source in enumerate(users)})
    body = {"sort": [*criteria, {"_id": id_order}], "size": size}
    seen: list[Any] = []
    while True:
        page = search(index, body, NOW).hits
        if not page:
            break
        seen += [hit["_id"] for hit in page]
        assert len(seen) <= len(users)
        body["search_after"] = page[-1]["sort"]
    whole = search(index, {"sort": body["sort"], "size": 1000}, NOW).hits
    assert seen == [hit["_id"] for hit in whole]
    assert sorted(seen) == sorted(document.id for document in index.documents)
