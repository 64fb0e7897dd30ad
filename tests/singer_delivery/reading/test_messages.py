from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import pytest

from singer_delivery.errors import InputError
from singer_delivery.reading.lines import Wakeup
from singer_delivery.reading.messages import MessageReader

if TYPE_CHECKING:
    from collections import Counter


def read_messages(text: str | bytes) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Read an input; a message that is read leniently has the reason under `rejected`."""
    heard: list[dict[str, Any]] = []
    reader = MessageReader(
        lambda: None,
        Wakeup(),
        lambda message, why: heard.append({**message, "rejected": why.reason}),
        lambda: False,
    )
    source = io.StringIO(text) if isinstance(text, str) else io.BytesIO(text)
    counts = reader.process_lines(source, {"RECORD": heard.append, "STATE": heard.append})
    return counts, heard


def test_messages_are_handed_out_by_type() -> None:
    counts, heard = read_messages('{"type":"RECORD","n":1}\n\n  \n{"type":"STATE","value":2}\n')
    assert counts == {"RECORD": 1, "STATE": 1}
    assert [message["type"] for message in heard] == ["RECORD", "STATE"]


def test_integers_keep_all_their_digits() -> None:
    _, [message] = read_messages('{"type":"RECORD","n":123456789012345678901234567890}')
    assert message["n"] == 123456789012345678901234567890


@pytest.mark.parametrize(
    "value",
    ["20260131120000.123456", '{ "n": 1e400, "n" :-0.0}', "1.10", '"\\u00e9 \\/ é"', "null"],
)
def test_the_value_of_a_state_is_handed_out_as_it_came(value: str) -> None:
    _, [message] = read_messages(f'{{"value": {value} , "type":"STATE"}}')
    assert bytes(message["value"]).decode() == value


@pytest.mark.parametrize("value", [r'"\ud800"', r'{"a": [1.10, "x\udc00"], "b": "\ud83d\ude00" }'])
def test_a_state_that_holds_half_a_character_is_handed_out_as_it_came(value: str) -> None:
    """Python writes a text that was cut in the middle of a character in this way."""
    _, [message] = read_messages(f'{{"type": "STATE", "value": {value} }}')
    assert bytes(message["value"]).decode() == value


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e400", r'"\ud800"', r'"\udc00x"'])
def test_a_record_that_only_strict_json_refuses_is_made_out(value: str) -> None:
    counts, [message] = read_messages(f'{{"type":"RECORD","stream":"s","n":{value}}}')
    assert counts == {"RECORD": 1}
    assert message["rejected"] == "not_json"


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "STATE", "value": NaN}',
        r'{"type": "STATE", "value": ["\ud800", NaN]}',
        "INFO starting jane@example.com",
        "[1, 2]",
        '"text"',
        "{",
        '{"no": "type"}',
        '{"type": "NONSENSE", "email": "jane@example.com"}',
        '{"type": ["RECORD"]}',
    ],
)
def test_a_line_that_is_no_message_is_named_by_its_number_alone(line: str) -> None:
    with pytest.raises(InputError, match="Line 2 of the input is not a Singer message") as caught:
        read_messages('{"type":"STATE","value":1}\n' + line + "\n")
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize(
    "name", [b"\xdcnion", b"caf\xe9", b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80"]
)
@pytest.mark.parametrize("field", [b'"record":{"name":"%b"}', b'"record":{},"more":"%b"'])
def test_a_record_with_a_byte_that_is_no_utf_8_is_made_out(name: bytes, field: bytes) -> None:
    line = b'{"type":"RECORD","stream":"s",' + field % name + b"}"
    counts, [message] = read_messages(line)
    assert counts == {"RECORD": 1}
    assert (message["stream"], message["rejected"]) == ("s", "not_utf8")


@pytest.mark.parametrize("line", ['{"type":"STATE","value":"é"}', '{"type":"SCHEMA","a":"é"}'])
def test_any_other_message_that_is_no_utf_8_is_named(line: str) -> None:
    with pytest.raises(InputError, match=r"Line 1 .*: a byte in it is not UTF-8"):
        read_messages(line.encode("latin-1"))


@pytest.mark.parametrize("text", ['{"type":"STATE","value":1}\n', ' {"type":"STATE","value":1}'])
def test_a_byte_order_mark_is_read_over_also_where_files_were_joined(text: str) -> None:
    counts, heard = read_messages("\ufeff" + text + "\n\ufeff" + text)
    assert counts == {"STATE": 2}
    assert [bytes(message["value"]) for message in heard] == [b"1", b"1"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named_with_what_to_do(encoding: str) -> None:
    text = '{"type":"RECORD","stream":"s","record":{}}\n' * 2
    with pytest.raises(
        InputError, match=rf"(?i)Line 1 .*it is {encoding[:6]}.* to UTF-8"
    ) as caught:
        read_messages(text.encode(encoding))
    assert "JSON" not in str(caught.value)


def test_a_compressed_input_is_named_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"compressed with gzip\. Decompress"):
        read_messages(gzip.compress(b'{"type":"STATE","value":1}\n'))
