from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singer_delivery.rejects.reasons import Reason, with_reason

REASON = Reason("r", "d", "today", 1)
ADDED = (
    b'"_delivery_reject":{"reason":"r","detail":"d","at":"today","attempts":1,'
    b'"first_rejected_at":"today"}'
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"record":{"n":0.12345678901234567890123', b"}}"),
        (
            b'{ "type" : "RECORD", "record" : { "a" : "\\u00e9\\/" , "b": [1, {}] ',
            b'}, "time": 1 }',
        ),
        (b'{"record":{"n":NaN,"m":-Infinity', b"}}"),
        (b'{"record":{"name":"caf\xe9 \xff"', b'},"more":"\xe9"}'),
        (b'{"record":{"name":"caf\xc3\xa9"', b"}}"),
        (b'{"record":{"half":"\\ud800","n":1e400', b"}}"),
        (b'{"record":{"n":' + b"1" * 10_000, b"}}"),
        (b'{"first":{"record":{}},"record":{"record":{"a":1}', b"}}"),
        (b'{"record":{"a":1},"record":{"a":2', b"}}"),
        (b'{"re\\u0063ord":{"a":1', b"}}"),
    ],
)
def test_no_byte_of_a_line_is_changed(before: bytes, after: bytes) -> None:
    comma = b"" if before.endswith(b"{") else b","
    line = b" " + before + after + b"\r\n"
    assert with_reason(line, REASON) == before + comma + ADDED + after


def test_an_empty_record_has_the_reason_alone() -> None:
    assert with_reason(b'{"record":{ }}', REASON) == b'{"record":{ ' + ADDED + b"}}"


@pytest.mark.parametrize(
    ("earlier", "attempts", "first"),
    [
        (Reason("x", "y", "before", 2).encoded(), 3, "before"),
        (Reason("x", "y", "before", 2, first_rejected_at="long ago").encoded(), 3, "long ago"),
        (b'{"reason":"x","detail":"y","at":"before"}', 1, "before"),  # of version 0.1
        (b'{"reason":"x"}', 1, "today"),
        (b'{"at":5,"attempts":"many"}', 1, "today"),
        (b'{"attempts":-7}', 1, "today"),
        (b"[NaN]", 1, "today"),
        (b"null", 1, "today"),
    ],
)
def test_a_reason_of_an_earlier_run_is_continued(earlier: bytes, attempts: int, first: str) -> None:
    line = b'{"record":{"n":1.10,"_delivery_reject":' + earlier + b"}}"
    again = json.loads(with_reason(line, REASON))["record"]
    assert again == {
        "n": 1.10,
        "_delivery_reject": {
            "reason": "r",
            "detail": "d",
            "at": "today",
            "attempts": attempts,
            "first_rejected_at": first,
        },
    }


@pytest.mark.parametrize(
    "line", [b'{"record":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"record":[NaN]}', b"{}"]
)
def test_a_record_that_cannot_be_looked_into_has_the_reason_beside_it(line: bytes) -> None:
    once = with_reason(line, REASON)
    assert once == line[:-1] + b"," + ADDED + b"}"
    twice = ADDED.replace(b'"attempts":1', b'"attempts":2')
    assert with_reason(once, REASON) == line[:-1] + b"," + twice + b"}"


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
json_values = scalars | st.dictionaries(st.text(max_size=5), scalars, max_size=2)


@settings(max_examples=50)
@given(
    record=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    more=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
)
def test_whatever_the_record_the_reason_is_added_and_nothing_else(
    record: dict[str, Any], more: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps({**more, "record": record}, indent=indent, ensure_ascii=ascii_only)
    line = text.encode(errors="surrogatepass").replace(b"\n", b"\t")
    with_it = with_reason(line, REASON)
    taken_out = with_it.replace(b"," + ADDED, b"").replace(ADDED, b"")
    assert taken_out == line
    found = json.loads(with_it.decode(errors="surrogatepass"))
    assert found["record"]["_delivery_reject"]["reason"] == "r"
