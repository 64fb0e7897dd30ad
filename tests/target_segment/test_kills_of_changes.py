"""Killed anywhere with `changed_only`, Segment still ends with what the source says.

The tap is played by a table of a few users with few values, so that values come back; each life
reads the whole table as it is by then. Each but the last ends with SIGKILL at a request drawn by
chance, before or after its answer. Segment drops the repeat of an id.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from commands import started
from reaper import SHORT_LEASE, Reaper
from scripted import ScriptedService
from segment_runs import KEY, record, schema, state

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.slow


KILLS = int(os.environ.get("KILLS", "8"))
USERS = 12
COMMAND = ("target-segment", "--config", "config.json")


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
    profiles: dict[str, str] = {}

    def arrived(message: dict[str, Any]) -> None:
        profiles[message["userId"]] = message["traits"]["plan"]

    reaper = Reaper(chance, arrived, longest=4)
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
                assert profiles == source, f"seed {seed}"
            if not mortal:
                break
            kills += 1
        reaper.messages = 0
        with started(*COMMAND, cwd=tmp_path, before=SHORT_LEASE) as process:
            live(process, source)
        assert reaper.messages == 0, "nothing has changed"
