"""Both targets as commands, with rejects in a bucket: killed, stopped, and run again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from commands import call, feed, next_line, started
from object_stores import S3, Fault, s3
from scripted import Reply, ScriptedService
from targets import BOTH, MOESIF, SEGMENT, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripted import Request

pytestmark = pytest.mark.orchestration


SCHEMA = {
    "type": "SCHEMA",
    "stream": "calls",
    "schema": {"properties": {"n": {}, "userId": {}, "event": {}}},
    "key_properties": ["n"],
}
HASTY = """
import singer_delivery.buckets.spool as s
set_upload_deadline = s.Spool.set_upload_deadline
s.Spool.set_upload_deadline = lambda spool, _: set_upload_deadline(spool, 0)
"""


def call_of(number: int, user: str = "") -> dict[str, Any]:
    fields = {"n": number, "userId": user, "event": "Ordered", "messageId": f"m{number}"}
    return {"type": "RECORD", "stream": "calls", "record": fields}


def state(value: int) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


LINES = [SCHEMA, *(line for n in range(6) for line in (call_of(n), state(n)))]


@pytest.fixture
def store() -> Iterator[S3]:
    with s3() as store:
        store.reset()
        yield store


@pytest.fixture(params=BOTH, ids=lambda target: target.name)
def target(request: pytest.FixtureRequest) -> Target:
    given: Target = request.param
    return given


def configure(target: Target, service: ScriptedService, store: S3, folder: Path) -> None:
    config = {
        **target.config(service.url),
        "streams": {"calls": {"as": "segment.calls"}},
        "rejects_path": store.url("rejects"),
        "outcomes_path": store.url("outcomes"),
        "batch_wait_limit_seconds": 0.01,
        "max_rejects": -1,
    }
    (folder / "config.json").write_text(json.dumps(config))


def numbers(store: S3) -> list[int]:
    """Return the numbers of the records among the rejects in the bucket."""
    lines = [
        json.loads(line)
        for name, text in store.objects().items()
        if name.startswith("rejects/")
        for line in text.splitlines()
    ]
    return sorted(line["record"]["n"] for line in lines if line["type"] == "RECORD")


def is_part(method: str, path: str) -> bool:
    return method == "PUT" and "/rejects/" in path and path.endswith(".singer.jsonl")


@pytest.mark.promise(1, 3)
@pytest.mark.parametrize(
    ("target", "uploaded", "disk"),
    [
        *((target, False, "kept") for target in BOTH),
        (SEGMENT, False, "lost"),
        (MOESIF, True, "kept"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_killed_around_an_upload_no_state_is_ahead_and_the_next_run_makes_up_for_it(
    target: Target, store: S3, tmp_path: Path, uploaded: bool, disk: str
) -> None:
    with ScriptedService(lambda _: target.success) as service:
        configure(target, service, store, tmp_path)
        with started(target.name, "--config=config.json", cwd=tmp_path, env=store.env) as process:

            def kill(method: str, path: str) -> None:
                if is_part(method, path):
                    process.kill()

            def kill_first(method: str, path: str) -> Fault | None:
                kill(method, path)
                return (500, "InternalError") if is_part(method, path) else None

            if uploaded:
                store.taken = kill
            else:
                store.fault = kill_first
            text = "".join(json.dumps(line) + "\n" for line in LINES)
            states, _ = process.communicate(text.encode(), 60)
        assert (process.returncode, states) == (-signal.SIGKILL, b"")
        assert bool(numbers(store)) == uploaded

        [left] = (tmp_path / ".spool" / target.name).rglob("rejects/*.jsonl")
        name, lost = left.name, left.read_bytes()
        if disk == "lost":
            shutil.rmtree(tmp_path / ".spool")
        before = numbers(store)
        store.reset_hooks()
        text = "".join(json.dumps(line) + "\n" for line in LINES)
        ended = call(target.name, "--config=config.json", text=text, cwd=tmp_path, env=store.env)
        assert ended.code == 0, ended.stderr
        assert ended.messages[-1] == 5
        if disk == "kept":
            assert store.objects()[f"rejects/{name}"] == lost
            first = next(path for method, path in store.requests if is_part(method, path))
            assert first.endswith(name), "before anything else"
        assert {*range(6)} <= {*numbers(store)}
        assert len(numbers(store)) >= 6 + len(before)
        assert [path for path in (tmp_path / ".spool").rglob("*") if path.is_file()] == []


@pytest.mark.promise(9)
@pytest.mark.parametrize("hangs", [False, True], ids=["in time", "bucket hangs"])
def test_sigterm_uploads_what_state_waits_for_and_ends_in_time(
    target: Target, store: S3, tmp_path: Path, hangs: bool
) -> None:
    over = threading.Event()
    with ScriptedService(lambda _: target.success) as service:
        configure(target, service, store, tmp_path)
        options: dict[str, Any] = {"cwd": tmp_path, "env": store.env, "before": HASTY * hangs}
        with started(target.name, "--config=config.json", **options) as process:
            feed(process, SCHEMA, call_of(1), state(1))
            assert next_line(process) == 1

            def wait(_method: str, _path: str) -> None:
                over.wait(30)

            def answer(_: Request) -> Reply:
                if hangs:
                    store.fault = wait
                process.send_signal(signal.SIGTERM)
                return target.success

            service.answer = answer
            feed(process, call_of(2), call_of(3, "u"), state(3))
            states, log = process.communicate(timeout=30)
            over.set()
    assert process.returncode == 143
    assert states == (b"" if hangs else b"3\n")
    assert hangs or numbers(store) == [1, 2]
    left = [*(tmp_path / ".spool").rglob("*.jsonl")]
    assert bool(left) == hangs
    assert (b"no answer within 1 s. State and the file are kept" in log) == hangs


@pytest.mark.fresh_process
def test_a_target_without_a_url_loads_no_client() -> None:
    code = "import sys, {}.target; print([*{{'s3fs', 'gcsfs', 'botocore'}} & {{*sys.modules}}])"
    for package in ("target_segment", "target_moesif"):
        ended = subprocess.run(
            [sys.executable, "-c", code.format(package)], capture_output=True, check=True
        )
        assert ended.stdout == b"[]\n"
