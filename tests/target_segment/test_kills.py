"""Killed anywhere, Segment still ends with what the source says.

The tap is played by a table whose values, or whose users, come and go. Each life but the last ends
with SIGKILL at a request drawn by chance, before or after its answer. Segment drops the repeat of
an id.
"""

from __future__ import annotations

import os
import random
import signal
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from reaper import Reaper
from segment_runs import record, schema, state
from target_runs import activate

if TYPE_CHECKING:
    from pathlib import Path

    from postgres import Database

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "8"))
STABLE = [f"always-{number}" for number in range(4)]
OTHERS = [f"comes-and-goes-{number}" for number in range(8)]
REMOVALS = {"on_removed": "event", "max_removed": 100}


@pytest.fixture(params=["file", "database"])
def database(request: pytest.FixtureRequest) -> Database | None:
    """Where the fingerprints are, if not in a file."""
    if request.param == "file":
        return None
    found: Database = request.getfixturevalue("database_server").create()
    return found


@pytest.mark.promise(3)
def test_with_changed_only_each_user_ends_with_its_last_value(
    tmp_path: Path, database: Database | None
) -> None:
    """The values are few, so that they come back; each life reads the table as it is by then."""
    chance = random.Random(seed := random.randrange(10**6))
    profiles: dict[str, str] = {}

    def arrived(message: dict[str, Any]) -> None:
        profiles[message["userId"]] = message["traits"]["plan"]

    def lines() -> list[dict[str, Any]]:
        users = [record("people", userId=user, traits={"plan": source[user]}) for user in source]
        return [schema("people", "userId", "traits"), *users, state("end")]

    source = {f"u{number}": "A" for number in range(12)}
    with Reaper(tmp_path, database, chance, arrived, longest=4) as segment:
        for life in range(KILLS + 1):
            for user in chance.sample([*source], 5):
                source[user] = chance.choice("AB")
            code, _ = segment.live(lines(), mortal=life < KILLS)
            assert code in ({0, -signal.SIGKILL} if life < KILLS else {0}), f"seed {seed}"
            assert code or profiles == source, f"seed {seed}"
        segment.live(lines(), mortal=False)
        assert not segment.requests, "nothing has changed"


class Users:
    """Knows the users that Segment has."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.removed: set[str] = set()

    def arrived(self, message: dict[str, Any]) -> None:
        if message["type"] == "identify":
            self.present.add(message["userId"])
        else:
            self.present.discard(message["userId"])
            self.removed.add(message["userId"])


def complete(source: set[str], before: dict[str, Any], version: int) -> list[dict[str, Any]]:
    """Give what the tap writes, which goes on where a state stands."""
    version, after = before.get("version", version), before.get("after", "")
    written = [{**schema("people", "userId", "traits"), "key_properties": ["userId"]}]
    for name in sorted(source):
        if name > after:
            person = record("people", userId=name, traits={"plan": "A"})
            written += [{**person, "version": version}]
            written += [state({"version": version, "after": name})]
    return [*written, activate("people", version), state({})]


@pytest.mark.promise(3)
def test_with_on_removed_the_users_of_the_source_are_left(
    tmp_path: Path, database: Database | None
) -> None:
    chance = random.Random(seed := random.randrange(10**6))
    users = Users()
    source = {*STABLE, *OTHERS}
    last: dict[str, Any] = {}
    with Reaper(tmp_path, database, chance, users.arrived, longest=5) as segment:
        segment.settings |= REMOVALS
        for version in range(1, KILLS + 4):
            mortal = version <= KILLS
            source ^= {*chance.sample(OTHERS, 3)} if mortal else set()
            code, states = segment.live(complete(source, last, version), mortal=mortal)
            assert code in ({0, -signal.SIGKILL} if mortal else {0}), f"seed {seed}"
            last = states[-1] if states else last
            assert not {*STABLE} & users.removed, f"seed {seed}"
    assert users.present == source, f"seed {seed}"


class AtOnce(random.Random):
    """A chance that always draws the first of what there is."""

    @override
    def randrange(self, *_: Any, **__: Any) -> int:
        return 0


@pytest.mark.promise(3)
def test_users_who_arrived_from_a_killed_run_and_are_gone_by_the_next_are_removed(
    tmp_path: Path, database: Database | None
) -> None:
    users = Users()
    with Reaper(tmp_path, database, AtOnce(), users.arrived, longest=5) as segment:
        segment.settings |= REMOVALS
        killed = segment.live(complete({*OTHERS}, {}, 1), mortal=True)
        assert killed == (-signal.SIGKILL, [])
        assert users.present, "some have arrived"
        code, _ = segment.live(complete({*STABLE}, {}, 2), mortal=False)
        assert code == 0
    assert users.present == {*STABLE}
