"""A user who is deleted in one Moesif is removed where tap-moesif's records go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from account import DAY, Account, settings
from scripted import Reply, Request, ScriptedService
from singer_delivery.testing import deliver
from tap_moesif import TapMoesif
from tap_output import sync
from target_moesif import TargetMoesif
from target_segment import TargetSegment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = [f"user-{number:02d}" for number in range(20)]
GONE = USERS[7]


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(200, {"success": True})) as service:
        yield service


def read(users: list[str], state: dict[str, Any]) -> list[dict[str, Any]]:
    """Read an account as Meltano does with `replication-method: FULL_TABLE` for users."""
    with Account() as account:
        for user in users:
            account.user(user, modified_time=DAY, email=f"{user}@example.com")
        config = settings(account)
        catalog = TapMoesif(config=dict(config)).catalog_dict
        for stream in catalog["streams"]:
            if stream["tap_stream_id"] == "users":
                stream["replication_method"] = "FULL_TABLE"
        return sync(config, catalog, state).messages


@pytest.mark.parametrize("target", [TargetSegment, TargetMoesif])
def test_who_is_deleted_in_moesif_is_told_and_nobody_else(
    target: type[TargetSegment | TargetMoesif], service: ScriptedService, tmp_path: Path
) -> None:
    config = {"changed_only": True, "on_removed": "event"}
    config["fingerprints_path"] = str(tmp_path / "fingerprints.sqlite")
    if target is TargetSegment:
        config |= {"write_key": "k", "host": service.url}
    else:
        config |= {"application_id": "k", "api_url": service.url}
    state: dict[str, Any] = {}
    told: list[list[str]] = []
    for users in (USERS, [user for user in USERS if user != GONE], USERS):
        service.requests.clear()
        ended = deliver(target, config, read(users, state), tmp_path)
        assert ended.exit_code == 0, ended.log
        state = ended.states[-1]
        told.append([name for request in service.requests for name in _events(request)])
    assert told == [[], [f"User Removed {GONE}"], []]


def _events(request: Request) -> list[str]:
    found = request.json["batch"] if isinstance(request.json, dict) else request.json
    return [
        f"{each.get('event') or each.get('action_name')} {each.get('userId') or each['user_id']}"
        for each in found
        if "event" in each or "action_name" in each
    ]
