"""Records, and parts of them, made of documents that are decoded only as far as needed."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import MANY, NEARLY_RIGHT, STREAMS
from tap_moesif.records import PartialReader, plain
from tap_moesif.records.documents import MAX_NAMES
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.users import Users
from tap_moesif.usage import USAGE

TOKENS = "session_token"
MANY_FIELDS = json.dumps(dict.fromkeys(map(str, range(MAX_NAMES)), 1)).encode()


def read(name: str, source: bytes, *drop: str) -> dict[str, Any]:
    record = STREAMS[name].maker(*drop).read(msgspec.Raw(source), "h1")
    assert record is not None
    return record


PARTS = {"users": Users.fields[0], "companies": Companies.fields[0]}


def read_part(name: str, source: bytes, hit_id: object = "h1") -> dict[str, Any] | None:
    """Read the id and the usage alone."""
    return PartialReader([PARTS[name], USAGE]).read(msgspec.Raw(source), hit_id)


@pytest.mark.parametrize("name", STREAMS)
def test_they_are_the_same_as_of_documents_that_are_decoded(name: str) -> None:
    seen: list[str] = []
    maker = STREAMS[name].maker(TOKENS, mismatches=seen)

    @MANY
    @given(NEARLY_RIGHT[name], st.booleans())
    def check(document: dict[str, Any], ascii_only: bool) -> None:
        seen.clear()
        try:
            source = json.dumps(document, ensure_ascii=ascii_only).encode()
            record = maker.read(msgspec.Raw(source), "h1")
        except ValueError:  # half a character, for one: the document is read as a whole
            return
        mismatches = seen.copy()
        seen.clear()
        assert plain(record) == plain(maker(json.loads(source), "h1"))
        assert mismatches == seen or "company" in document

    check()


@pytest.mark.parametrize("name", PARTS)
def test_some_fields_are_read_as_they_are_with_all_others(name: str) -> None:
    @MANY
    @given(NEARLY_RIGHT[name])
    def check(document: dict[str, Any]) -> None:
        source = json.dumps(document).encode()
        part = read_part(name, source)
        whole = STREAMS[name].maker()(json.loads(source), "h1")

        assert whole is not None
        if part is not None:
            assert part == {key: whole[key] for key in ("id", USAGE.name) if key in whole}

    check()


@pytest.mark.parametrize(
    "before",
    [b"{}", b'{"org_id":1}', b'{"z":1,"org_id":1}', MANY_FIELDS],
    ids=["none", "one", "two", "too many"],
)
def test_a_record_is_the_same_to_the_byte_whatever_documents_come_before_it(before: bytes) -> None:
    source = b'{"user_id":"u1","org_id":"177:3","app_id":"198:3","z":1,"campaign":{"b":1,"a":2}}'
    maker = STREAMS["users"].maker()
    with contextlib.suppress(ValueError):  # too many names, and so it is read as a whole
        maker.read(msgspec.Raw(before), "h0")
    try:
        record = maker.read(msgspec.Raw(source), "h1")
    except ValueError:
        record = maker(json.loads(source), "h1")
    assert record is not None
    assert [*record["additionalFields"]] == ["app_id", "org_id", "z"]
    assert json.dumps(plain(record)) == json.dumps(plain(read("users", source)))


def test_an_object_is_written_as_it_came() -> None:
    source = b'{"user_id":"u1","metadata":{"a":1.50,"b":123456789012345678901234567890, "a":2}}'

    metadata = read("users", source)["metadata"]

    assert bytes(metadata) == b'{"a":1.50,"b":123456789012345678901234567890, "a":2}'


def test_what_is_dropped_is_in_no_object() -> None:
    source = b'{"user_id":"u1","campaign":{"session_token":"s","x":[{"session_token":"t"}]}}'

    assert read("users", source, TOKENS)["campaign"] == {"x": [{}]}
    assert "session_token" in bytes(read("users", source)["campaign"]).decode()


NOT_IN_GOOD_ORDER = {
    "null": b"null",
    "list": b"[]",
    "text": b'"u1"',
    "half": b'{"user_id":"u1"',
    "not_utf_8": b'{"user_id":"\xff"}',
    "inside_not_utf_8": b'{"metadata":{"a":"\xff"}}',
    "half_a_character": b'{"campaign":{"a":"\\ud800"}}',
    "company_not_utf_8": b'{"company":{"name":"\xff"}}',
    "number_out_of_range": b'{"x":1e999}',
    "many_fields": MANY_FIELDS,
}


@pytest.mark.parametrize("source", NOT_IN_GOOD_ORDER.values(), ids=NOT_IN_GOOD_ORDER)
def test_what_is_not_in_good_order_is_left_to_others(source: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, each in its own words
        read("users", source)


def test_what_was_not_in_good_order_costs_no_other_document() -> None:
    make = STREAMS["users"].maker()
    with pytest.raises(ValueError, match="too many names"):
        make.read(msgspec.Raw(MANY_FIELDS), "h1")

    assert make.read(msgspec.Raw(b'{"user_id":"u1","x":1}'), "h1") == {
        "id": "u1",
        "additionalFields": {"x": 1},
    }


def test_the_id_of_the_hit_stands_in_for_one_of_the_documents_own() -> None:
    assert read_part("users", b'{"name":"x"}') == {"id": "h1"}
    assert read_part("users", b'{"identified_user_id":5,"user_id":null}') == {"id": "5"}


@pytest.mark.parametrize("source", [b"[]", b"5", b"null", b'{"user_id":"a"', b'{"user_id":"\xff"}'])
def test_a_document_that_is_none_has_no_part(source: bytes) -> None:
    assert read_part("users", source) is None


def test_without_any_id_there_is_no_part() -> None:
    assert read_part("users", b'{"name":"x"}', None) is None
