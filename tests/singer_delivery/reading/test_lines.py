from __future__ import annotations

import itertools
import os
import threading
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.files import locked
from singer_delivery.reading.lines import Lines, Wakeup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest


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


def test_a_file_ends_where_it_ended_when_its_reading_began(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_bytes(b"one\n")
    with path.open("rb") as source:
        lines = Lines(source, Wakeup())
        with path.open("ab") as more:
            more.write(b"two\n")
        assert [lines.read(None), lines.read(None)] == [[b"one"], None]


def test_a_line_that_another_process_is_writing_is_awaited(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    half_written, begun = threading.Event(), threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file, locked(file.fileno(), seconds=9):
            file.write(b"one\nhal")
            half_written.set()
            begun.wait(30)
            file.write(b"f\n")

    writer = threading.Thread(target=write)
    writer.start()
    half_written.wait(30)
    with path.open("rb") as source:
        threading.Timer(0.02, begun.set).start()
        lines = Lines(source, Wakeup())
        assert lines.read(None) == [b"one", b"half"]
    writer.join()


def test_a_lock_that_somebody_else_keeps_holds_no_reading_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `flock FILE target-segment < FILE` does."""
    monkeypatch.setattr("singer_delivery.reading.lines.SETTLING_SECONDS", 0.01)
    path = tmp_path / "input.jsonl"
    path.write_bytes(b"one\n")
    with path.open("rb") as source, path.open("rb") as other, locked(other.fileno(), seconds=9):
        assert Lines(source, Wakeup()).read(None) == [b"one"]
