"""Each fault, at the installed command, with answers in order and out of order."""

from __future__ import annotations

import json
import threading
import zlib
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from commands import feed, started
from scripted import Reply, Request, ScriptedService

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

LANES = 8
SUCCESS = Reply(body={"success": True})
SOON = {"Retry-After": "0.01"}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "calls",
    "schema": {"properties": {"userId": {}, "traits": {}}},
    "key_properties": [],
}


def users_in_lanes_of_their_own(count: int) -> list[str]:
    """Choose ids that the lanes' hash keeps apart, so that answers can come in any order."""
    chosen: dict[int, str] = {}
    for number in range(1000):
        chosen.setdefault(zlib.crc32(f"u{number}".encode()) % LANES, f"u{number}")
    return [*chosen.values()][:count]


USERS = users_in_lanes_of_their_own(4)


class Segment:
    """Answers each user when told to, the first times as it is told to."""

    def __init__(self) -> None:
        self.gates = {user: threading.Event() for user in USERS}
        self.faults: defaultdict[str, list[Reply]] = defaultdict(list)
        self.received: defaultdict[str, list[str]] = defaultdict(list)
        self.asked = threading.Semaphore(0)

    def answer(self, request: Request) -> Reply:
        [message] = request.json["batch"]
        user = message["userId"]
        self.received[user].append(message["messageId"])
        if len(self.received[user]) == 1:
            self.asked.release()
            assert self.gates[user].wait(30)
        return self.faults[user].pop(0) if self.faults[user] else SUCCESS


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
    "an unreadable success": Fault((Reply(200, b"<html>", SOON),), 2),
    "a success that is none": Fault((Reply(200, {"success": False}, SOON),), 2),
    "a lost answer": Fault((Reply(closed=True),), 2),
    "refused for good": Fault((Reply(400, {"message": "bad"}),), 1, code=3, rejected=1),
    "refused as a sender": Fault((Reply(403),), 1, code=1, stops=True),
    "fails for good": Fault((Reply(503, headers={"Retry-After": "3600"}),), 1, code=1, stops=True),
}
ORDERS = {"in order": (0, 1, 2, 3), "out of order": (2, 0, 3, 1), "the second last": (3, 0, 2, 1)}


@contextmanager
def target(folder: Path, url: str, **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    config = {
        "write_key": "k",
        "host": url,
        "batch_size_rows": 1,
        "lanes": LANES,
        "retry_max_seconds": 30,
        "summary_path": "summary.json",
        **settings,
    }
    (folder / "config.json").write_text(json.dumps(config))
    with started("target-segment", "--config", "config.json", cwd=folder) as process:
        yield process


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_state_is_written_only_behind_what_is_settled(
    tmp_path: Path, fault: Fault, order: tuple[int, ...]
) -> None:
    """Which exact lines, for each order, is tested where answers can be followed one by one."""
    segment = Segment()
    segment.faults[USERS[1]] = [*fault.replies]
    with ScriptedService(segment.answer) as service, target(tmp_path, service.url) as process:
        feed(process, SCHEMA)
        for number, user in enumerate(USERS):
            record = {"type": "RECORD", "stream": "calls", "record": {"userId": user, "traits": {}}}
            feed(process, record, {"type": "STATE", "value": number})
        for _ in USERS:
            assert segment.asked.acquire(timeout=30)
        for number in order:
            segment.gates[USERS[number]].set()
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == fault.code, stderr.decode()
    states = [json.loads(line) for line in stdout.splitlines()]
    assert states == sorted({*states})
    assert states in ([], [0]) if fault.stops else states[-1] == 3
    repeats = segment.received[USERS[1]]
    assert len(repeats) == fault.attempts
    assert len({*repeats}) == 1, "a repeat has the first one's id"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["rejected"] == fault.rejected
    assert summary["exit_code"] == fault.code
    if not fault.stops:
        assert summary["delivered"] == len(USERS) - fault.rejected


def test_of_two_changes_of_one_user_the_later_arrives_last_also_after_failures(
    tmp_path: Path,
) -> None:
    plans: list[str] = []
    failures = [Reply(503, headers=SOON), Reply(closed=True), Reply(429, headers=SOON)]

    def answer(request: Request) -> Reply:
        if failures:
            return failures.pop()
        plans.extend(message["traits"]["plan"] for message in request.json["batch"])
        return SUCCESS

    with ScriptedService(answer) as service, target(tmp_path, service.url) as process:
        changes = [
            {"type": "RECORD", "stream": "calls", "record": {"userId": "u", "traits": {"plan": n}}}
            for n in range(50)
        ]
        feed(process, SCHEMA, *changes)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert plans == [*range(50)]
