"""A rejects file as input, interrupted."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from commands import Ended, run, started
from scripted import Reply, Request, ScriptedService
from segment_runs import config, deliver, record, schema, scripted_segment, sent, summary
from singer_delivery.reading.lines import CHUNK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def replay(segment: ScriptedService, folder: Path, path: Path) -> Ended:
    """Run `target-segment < path`."""
    (folder / "config.json").write_text(json.dumps(config(segment)))
    with (
        path.open("rb") as file,
        started("target-segment", "--config", "config.json", stdin=file.fileno(), cwd=folder) as it,
    ):
        stdout, stderr = it.communicate(timeout=60)
    return Ended(it.returncode, stdout.decode(), stderr.decode())


def rejected_file(segment: ScriptedService, folder: Path, lines: list[dict[str, Any]]) -> Path:
    assert deliver(segment, folder, lines).code == 3
    [path] = (folder / "rejects").iterdir()
    return path


@pytest.mark.promise(4, 13)
@pytest.mark.fresh_process
def test_what_is_fixed_is_sent_without_the_reason_and_twice_with_the_same_id(
    tmp_path: Path,
) -> None:
    lines = [
        schema("people", "userId", "traits"),
        *(record("people", userId="", traits={"n": n}) for n in range(9)),
    ]
    with scripted_segment() as segment:
        path = rejected_file(segment, tmp_path, lines)
        path.write_text(path.read_text().replace('"userId": ""', '"userId": "u"'))
        fixed, ids = path.read_bytes(), []
        for _ in range(2):
            ended = replay(segment, tmp_path, path)
            assert (ended.code, ended.stdout) == (0, ""), ended.stderr
            assert not any(b"_delivery_reject" in request.body for request in segment.requests)
            assert sorted(message["traits"]["n"] for message in sent(segment)) == [*range(9)]
            ids.append(sorted(message["messageId"] for message in sent(segment)))
            segment.requests.clear()
        assert ids[0] == ids[1]
        assert path.read_bytes() == fixed, "a replay takes nothing out of its file"


def test_what_is_rejected_again_goes_behind_what_is_being_replayed(tmp_path: Path) -> None:
    """Into the same file, of several reads: neither is it read again, nor is anything lost."""
    lines = [
        schema("people", "userId", "traits"),
        *(record("people", userId="", traits={"n": n, "x": "x" * 9_000}) for n in range(300)),
    ]
    with scripted_segment() as segment:
        path = rejected_file(segment, tmp_path, lines)
        before = path.read_text().splitlines()
        fixed = [
            line if number % 3 else line.replace('"userId": ""', '"userId": "u"')
            for number, line in enumerate(before)
        ]
        path.write_text("\n".join(fixed) + "\n")
        assert path.stat().st_size > 2 * CHUNK_BYTES
        ended = replay(segment, tmp_path, path)
        assert ended.code == 3
        good = [n for n in range(300) if (n + 1) % 3 == 0]
        assert sorted(message["traits"]["n"] for message in sent(segment)) == good
        after = [json.loads(line) for line in path.read_text().splitlines()]
        assert after[:301] == [json.loads(line) for line in fixed]
        again = [m["record"]["traits"]["n"] for m in after[301:] if m["type"] == "RECORD"]
        assert again == [n for n in range(300) if n not in good]
        assert summary(tmp_path)["read"] == 300


def test_a_signal_while_replaying_leaves_what_was_not_sent_for_the_next_replay(
    tmp_path: Path,
) -> None:
    """The file is read only: what was delivered before the signal is only delivered again."""
    asked, hold, later = threading.Event(), threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        first = not asked.is_set()
        asked.set()
        return Reply(body={"success": True}, hold=hold if first else later)

    lines = [
        schema("people", "userId", "traits"),
        *(record("people", userId="", traits={"n": n}) for n in range(9)),
    ]
    with scripted_segment() as segment:
        assert deliver(segment, tmp_path, lines).code == 3
        [path] = (tmp_path / "rejects").iterdir()
        fixed = path.read_text().replace('"userId": ""', '"userId": "u"')
        path.write_text(fixed)
        segment.answer = slow
        settings = config(segment, lanes=1, batch_size_rows=2)
        (tmp_path / "config.json").write_text(json.dumps(settings))
        with (
            path.open("rb") as file,
            started(
                "target-segment", "--config", "config.json", stdin=file.fileno(), cwd=tmp_path
            ) as target,
        ):
            assert asked.wait(30)
            target.send_signal(signal.SIGTERM)
            assert target.stderr is not None
            assert any(b"waiting for the requests in flight" in line for line in target.stderr)
            hold.set()
            stdout, _ = target.communicate(timeout=60)
        later.set()
        assert (target.returncode, stdout) == (143, b"")
        first = [message["messageId"] for message in sent(segment)]
        assert 0 < summary(tmp_path)["delivered"] <= len(first) < 9
        assert path.read_text() == fixed, "nothing was rejected twice"
        segment.requests.clear()
        ended = deliver(segment, tmp_path, fixed.splitlines())
        assert ended.code == 0, ended.stderr
        again = [message["messageId"] for message in sent(segment)]
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
