"""Killed anywhere, again and again, the tap emits everyone and goes on where its STATE stood."""

from __future__ import annotations

import json
import os
import random
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from commands import sandbox, started

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.slow

USERS = 5_000
KILLS = int(os.environ.get("KILLS", "2"))
MOST_AGAIN = 1_000
"""Records behind the last STATE, which a kill costs; each life reads more than these."""


def read_until(tap: subprocess.Popen[bytes], most: int) -> tuple[list[str], Any, bool]:
    """Read lines of a tap and kill it behind so many; give users, the last STATE, and the end."""
    assert tap.stdout is not None
    users: list[str] = []
    state = None
    for line in tap.stdout:
        if not line.endswith(b"\n"):
            break  # torn by the kill
        message = json.loads(line)
        if message["type"] == "STATE":
            state = message["value"]
        elif message["type"] == "RECORD" and message["stream"] == "users":
            users.append(message["record"]["id"])
            if len(users) == most:
                tap.kill()
                return users, state, False
    return users, state, tap.wait(30) == 0


@pytest.mark.timeout(60 + 4 * KILLS)
def test_killed_anywhere_everyone_is_emitted_and_few_twice(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    kills = 0
    with sandbox("--users", str(USERS), "--companies", "0", "--events-per-user", "0") as moesif:
        config = {
            "management_api_key": "sandbox-management-key",
            "api_url": f"{moesif.url}/moesif/api/v1",
            "page_size": 700,
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        while kills < KILLS:
            seen, lives = first_load(tmp_path, chance, KILLS - kills)
            assert len({*seen}) == USERS, f"seed {seed}"
            assert len(seen) <= USERS + (lives - 1) * MOST_AGAIN, f"seed {seed}"
            kills += lives - 1


def first_load(folder: Path, chance: random.Random, kills: int) -> tuple[list[str], int]:
    """Read all users in several lives; return their ids and the number of lives."""
    state_file = folder / "state.json"
    state_file.write_text("{}")
    seen: list[str] = []
    for life in count(1):
        most = chance.randrange(1_100, 2_400) if life <= kills else 2 * USERS
        arguments = ["--config", "config.json", "--state", "state.json"]
        with started("tap-moesif", *arguments, cwd=folder) as tap:
            users, state, ended = read_until(tap, most)
        seen += users
        if state is not None:
            state_file.write_text(json.dumps(state))
        if ended:
            break
    return seen, life
