"""Killed anywhere with `on_removed`, Segment still ends with the users that the source has.

The tap is played by a table from which users come and go. It reads the table completely, under a
version, and goes on where the last STATE of the life before stood. Each life but the last ends with
SIGKILL at a request drawn by chance, before or after its answer. Segment drops the repeat of an id.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from commands import started
from reaper import SHORT_LEASE, Reaper
from scripted import ScriptedService
from segment_runs import KEY, record, schema, state

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "8"))
STABLE = [f"always-{number}" for number in range(4)]
OTHERS = [f"comes-and-goes-{number}" for number in range(8)]
COMMAND = ("target-segment", "--config", "config.json")


class AtOnce(random.Random):
    """A chance that always draws the first of what there is."""

    @override
    def randrange(self, *_: Any, **__: Any) -> int:
        return 0


class Users:
    """Knows the users that Segment has."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.removed: list[str] = []

    def arrived(self, message: dict[str, Any]) -> None:
        if message["type"] == "identify":
            self.present.add(message["userId"])
        else:
            self.present.discard(message["userId"])
            self.removed.append(message["userId"])


def lines(source: set[str], before: dict[str, Any], version: int) -> list[dict[str, Any]]:
    """Give what the tap writes, which goes on where a state stands."""
    version, after = before.get("version", version), before.get("after", "")
    written = [{**schema("people", "userId", "traits"), "key_properties": ["userId"]}]
    for name in sorted(source):
        if name > after:
            person = record("people", userId=name, traits={"plan": "A"})
            written += [{**person, "version": version}]
            written += [state({"version": version, "after": name})]
    end = {"type": "ACTIVATE_VERSION", "stream": "people", "version": version}
    return [*written, end, state({})]


def configure(
    service: ScriptedService, store: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    config = {"write_key": KEY, "host": service.url, "changed_only": True}
    config |= {"on_removed": "event", "max_removed": 100}
    if store == "database":
        config["fingerprints_path"] = request.getfixturevalue("database").uri
    config |= {"lanes": 2, "batch_size_rows": 2, "streams": {"*": {"as": "segment.calls"}}}
    (folder / "config.json").write_text(json.dumps(config))


def live(process: subprocess.Popen[bytes], written: list[dict[str, Any]]) -> list[Any]:
    """Feed a target; give the states that it wrote."""
    text = "".join(json.dumps(line) + "\n" for line in written).encode()
    out = b""
    with suppress(BrokenPipeError):
        out, _ = process.communicate(text, 60)
    process.wait(60)
    return [json.loads(line) for line in out.splitlines() if line.endswith(b"}")]


@pytest.mark.promise(3)
@pytest.mark.parametrize("store", ["file", "database"])
def test_users_who_arrived_from_a_killed_run_and_are_gone_by_the_next_are_removed(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    users = Users()
    reaper = Reaper(AtOnce(), users.arrived, longest=5)
    with ScriptedService(reaper.answer) as service:
        configure(service, store, tmp_path, request)
        for version, source in enumerate([{*OTHERS}, {*STABLE}], start=1):
            with started(*COMMAND, cwd=tmp_path, before=SHORT_LEASE) as process:
                reaper.take(process if version == 1 else None)
                assert (live(process, lines(source, {}, version)) == []) == (version == 1)
                assert process.returncode == (-9 if version == 1 else 0)
            assert users.present, "some have arrived"
    assert users.present == {*STABLE}


@pytest.mark.promise(3)
@pytest.mark.parametrize("store", ["file", "database"])
def test_killed_anywhere_segment_ends_with_the_users_of_the_source(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    users = Users()
    reaper = Reaper(chance, users.arrived, longest=5)
    source = {*STABLE, *OTHERS}
    last: dict[str, Any] = {}
    with ScriptedService(reaper.answer) as service:
        configure(service, store, tmp_path, request)
        for version in range(1, KILLS + 4):
            mortal = version <= KILLS
            for name in chance.sample(OTHERS, 3) if mortal else ():
                source ^= {name}
            with started(*COMMAND, cwd=tmp_path, before=SHORT_LEASE) as process:
                reaper.take(process if mortal else None)
                states = live(process, lines(source, last, version))
                assert process.returncode in ({0, -9} if mortal else {0}), f"seed {seed}"
            last = states[-1] if states else last
            assert not {*STABLE} & {*users.removed}, f"seed {seed}"
    assert users.present == source, f"seed {seed}"
