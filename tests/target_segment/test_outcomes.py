"""The ids in the outcomes are those that arrived."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from commands import run
from scripted import Reply, ScriptedService
from segment_runs import deliver, record, schema, scripted_segment, sent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

USERS = schema("users", "id", "email", "company", mark="users")


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def outcomes(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "outcomes.jsonl").read_text().splitlines()
    return [line["record"] for line in map(json.loads, lines) if line["type"] == "RECORD"]


def test_with_changes_only_the_id_is_the_renewed_one(
    segment: ScriptedService, tmp_path: Path
) -> None:
    for email in ("a", "b", "a", "a"):
        lines = [USERS, record("users", id="u", email=email)]
        ended = deliver(segment, tmp_path, lines, changed_only=True, outcomes_path="outcomes.jsonl")
        assert ended.code == 0, ended.stderr
    *delivered, unchanged = outcomes(tmp_path)
    arrived = [message["messageId"] for message in sent(segment)]
    assert [each["message_id"] for each in delivered] == arrived
    assert len({*arrived}) == 3
    assert (unchanged["outcome"], unchanged["message_id"]) == ("unchanged", None)
    assert unchanged["attempts"] == 0


def test_a_record_of_two_calls_has_both_ids(segment: ScriptedService, tmp_path: Path) -> None:
    lines = [USERS, record("users", id="u", email="e", company={"id": "c"})]
    settings = {"company_groups": True, "outcomes_path": "outcomes.jsonl", "lanes": 1}
    assert deliver(segment, tmp_path, lines, **settings).code == 0
    [outcome] = outcomes(tmp_path)
    calls = [(message["type"], message["messageId"]) for message in sent(segment)]
    assert [*zip(*(outcome[n].split(",") for n in ("call", "message_id")), strict=True)] == calls


def test_an_id_that_the_record_brings_along_is_its_own(
    segment: ScriptedService, tmp_path: Path
) -> None:
    call = {"messageId": "m-1", "type": "track", "userId": "u", "event": "Ordered"}
    lines = [schema("calls", *call), record("calls", **call)]
    assert deliver(segment, tmp_path, lines, outcomes_path="outcomes.jsonl").code == 0
    [outcome] = outcomes(tmp_path)
    assert (outcome["call"], outcome["message_id"]) == ("track", "m-1")


def test_at_moesif_an_action_has_its_transaction_id_and_a_user_has_none(tmp_path: Path) -> None:
    event = {"id": "e1", "userId": "u", "eventType": "user_action", "actionName": "Signed up"}
    events = schema("events", *event, mark="events")
    lines = [USERS, record("users", id="u", email="e"), events, record("events", **event)]
    with ScriptedService(lambda _: Reply(201, b"")) as collector:
        config = {"application_id": "k", "api_url": collector.url}
        config |= {"outcomes_path": "outcomes.jsonl"}
        assert run("target-moesif", tmp_path, config, lines=lines).code == 0
        arrived = {
            message["transaction_id"]
            for request in collector.requests
            if "/actions" in request.path
            for message in request.json
        }
    found = {each["call"]: each for each in outcomes(tmp_path)}
    assert {found["action"]["message_id"]} == arrived
    assert found["user"]["message_id"] is None
    assert (found["user"]["key"], found["action"]["key"]) == ("u", "e1")
