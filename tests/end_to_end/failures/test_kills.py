"""A target is killed anywhere, again and again, and nothing is lost.

The tap is played by a list of lines that is fed again from the last STATE on. Each life ends with
SIGKILL at a moment drawn by chance: at some request, before or after its answer, or behind some
line of input. `KILLS=1000 make test` makes the run long.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from commands import started
from scripted import Reply, Request, ScriptedService
from targets import BOTH_TARGETS, Target

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

KILLS = int(os.environ.get("KILLS", "8"))
RECORDS_A_LIFE = 60
STATE_EVERY = 7
SCHEMA = {
    "type": "SCHEMA",
    "stream": "calls",
    "schema": {"properties": {"n": {}, "userId": {}, "event": {}, "properties": {}}},
    "key_properties": ["n"],
}


def lines_of(first: int, end: int) -> list[dict[str, Any]]:
    """What a tap writes that goes on behind record `first`: every record has a bad neighbour."""
    lines: list[dict[str, Any]] = [SCHEMA]
    for number in range(first, end):
        call = {"n": number, "event": "Ordered", "properties": {"n": number}}
        rows = [{**call, "userId": user} for user in (f"u{number % 11}", "")]
        lines += [{"type": "RECORD", "stream": "calls", "record": row} for row in rows]
        if number % STATE_EVERY == STATE_EVERY - 1 or number == end - 1:
            lines.append({"type": "STATE", "value": number + 1})
    return lines


class Reaper:
    """Answers as a service does, and kills the target at a moment drawn by chance."""

    def __init__(self, target: Target, chance: random.Random) -> None:
        self._target = target
        self.arrived: defaultdict[int, list[str]] = defaultdict(list)
        self.acknowledged: set[int] = set()
        self._chance = chance
        self._lock = threading.Lock()
        self._victim: subprocess.Popen[bytes] | None = None
        self._requests_left = 0
        self._before_answer = False

    def take(self, victim: subprocess.Popen[bytes] | None) -> None:
        """Choose when this one dies; None is left alone."""
        with self._lock:
            self._victim = victim
            self._requests_left = self._chance.randrange(6)
            self._before_answer = self._chance.random() < 0.5

    def answer(self, request: Request) -> Reply:
        batch = self._target.batch(request.json)
        numbers = [message[self._target.content]["n"] for message in batch]
        with self._lock:
            for number, message in zip(numbers, batch, strict=True):
                self.arrived[number].append(message[self._target.id])
            due = self._victim is not None and self._requests_left == 0
            self._requests_left -= 1
            if due and self._victim is not None:
                if not self._before_answer:
                    self.acknowledged.update(numbers)
                self._victim.kill()
                return Reply(closed=True) if self._before_answer else self._target.success
            self.acknowledged.update(numbers)
        return self._target.success


def live(process: subprocess.Popen[bytes], lines: list[dict[str, Any]]) -> list[int]:
    """Feed a target until its end; give the STATE lines it wrote."""
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    with suppress(BrokenPipeError):
        return [json.loads(line) for line in process.communicate(text, 60)[0].splitlines()]
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout.read().splitlines()]


@pytest.mark.promise(1, 3)
@pytest.mark.timeout(60 + 2 * KILLS)
@BOTH_TARGETS
def test_killed_anywhere_nothing_is_lost_and_repeats_keep_their_ids(
    target: Target, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    reaper = Reaper(target, chance)
    records, state, kills = 0, 0, 0
    rejects = tmp_path / "rejects.jsonl"
    files = {"rejects_path": str(rejects), "outcomes_path": str(tmp_path / "outcomes.jsonl")}
    limits = {"lanes": 3, "batch_size_rows": 5, "max_rejects": -1}
    streams = {"*": {"as": "segment.calls"}}
    with ScriptedService(reaper.answer) as service:
        config = target.config(service.url, streams=streams, **files, **limits)
        (tmp_path / "config.json").write_text(json.dumps(config))
        while kills < KILLS or state < records:
            mortal = kills < KILLS
            if mortal:
                records = state + RECORDS_A_LIFE
            with started(target.name, "--config", "config.json", cwd=tmp_path) as process:
                reaper.take(process if mortal else None)
                states = live(process, lines_of(state, records))
                assert process.returncode in ({0, -9} if mortal else {0}), f"seed {seed}"
            kills += process.returncode == -9
            assert states == sorted(states), f"seed {seed}"
            state = max([state, *states])
            assert {*range(state)} <= reaper.acknowledged, f"a state ran ahead, seed {seed}"
            rejected = {
                message["record"]["n"]
                for line in rejects.read_text().splitlines()
                if (message := _whole(line)) and message["type"] == "RECORD"
            }
            assert {*range(state)} <= rejected, f"a reject is missing behind a state, seed {seed}"
            delivered = delivered_by(tmp_path / "outcomes.jsonl")
            took = {reaper.arrived[number][0] for number in reaper.acknowledged}
            passed = {reaper.arrived[number][0] for number in range(state)}
            assert delivered <= took, f"an outcome ran ahead, seed {seed}"
            assert passed <= delivered, f"an outcome is missing behind a state, seed {seed}"
    assert {*range(records)} <= reaper.acknowledged
    for number, ids in reaper.arrived.items():
        assert len({*ids}) == 1, f"record {number} has two ids, seed {seed}"


def delivered_by(outcomes: Path) -> set[str]:
    """The ids of the messages that the outcomes file says were delivered."""
    lines = [*map(_whole, outcomes.read_text().splitlines())] if outcomes.exists() else []
    records = [line["record"] for line in lines if line and line["type"] == "RECORD"]
    return {record["message_id"] for record in records if record["outcome"] == "delivered"}


def _whole(line: str) -> dict[str, Any] | None:
    """A line that a kill has torn is none; a replay leaves it out."""
    try:
        message: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return message
