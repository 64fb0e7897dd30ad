from __future__ import annotations

import io
import itertools
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.errors import InputError
from singer_delivery.reading.lines import Lines, MessageReader, Wakeup

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence


def read_all(chunks: Sequence[bytes]) -> list[bytes]:
    """Write chunks into a pipe and give the lines that come out of it."""
    read, write = os.pipe()
    wakeup = Wakeup()
    with os.fdopen(read, "rb") as source:
        lines = Lines(source, wakeup)
        found: list[bytes] = []
        for chunk in chunks:
            os.write(write, chunk)
            found += lines.read(None) or []
        os.close(write)
        while (more := lines.read(None)) is not None:
            found += more
    wakeup.close()
    return found


@given(
    lines=st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), max_size=10),
    cuts=st.lists(st.integers(1, 200), max_size=5),
    ended=st.booleans(),
)
def test_however_the_input_is_cut_the_lines_are_whole(
    lines: list[bytes], cuts: list[int], ended: bool
) -> None:
    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    borders = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    chunks = [text[a:b] for a, b in itertools.pairwise(borders) if a < b]
    expected = text.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert read_all(chunks) == expected


def test_a_wait_for_input_ends_when_woken() -> None:
    read, write = os.pipe()
    wakeup = Wakeup()
    with os.fdopen(read, "rb") as source, os.fdopen(write, "wb"):
        lines = Lines(source, wakeup)
        threading.Thread(target=wakeup).start()
        assert lines.read(None) == []


def test_a_wait_for_input_ends_in_time() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as source, os.fdopen(write, "wb"):
        assert Lines(source, Wakeup()).read(0.0) == []


def test_a_thousand_calls_before_a_wait_wake_it_once() -> None:
    wakeup = Wakeup()
    for _ in range(100_000):
        wakeup()
    assert wakeup.wait(None) is False
    wakeup.clear()
    read, write = os.pipe()
    assert wakeup.wait(0.0, read) is False
    os.write(write, b"x")
    assert wakeup.wait(None, read) is True
    os.close(read)
    os.close(write)
    wakeup.close()


def test_a_wakeup_holds_until_it_is_cleared() -> None:
    """A wait that ends for another reason as well must not use it up: see `Delivery.wait`."""
    wakeup = Wakeup()
    wakeup()
    read, write = os.pipe()
    os.write(write, b"x")
    assert wakeup.wait(None, read) is True
    assert wakeup.wait(None) is False
    os.close(read)
    os.close(write)
    wakeup.close()


def read_messages(text: str) -> tuple[Counter[str], list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []
    reader = MessageReader(
        lambda: None, Wakeup(), lambda m: heard.append({**m, "lenient": True}), lambda: False
    )
    counts = reader.process_lines(
        io.StringIO(text), {"RECORD": heard.append, "STATE": heard.append}
    )
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


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e400", r'"\ud800"', r'"\udc00x"'])
def test_a_record_that_only_strict_json_refuses_is_made_out(value: str) -> None:
    counts, [message] = read_messages(f'{{"type":"RECORD","stream":"s","n":{value}}}')
    assert counts == {"RECORD": 1}
    assert message["lenient"]


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "STATE", "value": NaN}',
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
    with pytest.raises(InputError, match="Line 2 of the input is no Singer message") as caught:
        read_messages('{"type":"STATE","value":1}\n' + line + "\n")
    assert "jane" not in str(caught.value)
