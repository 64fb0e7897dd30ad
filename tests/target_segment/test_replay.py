"""A rejects file as input, interrupted."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from commands import run, started
from scripted import Reply, Request
from segment_runs import SUCCESS, Segment, record, schema
from singer_delivery.reading.lines import CHUNK_BYTES

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@contextmanager
def replaying(segment: Segment, path: Path, **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start `target-segment < path`."""
    segment.requests.clear()
    (segment.folder / "config.json").write_text(json.dumps({**segment.settings, **settings}))
    command = ("target-segment", "--config", "config.json")
    with (
        path.open("rb") as file,
        started(*command, stdin=file.fileno(), cwd=segment.folder) as process,
    ):
        yield process


def rejected_file(segment: Segment, count: int, *, fixed_every: int = 1, **traits: Any) -> Path:
    """Let some records be rejected for the lack of an id, and mend some of them in the file."""
    rows = (record("people", userId="", traits={"n": n, **traits}) for n in range(count))
    ended = segment.deliver([schema("people", "userId", "traits"), *rows])
    assert (ended.exit_code, len(ended.rejects)) == (3, count + 1)
    path = segment.folder / "rejects.jsonl"
    fixed = [
        line if number % fixed_every else line.replace('"userId": ""', '"userId": "u"')
        for number, line in enumerate(path.read_text().splitlines())
    ]
    path.write_text("\n".join(fixed) + "\n")
    return path


@pytest.mark.promise(4, 13)
@pytest.mark.fresh_process
def test_what_is_fixed_is_sent_without_the_reason_and_twice_with_the_same_id(
    segment: Segment,
) -> None:
    path = rejected_file(segment, 9)
    fixed, ids = path.read_bytes(), []
    for _ in range(2):
        with replaying(segment, path) as process:
            stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stdout) == (0, b""), stderr
        assert not any(b"_delivery_reject" in request.body for request in segment.requests)
        assert sorted(message["traits"]["n"] for message in segment.messages) == [*range(9)]
        ids.append(sorted(message["messageId"] for message in segment.messages))
    assert ids[0] == ids[1]
    assert path.read_bytes() == fixed, "a replay takes nothing out of its file"


def test_what_is_rejected_again_goes_behind_what_is_being_replayed(segment: Segment) -> None:
    """Into the same file, of several reads: neither is it read again, nor is anything lost."""
    path = rejected_file(segment, 300, fixed_every=3, x="x" * 9_000)
    before = segment.rejects()
    assert path.stat().st_size > 2 * CHUNK_BYTES
    with replaying(segment, path) as process:
        process.communicate(timeout=60)
    assert process.returncode == 3
    good = [n for n in range(300) if (n + 1) % 3 == 0]
    assert sorted(message["traits"]["n"] for message in segment.messages) == good
    after = segment.rejects()
    assert after[:301] == before
    again = [m["record"]["traits"]["n"] for m in after[301:] if m["type"] == "RECORD"]
    assert again == [n for n in range(300) if n not in good]
    assert segment.summary()["read"] == 300


def test_a_signal_while_replaying_leaves_what_was_not_sent_for_the_next_replay(
    segment: Segment,
) -> None:
    """The file is read only: what was delivered before the signal is only delivered again."""
    asked, hold, later = threading.Event(), threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        first = not asked.is_set()
        asked.set()
        return Reply(body={"success": True}, hold=hold if first else later)

    path = rejected_file(segment, 9)
    fixed = path.read_text()
    segment.answer = slow
    with replaying(segment, path, lanes=1, batch_size_rows=2) as target:
        assert asked.wait(30)
        target.send_signal(signal.SIGTERM)
        assert target.stderr is not None
        assert any(b"waiting for the requests in flight" in line for line in target.stderr)
        hold.set()
        stdout, _ = target.communicate(timeout=60)
    later.set()
    assert (target.returncode, stdout) == (143, b"")
    first = [message["messageId"] for message in segment.messages]
    assert 0 < segment.summary()["delivered"] <= len(first) < 9
    assert path.read_text() == fixed, "nothing was rejected twice"
    segment.answer = lambda _: SUCCESS
    segment.deliver(line + "\n" for line in fixed.splitlines())
    again = [message["messageId"] for message in segment.messages]
    assert len({*again}) == 9
    assert {*first} <= {*again}


@pytest.mark.promise(13)
def test_windows_of_a_backfill_reject_into_one_file_at_once(tmp_path: Path) -> None:
    """Each record stands there once, behind the schema that it follows."""
    path = tmp_path / "rejects.jsonl"

    def window(number: int) -> int:
        (folder := tmp_path / str(number)).mkdir()
        lines = [
            {**schema("orders", "n"), "key_properties": [f"window {number}"]},
            *(record("orders", window=number, n=n) for n in range(300)),
        ]
        routes = {"orders": {"call": "track", "user_id": "user", "event": {"literal": "Ordered"}}}
        settings = {"write_key": "k", "rejects_path": str(path), "streams": routes}
        return run("target-segment", folder, settings, lines=lines).code

    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(window, range(3))] == [3, 3, 3]
    key, kept = "", []
    for line in map(json.loads, path.read_text().splitlines()):
        if line["type"] == "SCHEMA":
            [key] = line["key_properties"]
        else:
            assert key == f"window {line['record']['window']}"
            kept.append((line["record"]["window"], line["record"]["n"]))
    assert sorted(kept) == [(window, n) for window in range(3) for n in range(300)]
