"""The search: which documents a request finds, in which order, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesif_sandbox.moesif.search import Document, Index, SearchError, search
from moesif_sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

LONG_MAX = 2**63 - 1
DOCUMENTS: dict[str, dict[str, object]] = {
    "a": {"email": "Ann.Lee@mail.example", "modified_time": "2026-03-01T10:00:00.464", "n": 1},
    "b": {"email": "bob@mail.example", "modified_time": "2026-03-01T10:00:00.4640000Z", "n": 2},
    "c": {"email": "cy@other.example", "modified_time": "2026-03-01T12:00:00.464+02:00", "n": 3},
    "d": {"modified_time": "2026-03-02T00:00:00Z", "tags": ["x", "y"], "ok": True},
    "e": {"n": 5, "nested": [{"k": "one"}, {"k": "two"}], "gone": None, "modified_time": "soon"},
}
LONG_ID = "é" * 250  # a keyword of 250 UTF-16 units
TOO_LONG_ID = "🚀" * 129  # of 258, in 129 characters


def index_of(documents: Mapping[str, dict[str, object]]) -> Index:
    return Index([Document(key, source) for key, source in documents.items()])


def found(body: Mapping[str, object], index: Index | None = None) -> str:
    hits = search(index_of(DOCUMENTS) if index is None else index, {"size": 100, **body}).hits
    return "".join(str(hit["_id"]) for hit in hits)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"match_all": {}}, "abcde"),
        ({"term": {"_id": "c"}}, "c"),
        ({"terms": {"_id": ["a", "e", "zz"]}}, "ae"),
        ({"term": {"email.raw": "Ann.Lee@mail.example"}}, "a"),
        ({"term": {"email.raw": "ann.lee@mail.example"}}, ""),
        ({"term": {"email": "Ann.Lee@mail.example"}}, ""),
        ({"term": {"email": "ann.lee"}}, "a"),
        ({"term": {"email": "mail.example"}}, "ab"),
        ({"term": {"n": {"value": 2}}}, "b"),
        ({"terms": {"n": [1, 5, 9]}}, "ae"),
        ({"term": {"tags.raw": "y"}}, "d"),
        ({"term": {"nested.k.raw": "two"}}, "e"),
        ({"term": {"ok": True}}, "d"),
        ({"term": {"no_such_field": 1}}, ""),
        ({"prefix": {"email.raw": "bob@"}}, "b"),
        ({"prefix": {"email": {"value": "mail.e"}}}, "ab"),
        ({"wildcard": {"email.raw": "*@mail.*"}}, "ab"),
        ({"wildcard": {"email.raw": {"value": "?y@other.example"}}}, "c"),
        ({"wildcard": {"email.raw": "b.b@*"}}, ""),
        ({"exists": {"field": "n"}}, "abce"),
        ({"exists": {"field": "gone"}}, ""),
        ({"range": {"n": {"gt": 1, "lte": 3}}}, "bc"),
        ({"range": {"email.raw": {"gte": "bob", "lt": "cy@z"}}}, "bc"),
        ({"range": {"modified_time": {"gte": "2026-03-01T10:00:00.464Z"}}}, "abcd"),
        ({"range": {"modified_time": {"gt": "2026-03-01T10:00:00.464Z", "lt": None}}}, "d"),
        ({"range": {"modified_time": {"lt": "2026-03-01T10:00:00.4649999"}}}, ""),  # cut to ms
        ({"range": {"modified_time": {"gte": 1772359200464, "lt": 1772359200465}}}, "abc"),
        ({"bool": {}}, "abcde"),
        ({"bool": {"must": {"term": {"n": 1}}}}, "a"),
        ({"bool": {"must_not": {"exists": {"field": "n"}}}}, "d"),
        ({"bool": {"should": [{"term": {"n": 1}}, {"term": {"n": 2}}]}}, "ab"),
        ({"bool": {"filter": {"match_all": {}}, "should": {"term": {"n": 1}}}}, "abcde"),
        (
            {
                "bool": {
                    "should": [{"term": {"n": 1}}, {"term": {"email": "mail.example"}}],
                    "minimum_should_match": 2,
                }
            },
            "a",
        ),
    ],
)
def test_a_query_finds_exactly_its_documents(query: dict[str, object], ids: str) -> None:
    assert found({"query": query}) == ids


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ([{"n": "asc"}], "abced"),
        ([{"n": {"order": "desc"}}], "ecbad"),
        ([{"modified_time": "asc"}, {"_id": "desc"}], "cbade"),
        ([{"email.raw": "asc"}, {"_id": "asc"}], "abcde"),
        ([{"email.raw": "desc"}, {"_id": "asc"}], "cbade"),
        (
            [{"no_such": {"order": "asc", "unmapped_type": "long"}}, {"_id": {"order": "desc"}}],
            "edcba",
        ),
    ],
)
def test_a_sort_gives_its_order(sort: object, ids: str) -> None:
    assert found({"sort": sort}) == ids


def test_sort_values_are_what_the_engine_shows() -> None:
    sort = [{"modified_time": "asc"}, {"email.raw": "desc"}, {"_id": "asc"}]
    hits = search(index_of(DOCUMENTS), {"sort": sort}).hits
    assert hits[0]["sort"] == [1772359200464, "cy@other.example", "c"]
    assert hits[-1]["sort"] == [LONG_MAX, None, "e"]
    backwards = search(index_of(DOCUMENTS), {"sort": [{"modified_time": "desc"}]}).hits
    assert backwards[-1]["sort"] == [-(2**63)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"query": {"match": {"email": "x"}}}, "unknown query [match]"),
        ({"query": {"term": {"n": 1, "m": 2}}}, "exactly one key"),
        ({"query": {"term": {"n": {"value": 1, "fuzzy": 2}}}}, "cannot be compared"),
        ({"query": {"range": {"n": {"above": 1}}}}, "`above`"),
        ({"query": {"range": {"modified_time": {"gte": "now-1h"}}}}, "[modified_time]"),
        ({"query": {"range": {"modified_time": {"gte": 1, "format": "dd/MM"}}}}, "dd/MM"),
        ({"query": {"range": {"_id": {"gt": "a"}}}}, "[_id]"),
        ({"query": {"range": {"email": {"gt": "a"}}}}, "[email]"),
        ({"query": {"wildcard": {"_id": "a*"}}}, "[_id]"),
        ({"query": {"bool": {"musst": []}}}, "`musst`"),
        ({"query": {}}, "exactly one key"),
        ({"from": 10}, "`from`"),
        ({"size": 10_001}, "Result window is too large"),
        ({"size": "10"}, "Expected `int`"),
        ({"sort": [{"email": "asc"}]}, "email.raw"),
        ({"sort": [{"no_such": "asc"}]}, "No mapping found for [no_such]"),
        ({"sort": [{"n": {"ordre": "asc"}}]}, "`ordre`"),
        ({"sort": [{"n": "up"}]}, "'up'"),
        ({"search_after": [1]}, "sort has 0"),
        (
            {"sort": [{"n": "asc"}, {"_id": "asc"}], "search_after": [1]},
            "1 value(s) but sort has 2",
        ),
        ({"_source": 5}, "_source"),
        ({"aggs": {"x": {"magic": {"field": "n"}}}}, "unknown aggregation [magic]"),
        ({"aggs": {"x": {"avg": {"field": "n", "script": "1"}}}}, "`script`"),
        ({"aggs": {"x": {"avg": {"field": "email.raw"}}}}, "[keyword]"),
        ({"aggs": {"x": {"terms": {"field": "email"}}}}, "email.raw"),
        ({"aggs": {"x": {"terms": {"field": "n", "order": {"y": "asc"}}}}}, "order"),
    ],
)
def test_what_is_not_understood_is_refused_with_a_reason(
    body: dict[str, object], reason: str
) -> None:
    with pytest.raises(SearchError) as error:
        search(index_of(DOCUMENTS), body)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("id_", "ids"), [(LONG_ID, "x"), (TOO_LONG_ID, ""), (TOO_LONG_ID[:128], "x")]
)
def test_an_id_of_more_than_256_utf_16_units_is_not_found(id_: str, ids: str) -> None:
    index = index_of({"x": {"user_id": id_}})
    assert found({"query": {"term": {"user_id.raw": id_}}}, index) == ids


def test_an_account_without_documents_can_be_sorted_by_anything() -> None:
    assert found({"sort": [{"modified_time": "asc"}, {"_id": "asc"}]}, index_of({})) == ""


def test_an_engine_may_have_a_smaller_window_and_no_sort_by_id() -> None:
    index, limits = index_of(DOCUMENTS), Settings(max_result_window=2, sort_by_id=False)
    assert len(search(index, {"size": 2, "sort": [{"n": "asc"}]}, limits).hits) == 2
    with pytest.raises(SearchError, match=r"less than or equal to: \[2\] but was \[3\]"):
        search(index, {"size": 3}, limits)
    with pytest.raises(SearchError, match="Fielddata access on the _id field is disallowed"):
        search(index, {"size": 1, "sort": [{"n": "asc"}, {"_id": "asc"}]}, limits)


def test_a_post_filter_limits_hits_and_total_but_not_aggregations() -> None:
    body = {"post_filter": {"term": {"n": 1}}, "aggs": {"x": {"cardinality": {"field": "n"}}}}
    result = search(index_of(DOCUMENTS), body)
    assert ([hit["_id"] for hit in result.hits], result.total) == (["a"], 1)
    assert result.aggregations == {"x": {"value": 4}}
    assert search(index_of(DOCUMENTS), {"track_total_hits": False}).total is None


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (True, {"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "z": 0}),
        (["a.*"], {"a": {"b": 1, "c": 2}}),
        (["a"], {"a": {"b": 1, "c": 2}}),
        ({"excludes": ["*.c", "l"]}, {"a": {"b": 1}, "z": 0}),
        ({"includes": ["a", "l.x"], "excludes": ["a.b"]}, {"a": {"c": 2}, "l": [{"x": 1}]}),
        ([], {"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "z": 0}),
    ],
)
def test_the_source_is_cut_to_what_is_wanted(source: object, shown: object) -> None:
    index = index_of({"i": {"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}], "z": 0}})
    assert search(index, {"_source": source}).hits == [{"_id": "i", "_source": shown}]
    assert search(index, {"_source": False}).hits == [{"_id": "i"}]


def test_a_change_of_documents_is_seen_by_the_same_search() -> None:
    index, body = (
        index_of(DOCUMENTS),
        {"sort": [{"n": "asc"}], "query": {"range": {"n": {"gte": 2}}}},
    )
    assert found(body, index) == "bce"
    index.put([Document("b", {"n": 9}), Document("f", {"n": 4})])
    assert found(body, index) == "cfeb"


USERS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "n": st.none() | st.integers(0, 3),
            "name": st.sampled_from(["a", "B", "é", "🚀", "", "2026-01-01"]) | st.none(),
            "modified_time": st.sampled_from(["2026-01-01T00:00:00", "2026-01-02T00:00:00Z"]),
            "list": st.lists(st.integers(0, 2), max_size=3),
        },
    ),
    max_size=40,
)
CRITERIA = st.lists(
    st.builds(
        lambda name, order: {name: {"order": order, "unmapped_type": "long"}},
        st.sampled_from(["n", "name.raw", "modified_time", "list"]),
        st.sampled_from(["asc", "desc"]),
    ),
    max_size=3,
)


@given(USERS, CRITERIA, st.sampled_from(["asc", "desc"]), st.integers(1, 7))
def test_paging_visits_each_document_once_in_the_order_of_one_page(
    users: list[dict[str, object]], criteria: list[object], id_order: str, size: int
) -> None:
    index = index_of({f"{number:02d}": source for number, source in enumerate(users)})
    body: dict[str, Any] = {"sort": [*criteria, {"_id": id_order}], "size": size}
    seen: list[Any] = []
    while page := search(index, body).hits:
        seen += [hit["_id"] for hit in page]
        assert len(seen) <= len(users)
        body["search_after"] = page[-1]["sort"]
    whole = search(index, {"sort": body["sort"], "size": 1000}).hits
    assert seen == [hit["_id"] for hit in whole]
    assert sorted(seen) == sorted(document.id for document in index.documents)
