"""Each fault, at both installed targets, with answers in order and out of order."""

from __future__ import annotations

import json
import os
import select
import threading
import zlib
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from commands import feed, started
from scripted import Reply, Request, ScriptedService
from targets import BOTH, BOTH_TARGETS, SEGMENT, Target

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

LANES = 8
SOON = {"Retry-After": "0.01"}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "calls",
    "schema": {
        "properties": {name: {} for name in ("messageId", "type", "userId", "event", "properties")}
    },
    "key_properties": [],
}


def track(user: str, number: int) -> dict[str, Any]:
    call = {"type": "track", "userId": user, "event": "Ordered", "properties": {"n": number}}
    return {"type": "RECORD", "stream": "calls", "record": call}


def users_in_lanes_of_their_own(count: int) -> list[str]:
    """Choose ids that the lanes' hash keeps apart, so that answers can come in any order."""
    chosen: dict[int, str] = {}
    for number in range(1000):
        chosen.setdefault(zlib.crc32(f"u{number}".encode()) % LANES, f"u{number}")
    return [*chosen.values()][:count]


USERS = users_in_lanes_of_their_own(4)


class Service:
    """Answers each user when told to, the first times as it is told to."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.gates = {user: threading.Event() for user in USERS}
        self.faults: defaultdict[str, list[Reply]] = defaultdict(list)
        self.received: defaultdict[str, list[str]] = defaultdict(list)
        self.taken: set[str] = set()
        self.asked = threading.Semaphore(0)

    def answer(self, request: Request) -> Reply:
        [message] = self.target.batch(request.json)
        user = message[self.target.user]
        self.received[user].append(message[self.target.id])
        if len(self.received[user]) == 1:
            self.asked.release()
            assert self.gates[user].wait(30)
        if self.faults[user]:
            return self.faults[user].pop(0)
        self.taken.add(message[self.target.id])
        return self.target.success


@dataclass(frozen=True)
class Fault:
    """What goes wrong for the second user, and what it leads to."""

    replies: tuple[Reply, ...]
    attempts: int
    code: int = 0
    rejected: int = 0
    stops: bool = False


FAULTS = {
    "all good": Fault((), 1),
    "fails for a while": Fault((Reply(503, headers=SOON), Reply(500, headers=SOON)), 3),
    "is asked to wait": Fault((Reply(429, headers={"X-RateLimit-Reset": "0.01"}),), 2),
    "a lost answer": Fault((Reply(closed=True),), 2),
    "refused for good": Fault((Reply(400, {"message": "bad"}),), 1, code=3, rejected=1),
    "refused as a sender": Fault((Reply(403),), 1, code=1, stops=True),
    "fails for good": Fault((Reply(503, headers={"Retry-After": "3600"}),), 1, code=1, stops=True),
}
FAULTS_OF_SEGMENT = {
    "an unreadable success": Fault((Reply(200, b"<html>", SOON),), 2),
    "a success that is none": Fault((Reply(200, {"success": False}, SOON),), 2),
}
CASES = [
    *((target, name, fault) for target in BOTH for name, fault in FAULTS.items()),
    *((SEGMENT, name, fault) for name, fault in FAULTS_OF_SEGMENT.items()),
]
ORDERS = {"in order": (0, 1, 2, 3), "out of order": (2, 0, 3, 1)}


@contextmanager
def running(
    target: Target, folder: Path, url: str, **settings: Any
) -> Iterator[subprocess.Popen[bytes]]:
    config = {
        **target.config(url),
        "batch_size_rows": 1,
        "lanes": LANES,
        "retry_max_seconds": 30,
        "summary_path": "summary.json",
        **settings,
    }
    (folder / "config.json").write_text(json.dumps(config))
    soon = "import singer_delivery.http.waits as w; w.BACKOFF_FIRST_SECONDS = 0.01"
    with started(target.name, "--config", "config.json", cwd=folder, before=soon) as process:
        yield process


@pytest.mark.promise(1, 2, 7, 8)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(
    ("target", "fault"),
    [(target, fault) for target, _, fault in CASES],
    ids=[f"{target.name}: {name}" for target, name, _ in CASES],
)
def test_a_state_is_written_only_behind_what_is_settled(
    tmp_path: Path, target: Target, fault: Fault, order: tuple[int, ...]
) -> None:
    """Which exact lines, for each order, is tested where answers can be followed one by one."""
    answers = Service(target)
    answers.faults[USERS[1]] = [*fault.replies]
    with (
        ScriptedService(answers.answer) as service,
        running(target, tmp_path, service.url, outcomes_path="outcomes.jsonl") as process,
    ):
        feed(process, SCHEMA)
        for number, user in enumerate(USERS):
            feed(process, track(user, number), {"type": "STATE", "value": number})
        for _ in USERS:
            assert answers.asked.acquire(timeout=30)
        for number in order:
            answers.gates[USERS[number]].set()
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == fault.code, stderr.decode()
    states = [json.loads(line) for line in stdout.splitlines()]
    assert states == sorted({*states})
    assert states in ([], [0]) if fault.stops else states[-1] == 3
    repeats = answers.received[USERS[1]]
    assert len(repeats) == fault.attempts
    assert len({*repeats}) == 1, "a repeat has the first one's id"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["rejected"] == fault.rejected
    assert summary["exit_code"] == fault.code
    if not fault.stops:
        assert summary["delivered"] == len(USERS) - fault.rejected
    outcomes = outcomes_in(tmp_path)
    delivered = {each["message_id"] for each in outcomes if each["outcome"] == "delivered"}
    assert delivered <= answers.taken, "an outcome says more than the service"
    assert len(delivered) == summary["delivered"]
    if not fault.stops:
        assert delivered == answers.taken
        assert {each["attempts"] for each in outcomes} == {1, fault.attempts}


def outcomes_in(folder: Path) -> list[dict[str, Any]]:
    """What the target says became of each record."""
    lines = (folder / "outcomes.jsonl").read_text().splitlines()
    messages = [json.loads(line) for line in lines]
    return [message["record"] for message in messages if message["type"] == "RECORD"]


@pytest.mark.promise(7)
@BOTH_TARGETS
def test_of_two_changes_of_one_user_the_later_arrives_last_also_after_failures(
    tmp_path: Path, target: Target
) -> None:
    numbers: list[int] = []
    failures = [Reply(503, headers=SOON), Reply(closed=True), Reply(429, headers=SOON)]

    def answer(request: Request) -> Reply:
        if failures:
            return failures.pop()
        batch = target.batch(request.json)
        numbers.extend(message[target.content]["n"] for message in batch)
        return target.success

    with ScriptedService(answer) as service, running(target, tmp_path, service.url) as process:
        feed(process, SCHEMA, *(track("u", number) for number in range(50)))
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert numbers == [*range(50)]


@pytest.mark.promise(10)
@BOTH_TARGETS
def test_a_service_that_does_not_answer_slows_the_reading(tmp_path: Path, target: Target) -> None:
    """Of twenty megabytes a target takes as much as its lanes hold, until there is an answer."""
    answers = threading.Event()
    success = Reply(target.success.status, target.success.body, hold=answers)
    lines = b"".join(
        json.dumps(track(f"u{number}" + "x" * 10_000, number)).encode() + b"\n"
        for number in range(2_000)
    )
    with (
        ScriptedService(lambda _: success) as service,
        running(target, tmp_path, service.url) as it,
    ):
        feed(it, SCHEMA)
        assert it.stdin is not None
        written = 0
        os.set_blocking(it.stdin.fileno(), False)
        while select.select([], [it.stdin], [], 0.5)[1] and written < len(lines):
            written += os.write(it.stdin.fileno(), lines[written : written + 65_536])
        os.set_blocking(it.stdin.fileno(), True)
        assert written < 2_000_000
        answers.set()
        end = lines.index(b"\n", written) + 1
        it.communicate(lines[written:end], timeout=60)
    assert it.returncode == 0
    assert len(service.requests) == lines.count(b"\n", 0, end)
