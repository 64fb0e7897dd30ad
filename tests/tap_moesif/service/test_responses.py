from __future__ import annotations

import math
from typing import Any

import pytest

from tap_moesif.service.errors import AttemptError
from tap_moesif.service.responses import read_hits

PATH = "/search"


def page(*hits: bytes) -> bytes:
    return b'{"hits": {"total": 1, "hits": [' + b",".join(hits) + b"]}}"


@pytest.mark.parametrize(
    ("source", "document"),
    [
        pytest.param(b'{"a": 1, "b": "\xc3\xa9"}', {"a": 1, "b": "é"}, id="plain"),
        pytest.param(b'{"a": "\\ud83d"}', {"a": "\ufffd"}, id="half_a_character"),
        pytest.param(b'{"\\udc00": "\\ud83d\\ude00"}', {"\ufffd": "😀"}, id="half_a_name"),
        pytest.param(b'{"a": 1e999}', {"a": math.inf}, id="out_of_range"),
        pytest.param(b'{"a": -Infinity}', {"a": -math.inf}, id="infinite"),
        pytest.param(b'{"a": 1, "a": 2}', {"a": 2}, id="twice"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b'"text"', "text", id="text"),
    ],
)
def test_a_document_is_read_as_far_as_it_can_be(source: bytes, document: Any) -> None:
    content = page(b'{"_id": "u1", "sort": ["u1"], "_source": ' + source + b"}", b'{"_id": 5}')

    found = read_hits(content, PATH)

    first, second = found.hits
    assert (first.id, first.sort, first.document()) == ("u1", ["u1"], document)
    assert (second.id, second.sort, second.document()) == (5, None, None)
    assert (found.total, found.exact) == (1, True)


def test_a_document_is_read_anew_each_time() -> None:
    [hit] = read_hits(page(b'{"_source": {"a": {}}}'), PATH).hits

    hit.document()["a"]["b"] = 1

    assert hit.document() == {"a": {}}


@pytest.mark.parametrize("source", [b'"\xff"', b"[" * 100_000 + b"]" * 100_000])
def test_a_document_that_nobody_can_read_is_a_sentence(source: bytes) -> None:
    with pytest.raises(AttemptError, match="not in Moesif's JSON form"):
        [hit.document() for hit in read_hits(page(b'{"_source": ' + source + b"}"), PATH).hits]


@pytest.mark.parametrize("hit", [b"null", b"5", b'"u1"', b"[]", b'{"a": "\\ud83d"}, 5'])
def test_what_is_no_hit_spoils_its_page(hit: bytes) -> None:
    with pytest.raises(AttemptError, match="has no list of hits"):
        read_hits(page(b"{}", hit), PATH)
