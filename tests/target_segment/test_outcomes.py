"""The ids in the outcomes are those that arrived."""

from __future__ import annotations

import json
from typing import Any

import pytest

from segment_runs import Segment, record, schema

pytestmark = pytest.mark.slow

USERS = schema("users", "id", "email", "company", mark="users")


def outcomes(segment: Segment, *lines: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """Deliver some lines; give the outcomes of this run and those before it."""
    path = segment.folder / "outcomes.jsonl"
    ended = segment.deliver(lines, outcomes_path=str(path), lanes=1, **settings)
    assert ended.exit_code == 0, ended.log
    found = map(json.loads, path.read_text().splitlines())
    return [line["record"] for line in found if line["type"] == "RECORD"]


def test_with_changes_only_the_id_is_the_renewed_one(segment: Segment) -> None:
    arrived, found = [], []
    for email in ("a", "b", "a", "a"):
        found = outcomes(segment, USERS, record("users", id="u", email=email), changed_only=True)
        arrived += [message["messageId"] for message in segment.messages]
    *delivered, unchanged = found
    assert [each["message_id"] for each in delivered] == arrived
    assert len({*arrived}) == 3
    assert (unchanged["outcome"], unchanged["message_id"]) == ("unchanged", None)
    assert unchanged["attempts"] == 0


def test_a_record_of_two_calls_has_both_ids(segment: Segment) -> None:
    user = record("users", id="u", email="e", company={"id": "c"})
    [outcome] = outcomes(segment, USERS, user, company_groups=True)
    calls = [(message["type"], message["messageId"]) for message in segment.messages]
    assert [*zip(*(outcome[n].split(",") for n in ("call", "message_id")), strict=True)] == calls


def test_an_id_that_the_record_brings_along_is_its_own(segment: Segment) -> None:
    call = {"messageId": "m-1", "type": "track", "userId": "u", "event": "Ordered"}
    [outcome] = outcomes(segment, schema("calls", *call), record("calls", **call))
    assert (outcome["call"], outcome["message_id"]) == ("track", "m-1")
