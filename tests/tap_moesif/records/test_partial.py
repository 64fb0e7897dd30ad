from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from documents import MANY, NEARLY_RIGHT, STREAMS
from tap_moesif.records import PartialReader
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.users import Users
from tap_moesif.usage import USAGE

FIELDS = {"users": Users.fields, "companies": Companies.fields}


def read(name: str, source: bytes, hit_id: object = "h1") -> dict[str, Any] | None:
    return PartialReader([FIELDS[name][0], USAGE]).read(msgspec.Raw(source), hit_id)


@pytest.mark.parametrize("name", FIELDS)
def test_some_fields_are_read_as_they_are_with_all_others(name: str) -> None:
    @MANY
    @given(NEARLY_RIGHT[name])
    def check(document: dict[str, Any]) -> None:
        source = json.dumps(document).encode()
        whole = STREAMS[name].maker()(json.loads(source), "h1")

        part = read(name, source)

        assert whole is not None
        if part is not None:
            assert part == {key: whole[key] for key in ("id", USAGE.name) if key in whole}

    check()


def test_the_id_of_the_hit_stands_in_for_one_of_the_documents_own() -> None:
    assert read("users", b'{"name":"x"}') == {"id": "h1"}
    assert read("users", b'{"identified_user_id":5,"user_id":null}') == {"id": "5"}


@pytest.mark.parametrize("source", [b"[]", b"5", b"null", b'{"user_id":"a"', b'{"user_id":"\xff"}'])
def test_a_document_that_is_none_has_no_part(source: bytes) -> None:
    assert read("users", source) is None


def test_without_any_id_there_is_no_part() -> None:
    assert read("users", b'{"name":"x"}', None) is None
