"""`on_removed`: who is no longer in a complete read is told to Moesif."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from moesif_runs import KEY, Moesif
from scripted import Reply, ScriptedService
from target_moesif import TargetMoesif
from target_runs import complete_read, state
from target_runs import record as row
from target_runs import schema as marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from postgres import Database
    from singer_delivery.testing import Ended

pytestmark = pytest.mark.slow

Line = dict[str, Any]

MANAGEMENT_KEY = "management-CANARY"
TEN = [f"user-{letter}" for letter in "abcdefghij"]
NINE = TEN[1:]
DELETED: Line = {"_sdc_deleted_at": "2026-01-01T00:00:00Z"}


def schema(stream: str, *fields: str) -> Line:
    return marked(stream, "id", "modifiedTime", "_sdc_deleted_at", *fields, mark=stream)


def record(stream: str, name: str, version: int | None, **fields: Any) -> Line:
    line = row(stream, id=name, **fields)
    return line if version is None else {**line, "version": version}


GONE = [schema("users"), record("users", TEN[0], None, **DELETED)]


def table(names: Iterable[str], version: int, stream: str = "users", **fields: Any) -> list[Line]:
    """Give the lines of a complete read."""
    rows = [{"id": name, **fields} for name in names]
    return complete_read(schema(stream, *fields), rows, version)


class Removing(Moesif):
    """A Moesif that is told who is gone."""

    secrets = (KEY, MANAGEMENT_KEY, *TEN)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings |= {"changed_only": True, "on_removed": "event"}

    @override
    def deliver(self, lines: Iterable[Mapping[str, Any] | str], **settings: Any) -> Ended:
        return super().deliver([*lines, state("end")], **settings)


@pytest.fixture
def moesif(tmp_path: Path) -> Iterator[Removing]:
    """Moesif, with fingerprints in a file."""
    with Removing(tmp_path) as moesif:
        yield moesif


@pytest.fixture(params=["file", "database"])
def any_store(moesif: Removing, request: pytest.FixtureRequest) -> Removing:
    """Moesif, with each store of fingerprints."""
    if request.param == "database":
        moesif.settings["fingerprints_path"] = request.getfixturevalue("database").uri
    return moesif


def test_an_action_tells_who_is_missing_in_a_complete_read(any_store: Removing) -> None:
    moesif = any_store
    moesif.deliver(table(TEN, 1))
    ended = moesif.deliver(table(NINE, 2))
    [action] = moesif.documents("actions")
    assert (ended.exit_code, ended.states, ended.summary["removed"]) == (0, ["end"], 1)
    assert (action["action_name"], action["user_id"]) == ("User Removed", TEN[0])
    assert action["request"]["ip_address"] == "0.0.0.0"
    assert action["request"]["time"]
    assert moesif.deliver(table(NINE, 3)).summary["removed"] == 0
    assert not moesif.requests


def test_each_removal_of_a_user_is_an_action_of_its_own(moesif: Removing) -> None:
    ids, back = [], []
    for version, names in enumerate([TEN, NINE, TEN, NINE], 1):
        moesif.deliver(table(names, version))
        ids += [action["transaction_id"] for action in moesif.documents("actions")]
        back += [user for user in moesif.documents("users") if user["user_id"] == TEN[0]]
    assert len({*map(UUID, ids)}) == 2
    assert len(back) == 2, "who comes back is sent anew"


def test_a_removal_that_was_not_acknowledged_is_repeated_with_its_id(moesif: Removing) -> None:
    moesif.deliver(table(TEN, 1))
    moesif.answer = lambda _: Reply(503)
    assert moesif.deliver(table(NINE, 2), retry_max_seconds=0).states == []
    first = {action["transaction_id"] for action in moesif.documents("actions")}
    moesif.answer = lambda _: Reply(201)
    moesif.deliver(table(NINE, 3))
    assert {action["transaction_id"] for action in moesif.documents("actions")} == first


def test_a_company_is_told_too(moesif: Removing) -> None:
    moesif.deliver(table(TEN, 1, "companies"))
    moesif.deliver(table(NINE, 2, "companies"), removed_event="{kind} gone")
    [action] = moesif.documents("actions")
    assert (action["action_name"], action["company_id"]) == ("Company gone", TEN[0])
    assert "user_id" not in action


def test_a_row_that_is_marked_as_deleted_tells_it_itself(moesif: Removing) -> None:
    moesif.deliver(table(TEN, 1))
    assert moesif.deliver(GONE).summary["removed"] == 1
    [action] = moesif.documents("actions")
    assert action["user_id"] == TEN[0]
    assert moesif.deliver(GONE).summary["unchanged"] == 1


def test_subscriptions_and_links_are_not_removed(moesif: Removing) -> None:
    fields = {"companyId": "c", "status": "active"}
    moesif.deliver(table(TEN, 1, "subscriptions", **fields))
    assert moesif.deliver(table(NINE, 2, "subscriptions", **fields)).summary["removed"] == 0
    gone = record("subscriptions", TEN[0], None, **fields, **DELETED)
    ended = moesif.deliver([schema("subscriptions", *fields), gone])
    assert ended.summary["skipped_by_reason"] == {"deleted": 1}


def test_the_cap_and_a_dry_run_are_those_of_every_target(moesif: Removing) -> None:
    moesif.deliver(table(TEN, 1))
    ended = moesif.deliver(table(TEN[2:], 2))
    assert (ended.exit_code, moesif.requests) == (1, [])
    assert "max_removed" in ended.log
    ended = moesif.deliver(table(NINE, 3), dry_run=True)
    assert (ended.exit_code, ended.summary["removed"]) == (0, 1)
    assert not moesif.requests


def test_the_metadata_that_were_sent_are_set_to_null(any_store: Removing) -> None:
    moesif = any_store
    moesif.settings["on_removed"] = "null_traits"
    fields: Line = {"email": "a@example.com", "metadata": {"plan": "free", "seats": None}}
    moesif.deliver(table(TEN, 1, **fields))
    ended = moesif.deliver(table(NINE, 2, **fields))
    assert ended.summary["removed"] == 1
    nulled = {"user_id": TEN[0], "metadata": {"plan": None, "email": None}}
    assert moesif.documents("users") == [nulled]
    moesif.deliver([schema("users", *fields), record("users", NINE[0], None, **DELETED)])
    assert moesif.documents("users") == [{"user_id": NINE[0]}]
    moesif.deliver(table(TEN[2:], 3, **fields))
    assert not moesif.requests


# Deleting, by Moesif's Management API.


@pytest.fixture
def management(moesif: Removing) -> Iterator[ScriptedService]:
    """The API, by which the runs delete who is gone."""
    with ScriptedService(lambda _: Reply(200)) as service:
        moesif.settings |= {
            "on_removed": "delete",
            "management_api_key": MANAGEMENT_KEY,
            "management_api_url": f"{service.url}/v1/",
        }
        yield service


def deleted(management: ScriptedService) -> list[str]:
    """Give what was deleted, and forget it."""
    found = sorted(f"{request.method} {request.path}" for request in management.requests)
    management.requests.clear()
    return found


FIRST_DELETED = [f"DELETE /v1/search/~/users/{TEN[0]}"]


@pytest.mark.parametrize("stream", ["users", "companies"])
def test_who_is_gone_is_deleted(
    any_store: Removing, management: ScriptedService, stream: str
) -> None:
    moesif = any_store
    moesif.deliver(table(TEN, 1, stream))
    assert deleted(management) == []
    ended = moesif.deliver(table(NINE, 2, stream))
    [request] = management.requests
    assert (ended.exit_code, ended.states, ended.summary["removed"]) == (0, ["end"], 1)
    assert deleted(management) == [f"DELETE /v1/search/~/{stream}/{TEN[0]}"]
    assert request.headers["Authorization"] == f"Bearer {MANAGEMENT_KEY}"
    assert request.body == b""
    assert not {"X-Moesif-Application-Id", "Content-Encoding"} & {*request.headers}
    assert not moesif.requests
    moesif.deliver(table(TEN, 3, stream))
    assert len(moesif.documents(stream)) == 1, "who comes back is sent anew"
    moesif.deliver(table(NINE, 4, stream))
    assert len(deleted(management)) == 1


def test_what_is_not_there_any_more_counts_as_deleted(
    moesif: Removing, management: ScriptedService
) -> None:
    management.answer = lambda _: Reply(404)
    moesif.deliver(table(TEN, 1))
    ended = moesif.deliver(table(NINE, 2))
    assert (ended.exit_code, ended.summary["removed"]) == (0, 1)
    assert moesif.deliver(table(NINE, 3)).summary["removed"] == 0


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_delete_stops_the_run_and_is_named(
    moesif: Removing, management: ScriptedService, status: int
) -> None:
    management.answer = lambda _: Reply(status, {"key": MANAGEMENT_KEY})
    moesif.deliver(table(TEN, 1))
    ended = moesif.deliver(table(NINE, 2))
    assert (ended.exit_code, ended.states, ended.rejects) == (1, [], [])
    assert f"refuses this sender: HTTP {status}" in ended.log
    assert "Check management_api_key and management_api_url" in ended.log
    management.answer = lambda _: Reply(200)
    assert moesif.deliver(table(NINE, 3)).summary["removed"] == 1


def test_a_service_that_is_down_is_asked_again(
    moesif: Removing, management: ScriptedService
) -> None:
    management.script += [Reply(429, headers={"Retry-After": "0"}), Reply(503)]
    moesif.deliver(table(TEN, 1))
    ended = moesif.deliver(table(NINE, 2))
    assert (ended.exit_code, ended.summary["removed"], ended.summary["retries"]) == (0, 1, 2)


@pytest.mark.usefixtures("management")
def test_where_nothing_answers_the_address_is_named_and_no_id(moesif: Removing) -> None:
    moesif.settings["management_api_url"] = "http://127.0.0.1:1"
    moesif.deliver(table(TEN, 1))
    lines = [schema("users"), record("users", "new", 2), *table(NINE, 2)[1:]]
    ended = moesif.deliver(lines, retry_max_seconds=0)
    assert (ended.exit_code, ended.states) == (1, [])
    assert "No delivery to 127.0.0.1:1" in ended.log
    assert "Check management_api_url" in ended.log


def test_a_deletion_that_is_refused_can_be_replayed(
    moesif: Removing, management: ScriptedService
) -> None:
    management.answer = lambda _: Reply(422)
    moesif.deliver(table(TEN, 1))
    ended = moesif.deliver(table([*NINE, "new"], 2))
    assert (ended.exit_code, ended.summary["removals_rejected"]) == (3, 1)
    management.answer = lambda _: Reply(200)
    management.requests.clear()
    assert moesif.deliver(ended.rejects).summary["removed"] == 1
    assert deleted(management) == FIRST_DELETED


@pytest.mark.parametrize(
    ("name", "path"),
    [("a/b?c#d", "a%2Fb%3Fc%23d"), ("ü 🦊", "%C3%BC%20%F0%9F%A6%8A"), ("50%", "50%25")],
)
def test_any_id_is_part_of_the_address(
    moesif: Removing, management: ScriptedService, name: str, path: str
) -> None:
    moesif.deliver(table([*NINE, name], 1))
    moesif.deliver(table(NINE, 2))
    assert deleted(management) == [f"DELETE /v1/search/~/users/{path}"]


@pytest.mark.parametrize("name", [".", ".."])
def test_an_id_that_would_be_another_address_is_rejected(
    moesif: Removing, management: ScriptedService, name: str
) -> None:
    moesif.deliver(table([*NINE, name], 1))
    ended = moesif.deliver(table(NINE, 2))
    assert deleted(management) == []
    assert ended.summary["rejected_by_reason"] == {"id_not_deletable": 1}
    assert (ended.exit_code, ended.summary["removals_rejected"]) == (3, 1)


def test_marked_rows_are_deleted_only_by_hard_delete(
    moesif: Removing, management: ScriptedService
) -> None:
    moesif.deliver(table(TEN, 1))
    ended = moesif.deliver(GONE)
    assert (ended.summary["skipped_by_reason"], deleted(management)) == ({"deleted": 1}, [])
    ended = moesif.deliver(GONE, hard_delete=True)
    assert deleted(management) == FIRST_DELETED
    assert (ended.summary["removed"], ended.summary["delivered"]) == (1, 1)
    ended = moesif.deliver(GONE, hard_delete=True)
    assert (ended.summary["unchanged"], deleted(management)) == (1, [])


@pytest.mark.parametrize("more", [{}, {"changed_only": False}, {"on_removed": "event"}])
def test_hard_delete_deletes_whatever_on_removed_says(
    moesif: Removing, management: ScriptedService, more: dict[str, Any]
) -> None:
    ended = moesif.deliver(GONE, **{"hard_delete": True, "on_removed": "ignore", **more})
    assert (ended.exit_code, ended.summary["removed"]) == (0, 1)
    assert deleted(management) == FIRST_DELETED
    assert not moesif.requests


def test_changes_and_deletions_of_a_user_keep_their_order(
    moesif: Removing, management: ScriptedService
) -> None:
    order: list[str] = []

    def note(what: str) -> Reply:
        order.append(what)
        return Reply(200)

    moesif.answer = lambda _: note("user")
    management.answer = lambda _: note("deleted")
    back = [record("users", TEN[0], None, email=email) for email in ("a", "b")]
    lines = [schema("users", "email"), back[0], GONE[1], back[1], GONE[1]]
    moesif.deliver(lines, hard_delete=True)
    assert order == ["user", "deleted"] * 2


def test_a_dry_run_shows_what_would_be_deleted(
    moesif: Removing, management: ScriptedService
) -> None:
    moesif.deliver(table(TEN, 1))
    bodies = moesif.folder / "bodies.jsonl"
    moesif.deliver(table(NINE, 2), dry_run=True, dry_run_path=str(bodies))
    assert json.loads(bodies.read_text()) == [{"delete": f"users/{TEN[0]}"}]
    assert deleted(management) == []


@pytest.mark.parametrize("more", [{"on_removed": "delete"}, {"hard_delete": True}])
def test_deleting_needs_a_key_of_its_own(more: dict[str, Any]) -> None:
    config = {"application_id": "a", "changed_only": True, **more}
    with pytest.raises(ConfigValidationError) as refused:
        TargetMoesif(config=config)
    [error] = refused.value.errors
    assert error.startswith("Setting management_api_key is missing")


def test_a_management_key_does_not_change_whose_fingerprints_they_are(
    moesif: Removing, database: Database, management: ScriptedService
) -> None:
    moesif.settings["fingerprints_path"] = database.uri
    moesif.deliver(table(TEN, 1), on_removed="event")
    for key in ("one", "another"):
        moesif.deliver(table(TEN, 2), management_api_key=key)
        assert not moesif.requests
    assert moesif.deliver(table(NINE, 3)).summary["removed"] == 1
    assert deleted(management) == FIRST_DELETED
