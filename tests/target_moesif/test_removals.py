"""`on_removed`: who is no longer in a complete read is told to Moesif."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from singer_sdk.exceptions import ConfigValidationError

from scripted import Reply, ScriptedService
from singer_delivery.testing import Ended, deliver
from target_moesif import TargetMoesif

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

Line = dict[str, Any]

CREATED = Reply(201)
TEN = [f"user-{letter}" for letter in "abcdefghij"]
NINE = TEN[1:]
DELETED: Line = {"_sdc_deleted_at": "2026-01-01T00:00:00Z"}


def schema(stream: str, *fields: str) -> Line:
    properties: Line = {name: {} for name in ("id", "modifiedTime", "_sdc_deleted_at", *fields)}
    marked = {"$id": f"urn:tap-moesif:{stream}", "properties": properties}
    return {"type": "SCHEMA", "stream": stream, "schema": marked, "key_properties": ["id"]}


def record(stream: str, name: str, version: int | None, **fields: Any) -> Line:
    line = {"type": "RECORD", "stream": stream, "record": {"id": name, **fields}}
    return line if version is None else {**line, "version": version}


def table(names: Iterable[str], version: int, stream: str = "users", **fields: Any) -> list[Line]:
    """Give the lines of a complete read."""
    rows = [record(stream, name, version, **fields) for name in names]
    end = {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}
    return [schema(stream, *fields), *rows, end]


class Moesif:
    """A Moesif, and runs of the target that deliver to it."""

    def __init__(self, service: ScriptedService, folder: Path, settings: Line) -> None:
        self.service = service
        self.folder = folder
        self._settings = {
            "application_id": "application-CANARY",
            "api_url": service.url,
            "changed_only": True,
            "on_removed": "event",
            "fingerprints_path": str(folder / "fingerprints.sqlite"),
            **settings,
        }

    def run(self, lines: Iterable[Line], **settings: Any) -> Ended:
        """Deliver some lines, and forget the requests of earlier runs."""
        self.service.requests.clear()
        end = {"type": "STATE", "value": "end"}
        config = {**self._settings, **settings}
        ended = deliver(TargetMoesif, config, [*lines, end], self.folder)
        assert not any(name in ended.log for name in TEN), "no user's id is logged"
        return ended

    def sent(self, path: str) -> list[Line]:
        return [
            document
            for request in self.service.requests
            if request.path.startswith(path)
            for document in request.json
        ]


@pytest.fixture(autouse=True)
def _quiet_urllib3(caplog: pytest.LogCaptureFixture) -> None:
    """As the command has it."""
    caplog.set_level(logging.ERROR, "urllib3")


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: CREATED) as service:
        yield service


@pytest.fixture(params=["file", "database"])
def moesif(service: ScriptedService, tmp_path: Path, request: pytest.FixtureRequest) -> Moesif:
    """Moesif, with each store of fingerprints."""
    if request.param == "file":
        return Moesif(service, tmp_path, {})
    uri = request.getfixturevalue("database").uri
    return Moesif(service, tmp_path, {"fingerprints_path": uri})


@pytest.fixture
def with_file(service: ScriptedService, tmp_path: Path) -> Moesif:
    return Moesif(service, tmp_path, {})


def test_an_action_tells_who_is_missing_in_a_complete_read(moesif: Moesif) -> None:
    moesif.run(table(TEN, 1))
    ended = moesif.run(table(NINE, 2))
    [action] = moesif.sent("/actions")
    assert (ended.exit_code, ended.states, ended.summary["removed"]) == (0, ["end"], 1)
    assert (action["action_name"], action["user_id"]) == ("User Removed", TEN[0])
    assert action["request"]["ip_address"] == "0.0.0.0"
    assert action["request"]["time"]
    assert moesif.run(table(NINE, 3)).summary["removed"] == 0
    assert not moesif.service.requests


def test_each_removal_of_a_user_is_an_action_of_its_own(moesif: Moesif) -> None:
    ids, back = [], []
    for version, names in enumerate([TEN, NINE, TEN, NINE], 1):
        moesif.run(table(names, version))
        ids += [action["transaction_id"] for action in moesif.sent("/actions")]
        back += [user for user in moesif.sent("/users") if user["user_id"] == TEN[0]]
    assert len({*map(UUID, ids)}) == 2
    assert len(back) == 2, "who comes back is sent anew"


def test_a_removal_that_was_not_acknowledged_is_repeated_with_its_id(moesif: Moesif) -> None:
    moesif.run(table(TEN, 1))
    moesif.service.answer = lambda _: Reply(503)
    assert moesif.run(table(NINE, 2), retry_max_seconds=0).states == []
    first = {action["transaction_id"] for action in moesif.sent("/actions")}
    moesif.service.answer = lambda _: CREATED
    moesif.run(table(NINE, 3))
    assert {action["transaction_id"] for action in moesif.sent("/actions")} == first


def test_a_company_is_told_too(moesif: Moesif) -> None:
    moesif.run(table(TEN, 1, "companies"))
    moesif.run(table(NINE, 2, "companies"), removed_event="{kind} gone")
    [action] = moesif.sent("/actions")
    assert (action["action_name"], action["company_id"]) == ("Company gone", TEN[0])
    assert "user_id" not in action


def test_a_row_that_is_marked_as_deleted_tells_it_itself(moesif: Moesif) -> None:
    moesif.run(table(TEN, 1))
    gone = [schema("users"), record("users", TEN[0], None, **DELETED)]
    assert moesif.run(gone).summary["removed"] == 1
    [action] = moesif.sent("/actions")
    assert action["user_id"] == TEN[0]
    assert moesif.run(gone).summary["unchanged"] == 1


def test_subscriptions_and_links_are_not_removed(with_file: Moesif) -> None:
    fields = {"companyId": "c", "status": "active"}
    with_file.run(table(TEN, 1, "subscriptions", **fields))
    assert with_file.run(table(NINE, 2, "subscriptions", **fields)).summary["removed"] == 0
    gone = record("subscriptions", TEN[0], None, **fields, **DELETED)
    ended = with_file.run([schema("subscriptions", *fields), gone])
    assert ended.summary["skipped_by_reason"] == {"deleted": 1}


def test_the_cap_and_a_dry_run_are_those_of_every_target(with_file: Moesif) -> None:
    with_file.run(table(TEN, 1))
    ended = with_file.run(table(TEN[2:], 2))
    assert (ended.exit_code, with_file.service.requests) == (1, [])
    assert "max_removed" in ended.log
    ended = with_file.run(table(NINE, 3), dry_run=True)
    assert (ended.exit_code, ended.summary["removed"]) == (0, 1)
    assert not with_file.service.requests


def test_the_metadata_that_were_sent_are_set_to_null(moesif: Moesif) -> None:
    nulls = {"on_removed": "null_traits"}
    fields: Line = {"email": "a@example.com", "metadata": {"plan": "free", "seats": None}}
    moesif.run(table(TEN, 1, **fields), **nulls)
    ended = moesif.run(table(NINE, 2, **fields), **nulls)
    assert ended.summary["removed"] == 1
    nulled = {"user_id": TEN[0], "metadata": {"plan": None, "email": None}}
    assert moesif.sent("/users") == [nulled]
    moesif.run([schema("users", *fields), record("users", NINE[0], None, **DELETED)], **nulls)
    assert moesif.sent("/users") == [{"user_id": NINE[0]}]
    moesif.run(table(TEN[2:], 3, **fields), **nulls)
    assert not moesif.service.requests


# Deleting, by Moesif's Management API.

MANAGEMENT_KEY = "management-CANARY"


@pytest.fixture
def management() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(200)) as service:
        yield service


def deletes(management: ScriptedService, **more: Any) -> dict[str, Any]:
    return {
        "on_removed": "delete",
        "management_api_key": MANAGEMENT_KEY,
        "management_api_url": f"{management.url}/v1/",
        **more,
    }


def paths(management: ScriptedService) -> list[str]:
    """Give what was deleted, and forget it."""
    found = sorted(f"{request.method} {request.path}" for request in management.requests)
    management.requests.clear()
    return found


@pytest.mark.parametrize("stream", ["users", "companies"])
def test_who_is_gone_is_deleted(moesif: Moesif, management: ScriptedService, stream: str) -> None:
    settings = deletes(management)
    moesif.run(table(TEN, 1, stream), **settings)
    assert paths(management) == []
    ended = moesif.run(table(NINE, 2, stream), **settings)
    [request] = management.requests
    assert (ended.exit_code, ended.states, ended.summary["removed"]) == (0, ["end"], 1)
    assert paths(management) == [f"DELETE /v1/search/~/{stream}/{TEN[0]}"]
    assert request.headers["Authorization"] == f"Bearer {MANAGEMENT_KEY}"
    assert request.body == b""
    assert not {"X-Moesif-Application-Id", "Content-Encoding"} & {*request.headers}
    assert not moesif.service.requests
    moesif.run(table(TEN, 3, stream), **settings)
    assert len(moesif.sent(f"/{stream}")) == 1, "who comes back is sent anew"
    moesif.run(table(NINE, 4, stream), **settings)
    assert len(paths(management)) == 1


def test_what_is_not_there_any_more_counts_as_deleted(
    with_file: Moesif, management: ScriptedService
) -> None:
    management.answer = lambda _: Reply(404)
    with_file.run(table(TEN, 1), **deletes(management))
    ended = with_file.run(table(NINE, 2), **deletes(management))
    assert (ended.exit_code, ended.summary["removed"]) == (0, 1)
    assert with_file.run(table(NINE, 3), **deletes(management)).summary["removed"] == 0


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_delete_stops_the_run_and_is_named(
    moesif: Moesif, management: ScriptedService, status: int
) -> None:
    management.answer = lambda _: Reply(status, {"key": MANAGEMENT_KEY})
    moesif.run(table(TEN, 1), **deletes(management))
    ended = moesif.run(table(NINE, 2), **deletes(management))
    assert (ended.exit_code, ended.states, ended.rejects) == (1, [], [])
    assert f"refuses this sender: HTTP {status}" in ended.log
    assert "Check management_api_key and management_api_url" in ended.log
    assert MANAGEMENT_KEY not in ended.log
    management.answer = lambda _: Reply(200)
    assert moesif.run(table(NINE, 3), **deletes(management)).summary["removed"] == 1


def test_a_service_that_is_down_is_asked_again(
    with_file: Moesif, management: ScriptedService
) -> None:
    replies = [Reply(429, headers={"Retry-After": "0"}), Reply(503), Reply(200)]
    management.answer = lambda _: replies.pop(0)
    with_file.run(table(TEN, 1), **deletes(management))
    ended = with_file.run(table(NINE, 2), **deletes(management))
    assert (ended.exit_code, ended.summary["removed"], ended.summary["retries"]) == (0, 1, 2)


def test_where_nothing_answers_the_address_is_named_and_no_id(with_file: Moesif) -> None:
    settings = {"management_api_key": MANAGEMENT_KEY, "management_api_url": "http://127.0.0.1:1"}
    settings |= {"on_removed": "delete"}
    with_file.run(table(TEN, 1), **settings)
    lines = [schema("users"), record("users", "new", 2), *table(NINE, 2)[1:]]
    ended = with_file.run(lines, **settings, retry_max_seconds=0)
    assert (ended.exit_code, ended.states) == (1, [])
    assert "No delivery to 127.0.0.1:1" in ended.log
    assert "Check management_api_url" in ended.log


def test_a_deletion_that_is_refused_can_be_replayed(
    moesif: Moesif, management: ScriptedService
) -> None:
    management.answer = lambda _: Reply(422)
    lines = table(NINE, 2)
    moesif.run(table(TEN, 1), **deletes(management))
    new = record("users", "new", 2)
    ended = moesif.run([*lines[:-1], new, lines[-1]], **deletes(management))
    assert (ended.exit_code, ended.summary["removals_rejected"]) == (3, 1)
    management.answer = lambda _: Reply(200)
    management.requests.clear()
    assert moesif.run(ended.rejects, **deletes(management)).summary["removed"] == 1
    assert paths(management) == [f"DELETE /v1/search/~/users/{TEN[0]}"]


@pytest.mark.parametrize(
    ("name", "path"),
    [("a/b?c#d", "a%2Fb%3Fc%23d"), ("ü 🦊", "%C3%BC%20%F0%9F%A6%8A"), ("50%", "50%25")],
)
def test_any_id_is_part_of_the_address(
    with_file: Moesif, management: ScriptedService, name: str, path: str
) -> None:
    with_file.run(table([*NINE, name], 1), **deletes(management))
    with_file.run(table(NINE, 2), **deletes(management))
    assert paths(management) == [f"DELETE /v1/search/~/users/{path}"]


@pytest.mark.parametrize("name", [".", ".."])
def test_an_id_that_would_be_another_address_is_rejected(
    with_file: Moesif, management: ScriptedService, name: str
) -> None:
    with_file.run(table([*NINE, name], 1), **deletes(management))
    ended = with_file.run(table(NINE, 2), **deletes(management))
    assert paths(management) == []
    assert ended.summary["rejected_by_reason"] == {"id_not_deletable": 1}
    assert (ended.exit_code, ended.summary["removals_rejected"]) == (3, 1)


GONE = [schema("users"), record("users", TEN[0], None, **DELETED)]


def test_marked_rows_are_deleted_only_by_hard_delete(
    with_file: Moesif, management: ScriptedService
) -> None:
    with_file.run(table(TEN, 1), **deletes(management))
    ended = with_file.run(GONE, **deletes(management))
    assert (ended.summary["skipped_by_reason"], paths(management)) == ({"deleted": 1}, [])
    ended = with_file.run(GONE, **deletes(management, hard_delete=True))
    assert paths(management) == [f"DELETE /v1/search/~/users/{TEN[0]}"]
    assert (ended.summary["removed"], ended.summary["delivered"]) == (1, 1)
    ended = with_file.run(GONE, **deletes(management, hard_delete=True))
    assert (ended.summary["unchanged"], paths(management)) == (1, [])


@pytest.mark.parametrize("more", [{}, {"changed_only": False}, {"on_removed": "event"}])
def test_hard_delete_deletes_whatever_on_removed_says(
    with_file: Moesif, management: ScriptedService, more: dict[str, Any]
) -> None:
    settings = {**deletes(management, hard_delete=True), "on_removed": "ignore", **more}
    ended = with_file.run(GONE, **settings)
    assert (ended.exit_code, ended.summary["removed"]) == (0, 1)
    assert paths(management) == [f"DELETE /v1/search/~/users/{TEN[0]}"]
    assert not with_file.service.requests


def test_changes_and_deletions_of_a_user_keep_their_order(
    with_file: Moesif, management: ScriptedService
) -> None:
    order: list[str] = []

    def note(what: str) -> Reply:
        order.append(what)
        return Reply(200)

    with_file.service.answer = lambda _: note("user")
    management.answer = lambda _: note("deleted")
    back = [record("users", TEN[0], None, email=email) for email in ("a", "b")]
    lines = [schema("users", "email"), back[0], GONE[1], back[1], GONE[1]]
    with_file.run(lines, **deletes(management, hard_delete=True))
    assert order == ["user", "deleted"] * 2


def test_a_dry_run_shows_what_would_be_deleted(
    with_file: Moesif, management: ScriptedService
) -> None:
    with_file.run(table(TEN, 1), **deletes(management))
    bodies = with_file.folder / "bodies.jsonl"
    with_file.run(table(NINE, 2), **deletes(management, dry_run=True, dry_run_path=str(bodies)))
    assert json.loads(bodies.read_text()) == [{"delete": f"users/{TEN[0]}"}]
    assert paths(management) == []


@pytest.mark.parametrize("more", [{"on_removed": "delete"}, {"hard_delete": True}])
def test_deleting_needs_a_key_of_its_own(more: dict[str, Any]) -> None:
    config = {"application_id": "a", "changed_only": True, **more}
    with pytest.raises(ConfigValidationError) as refused:
        TargetMoesif(config=config)
    [error] = refused.value.errors
    assert error.startswith("Setting management_api_key is missing")


def test_a_management_key_does_not_change_whose_fingerprints_they_are(
    service: ScriptedService, tmp_path: Path, database: Any, management: ScriptedService
) -> None:
    moesif = Moesif(service, tmp_path, {"fingerprints_path": database.uri})
    moesif.run(table(TEN, 1))
    for key in ("one", "another"):
        moesif.run(table(TEN, 2), **{**deletes(management), "management_api_key": key})
        assert not service.requests
    assert moesif.run(table(NINE, 3), **deletes(management)).summary["removed"] == 1
