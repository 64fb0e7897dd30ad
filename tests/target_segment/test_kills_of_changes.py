"""Killed anywhere with `changed_only`, Segment still ends with what the source says.

The tap is played by a table of a few users with few values, so that values come back; each life
reads the whole table as it is by then. Each but the last ends with SIGKILL at a request drawn by
chance, before or after its answer. Segment drops the repeat of an id.
"""

from __future__ import annotations

import json
import os
import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from commands import started
from scripted import Reply, Request, ScriptedService
from segment_runs import KEY, record, schema, state

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.slow


KILLS = int(os.environ.get("KILLS", "8"))
USERS = 12
COMMAND = ("target-segment", "--config", "config.json")
SHORT_LEASE = """
import singer_delivery.fingerprints.database as d
d.LEASE_SECONDS = 0.3
"""


class Reaper:
    """Takes messages as Segment does, and kills the target at a moment drawn by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.profiles: dict[str, str] = {}
        self.messages = 0
        self._ids: set[str] = set()
        self._chance = chance
        self._lock = threading.Lock()
        self._victim: subprocess.Popen[bytes] | None = None
        self._requests_left = 0

    def take(self, victim: subprocess.Popen[bytes] | None) -> None:
        """Choose when this one dies; None is left alone."""
        with self._lock:
            self._victim = victim
            self._requests_left = self._chance.randrange(4)

    def answer(self, request: Request) -> Reply:
        with self._lock:
            for message in request.json["batch"]:
                self.messages += 1
                if message["messageId"] not in self._ids:
                    self._ids.add(message["messageId"])
                    self.profiles[message["userId"]] = message["traits"]["plan"]
            self._requests_left -= 1
            if self._victim is not None and self._requests_left < 0:
                self._victim.kill()
                return Reply(closed=True)
        return Reply(body={"success": True})


def live(process: subprocess.Popen[bytes], source: dict[str, str]) -> None:
    lines = [
        schema("people", "userId", "traits"),
        *(record("people", userId=name, traits={"plan": plan}) for name, plan in source.items()),
        state("end"),
    ]
    with suppress(BrokenPipeError):
        process.communicate("".join(json.dumps(line) + "\n" for line in lines).encode(), 60)
    process.wait(60)


@pytest.mark.promise(3)
@pytest.mark.parametrize("store", ["file", "database"])
def test_killed_anywhere_segment_ends_with_what_the_source_says(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    reaper = Reaper(chance)
    source = {f"u{number}": "A" for number in range(USERS)}
    kills = 0
    with ScriptedService(reaper.answer) as service:
        config = {"write_key": KEY, "host": service.url, "changed_only": True}
        if store == "database":
            config["fingerprints_path"] = request.getfixturevalue("database").uri
        config |= {"lanes": 2, "batch_size_rows": 2, "streams": {"*": {"as": "segment.calls"}}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        while True:
            mortal = kills < KILLS
            for name in chance.sample([*source], 5):
                source[name] = chance.choice("AB")
            with started(*COMMAND, cwd=tmp_path, before=SHORT_LEASE) as process:
                reaper.take(process if mortal else None)
                live(process, source)
                assert process.returncode in ({0, -9} if mortal else {0}), f"seed {seed}"
            if process.returncode == 0:
                assert reaper.profiles == source, f"seed {seed}"
            if not mortal:
                break
            kills += 1
        reaper.messages = 0
        with started(*COMMAND, cwd=tmp_path, before=SHORT_LEASE) as process:
            live(process, source)
        assert reaper.messages == 0, "nothing has changed"
