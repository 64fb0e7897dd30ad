"""What holds for the documents of all streams, whatever is in them."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import (
    DOCUMENTS,
    EACH_STREAM,
    MANY,
    NEARLY_RIGHT,
    RIGHT,
    STREAMS,
    Stream,
)
from tap_moesif.records import Kind, utc
from tap_moesif.records.values import CONVERSIONS
from tap_moesif.streams.base import SESSION_TOKEN
from tap_moesif.streams.events import PAYLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Document = dict[str, Any]

SECRET = "a credential"


@MANY
@given(DOCUMENTS)
def test_whatever_a_document_holds_its_record_follows_the_schema(
    made: tuple[Stream, Document],
) -> None:
    stream, document = made

    record = stream.maker(SESSION_TOKEN)(document, "h1")

    assert record is not None
    stream.check.validate(record)


@MANY
@given(DOCUMENTS)
def test_whatever_a_document_holds_nothing_of_it_is_lost(made: tuple[Stream, Document]) -> None:
    stream, document = made

    record = stream.maker()(deepcopy(document), "h1")

    if isinstance(document.get("criteria"), dict | list) and stream is STREAMS["cohorts"]:
        assert record is not None
        assert json.loads(record["criteria"]) == document.pop("criteria")
    found = {repr(value) for value in leaves(record)}
    for value in leaves(document):
        assert not found.isdisjoint(spellings(value)), value


def leaves(value: Any) -> list[Any]:
    """List everything in a value that is no object, no list and not null."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [] if value is None else [value]


def spellings(value: Any) -> set[str]:
    """Give how a value may stand in a record: as it is, or as an id, a whole number, a time."""
    found = {repr(value), repr(str(value))}
    if isinstance(value, float) and value.is_integer():
        found.add(repr(int(value)))
    with suppress(ValueError, OverflowError):
        found.add(repr(utc(value)))
    return found


@MANY
@given(DOCUMENTS, st.data())
def test_what_is_dropped_is_nowhere_but_in_the_accounts_own_objects(
    made: tuple[Stream, Document], data: st.DataObject
) -> None:
    stream, document = made
    for _ in range(3):
        places = [document, *objects(document)]
        number = data.draw(st.integers(0, len(places) - 1))
        places[number][SESSION_TOKEN] = data.draw(st.sampled_from([SECRET, [SECRET]]))

    record = stream.maker(SESSION_TOKEN)(document, "h1")

    assert SECRET not in leaves(record)


def objects(value: Any) -> Iterator[Document]:
    """Find the objects in a value that are Moesif's."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list) and name not in {"metadata", "body"}:
            if isinstance(inner, dict):
                yield inner
            yield from objects(inner)


@MANY
@given(NEARLY_RIGHT["events"], st.data())
def test_an_event_without_payloads_holds_no_header_and_no_body(
    document: Document, data: st.DataObject
) -> None:
    for side in ("request", "response"):
        message = document.get(side)
        message = message if isinstance(message, dict) else {}
        wrap = data.draw(st.sampled_from([lambda m: m, lambda m: [m], lambda m: [[m], 5]]))
        document[side] = wrap(
            {**message, "headers": {"Authorization": SECRET}, "body": [SECRET, {"a": SECRET}]}
        )

    record = STREAMS["events"].maker(*PAYLOADS)(document, "e1")

    assert SECRET not in leaves(record)


@EACH_STREAM
@pytest.mark.parametrize("source", [["u1", {"a": [1]}], "text", 5, True])
def test_a_source_that_is_no_object_is_kept(stream: Stream, source: object) -> None:
    mismatches: list[str] = []

    record = stream.maker(mismatches=mismatches)(source, "h1")

    assert record == {"id": "h1", "additionalFields": {"_source": source}}
    assert mismatches == ["_source"]


@EACH_STREAM
@pytest.mark.parametrize("raw", [None, [], "u1", 5, {}, {"_id": None}, {"_source": None}])
def test_what_has_no_id_is_no_record(stream: Stream, raw: object) -> None:
    assert stream.maker()(raw) is None


@EACH_STREAM
def test_a_document_may_come_as_the_source_of_a_hit(stream: Stream) -> None:
    record = stream.maker()({"metadata": {}, "x": 1}, "h1")

    assert record is not None
    assert record["id"] == "h1"
    assert record["additionalFields"]["x"] == 1
    assert "sort" not in record["additionalFields"]


@EACH_STREAM
def test_the_deepest_nesting_that_can_be_read_is_kept(stream: Stream) -> None:
    deep: Any = {SESSION_TOKEN: SECRET, "leaf": 1}
    for _ in range(900):
        deep = [{"a": deep}]

    record = stream.maker(SESSION_TOKEN)({"unknown": deep}, "h1")

    assert record is not None
    inner = record["additionalFields"]["unknown"]
    for _ in range(900):
        inner = inner[0]["a"]
    assert inner == {"leaf": 1}


def test_what_need_not_be_changed_is_not_copied() -> None:
    source = {"campaign": {"utm_source": ["x"]}, "unknown": [{"a": 1}], "metadata": {"b": 2}}

    record = STREAMS["users"].maker(SESSION_TOKEN)(source, "u1")

    assert record is not None
    assert record["campaign"] is source["campaign"]
    assert record["metadata"] is source["metadata"]
    assert record["additionalFields"]["unknown"] is source["unknown"]


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": True}, {"body": {"a": True}}),
        ({"a": 1}, {"a": 1.0}, {"body": {"a": 1.0}}),
        ({}, {"b": None}, {"body": {"b": None}}),
    ],
)
def test_a_second_name_is_left_out_only_where_it_says_the_same(
    one: Document, other: Document, kept: Document
) -> None:
    record = STREAMS["companies"].maker()({"metadata": one, "body": other}, "c1")

    assert record is not None
    assert repr(record["metadata"]) == repr(one)
    assert repr(record.get("additionalFields", {})) == repr(kept)


@pytest.mark.parametrize(
    ("stream", "source", "kept"),
    [
        (
            "subscriptions",
            {"items": [[{SESSION_TOKEN: SECRET, "a": 1}]]},
            {"items": [[{"a": 1}]]},
        ),
        (
            "users",
            {"enrichment": {"a": 1}, "clearbit": {"b": [{SESSION_TOKEN: SECRET}]}},
            {"clearbit": {"b": [{}]}},
        ),
        ("users", {"campaign": [{SESSION_TOKEN: SECRET}]}, {"campaign": [{}]}),
        ("events", {"x": [{SESSION_TOKEN: SECRET}]}, {"x": [{}]}),
        ("events", {"body": {SESSION_TOKEN: "theirs"}}, {"body": {SESSION_TOKEN: "theirs"}}),
        (
            "companies",
            {"metadata": 5, "body": [{SESSION_TOKEN: "theirs"}]},
            {"metadata": 5, "body": [{SESSION_TOKEN: "theirs"}]},
        ),
    ],
)
def test_what_finds_no_place_is_kept_without_what_is_dropped(
    stream: str, source: Document, kept: Document
) -> None:
    record = STREAMS[stream].maker(SESSION_TOKEN)(source, "h1")

    assert record is not None
    assert record["additionalFields"] == kept


def test_a_second_name_that_says_the_same_and_something_wrong_is_kept() -> None:
    second = {"count": 1, "errorCount": "many"}
    raw = {"last24HourAggResults": {"count": 1}, "last_24_hour_agg_results": {**second}}

    record = STREAMS["companies"].maker()(raw, "c1")

    assert record == {
        "id": "c1",
        "last24HourAggResults": {"count": 1},
        "additionalFields": {"last_24_hour_agg_results": second},
    }


def test_every_kind_but_the_objects_has_a_conversion() -> None:
    made_of_fields = {Kind.OBJECT, Kind.OBJECTS, Kind.GROUP, Kind.REST}

    assert CONVERSIONS.keys() == set(Kind) - made_of_fields
    assert RIGHT.keys() == CONVERSIONS.keys()
