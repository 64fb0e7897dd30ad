"""Killed anywhere, again and again, the tap emits everyone and goes on where its STATE stood."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from commands import sandbox, started

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.fresh_process

USERS = 8_000
KILLS = 4
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


def test_killed_anywhere_everyone_is_emitted_and_few_twice(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    arguments = ["--config", "config.json", "--state", "state.json"]
    seen: list[str] = []
    with sandbox("--users", str(USERS), "--companies", "0", "--events-per-user", "0") as moesif:
        config = {
            "management_api_key": "sandbox-management-key",
            "api_url": f"{moesif.url}/moesif/api/v1",
            "page_size": 700,
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "state.json").write_text("{}")
        for life in range(KILLS + 1):
            most = chance.randrange(1_100, 2_400) if life < KILLS else USERS + 1
            with started("tap-moesif", *arguments, cwd=tmp_path) as tap:
                users, state, ended = read_until(tap, most)
            seen += users
            if state is not None:
                (tmp_path / "state.json").write_text(json.dumps(state))
            if ended:
                break
    assert ended, f"seed {seed}"
    assert len({*seen}) == USERS, f"seed {seed}"
    assert len(seen) <= USERS + KILLS * MOST_AGAIN, f"seed {seed}"
