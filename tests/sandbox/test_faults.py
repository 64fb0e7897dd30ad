from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests

from moesif_sandbox.faults import Fault, FaultPlan, matches, read_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

BATCH = "/segment/v1/batch"
GOOD = {"type": "identify", "userId": "u"}


def accepted(sandbox: Sandbox) -> int:
    return len(sandbox.segment()["accepted"])


def test_a_status_comes_with_its_headers_and_nothing_is_processed(sandbox: Sandbox) -> None:
    fault = {"path": BATCH, "kind": "status", "status": 429, "headers": {"Retry-After": "2"}}
    sandbox.own("faults", {**fault, "body": {"why": "limit"}})
    answer = sandbox.batch(GOOD)
    assert (answer.status_code, answer.json()) == (429, {"why": "limit"})
    assert answer.headers["Retry-After"] == "2"
    assert accepted(sandbox) == 0
    assert sandbox.batch(GOOD).status_code == 200


def test_a_status_may_come_although_all_was_processed(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": BATCH, "kind": "status", "process": True})
    assert sandbox.batch(GOOD).status_code == 503
    assert accepted(sandbox) == 1


@pytest.mark.parametrize(("kind", "processed"), [("close_before", 0), ("close_after", 1)])
def test_a_closed_connection_gives_no_answer(sandbox: Sandbox, kind: str, processed: int) -> None:
    sandbox.own("faults", {"path": BATCH, "kind": kind})
    with pytest.raises(requests.ConnectionError):
        sandbox.batch(GOOD)
    assert accepted(sandbox) == processed
    assert sandbox.get("/sandbox/requests").json()[0]["status"] is None


def test_half_an_answer_breaks_off(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": "/moesif/", "kind": "half_answer"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        sandbox.search("users")
    assert sandbox.search("users").json()["hits"]["total"] == 120


def test_an_unreadable_answer_is_a_200_without_json(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": BATCH, "kind": "unreadable"})
    answer = sandbox.batch(GOOD)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_not_success_is_a_200_that_says_so(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": BATCH, "kind": "not_success"})
    answer = sandbox.batch(GOOD)
    assert (answer.status_code, answer.json()) == (200, {"success": False})


def test_a_search_that_timed_out_has_a_cut_page(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": "/moesif/*/users", "kind": "timed_out"})
    answer = sandbox.search("users", {"size": 10}).json()
    assert (answer["timed_out"], len(answer["hits"]["hits"])) == (True, 5)
    assert sandbox.search("users", {"size": 10}).json()["timed_out"] is False


def test_a_delay_takes_its_time_and_spoils_nothing(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": BATCH, "kind": "delay", "seconds": 0.2})
    assert sandbox.batch(GOOD).json() == {"success": True}
    assert sandbox.get("/sandbox/requests").json()[0]["milliseconds"] >= 200
    assert accepted(sandbox) == 1


def test_latency_slows_every_answer_of_a_service(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--users", "1", "--latency-ms", "50")
    sandbox.search("users")
    sandbox.batch(GOOD)
    log = sandbox.get("/sandbox/requests").json()
    assert [entry["milliseconds"] >= 50 for entry in log] == [True, True]


def test_faults_are_listed_and_cleared(sandbox: Sandbox) -> None:
    sandbox.own("faults", [{"path": "/a", "kind": "status"}, {"path": "/b", "kind": "status"}])
    listed = sandbox.get("/sandbox/faults").json()
    assert [fault["path"] for fault in listed] == ["/a", "/b"]
    sandbox.session.delete(f"{sandbox.url}/sandbox/faults", timeout=10)
    assert sandbox.get("/sandbox/faults").json() == []


def test_faults_of_the_command_line_are_there_from_the_start_and_after_a_reset(
    start: Callable[..., Sandbox],
) -> None:
    fault = '{"path": "/segment/v1/batch", "kind": "status", "status": 500}'
    sandbox = start("--users", "1", "--fault", fault)
    assert [sandbox.batch(GOOD).status_code for _ in range(2)] == [500, 200]
    sandbox.reset()
    assert sandbox.batch(GOOD).status_code == 500


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        '{"path": "/x"}',
        '{"path": "/x", "kind": "explode"}',
        '{"path": "/x", "kind": "status", "tmies": 3}',
        '{"path": "/x", "kind": "delay"}',
        '{"path": "", "kind": "status"}',
        '{"path": "/x", "kind": "status", "for_seconds": 0}',
    ],
)
def test_a_fault_with_a_slip_is_refused(sandbox: Sandbox, raw: str) -> None:
    with pytest.raises(ValueError, match="not a fault"):
        read_faults(raw)
    answer = sandbox.session.post(f"{sandbox.url}/sandbox/faults", data=raw, timeout=10)
    assert answer.status_code == 400


def hits(plan: FaultPlan, path: str, requests_made: int) -> str:
    return "".join("x" if plan.take(path) else "." for _ in range(requests_made))


@pytest.mark.parametrize(
    ("options", "pattern"),
    [({}, "x..."), ({"times": 2}, "xx.."), ({"skip": 1}, ".x.."), ({"times": -1}, "xxxx")],
)
def test_a_fault_happens_as_often_as_asked(options: dict[str, Any], pattern: str) -> None:
    plan = FaultPlan([Fault("/a", "status", **options)])
    assert hits(plan, "/b", 3) == "..."
    assert hits(plan, "/a", 4) == pattern


def test_a_fault_is_over_when_its_time_is_up() -> None:
    now = datetime(2026, 3, 10, tzinfo=timezone.utc)
    plan = FaultPlan(
        [Fault("/a", "status", times=-1, for_seconds=10), Fault("/b", "status")], lambda: now
    )
    now += timedelta(seconds=9)
    assert hits(plan, "/a", 2) == "xx"
    now += timedelta(seconds=1)
    assert [fault["path"] for fault in plan.listed()] == ["/b"]
    assert hits(plan, "/a", 2) == ".."


def test_a_fault_may_hit_only_what_contains_a_text(sandbox: Sandbox) -> None:
    poison = {"path": BATCH, "kind": "status", "status": 400, "times": -1, "containing": '"ü-1"'}
    sandbox.own("faults", poison)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    statuses = []
    for user in ("ü-1", "ü-10", "u-1"):
        message = {**GOOD, "userId": user}
        statuses.append(sandbox.batch(message).status_code)
        body = json.dumps({"batch": [message], "writeKey": "sandbox-write-key"}, ensure_ascii=False)
        packed = gzip.compress(body.encode())
        answer = sandbox.session.post(
            f"{sandbox.url}{BATCH}", data=packed, headers=headers, timeout=10
        )
        statuses.append(answer.status_code)
    assert statuses == [200, 400, 200, 200, 200, 200]  # requests writes ü as an escape


def test_faults_of_one_name_are_cleared_by_it(sandbox: Sandbox) -> None:
    mine = {"path": "/a", "kind": "status", "name": "mine"}
    sandbox.own("faults", [mine, {**mine, "name": "other"}, {"path": "/b", "kind": "status"}])
    answer = sandbox.session.delete(f"{sandbox.url}/sandbox/faults?name=mine", timeout=10)
    assert [fault["name"] for fault in answer.json()] == ["other", None]


def test_what_one_fault_lets_pass_may_be_hit_by_the_next() -> None:
    plan = FaultPlan([Fault("/a", "status", skip=1), Fault("/a", "not_success", times=2)])
    kinds = [fault.kind if fault else None for fault in (plan.take("/a") for _ in range(4))]
    assert kinds == ["not_success", "status", "not_success", None]


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/segment/v1/batch", "/segment/v1/batch", True),
        ("/segment", "/segment/v1/batch", True),
        ("/segment/*/batch", "/segment/v1/batch", True),
        ("/segment/*/batch", "/segment/v1/batch/more", False),
        ("/moesif", "/segment/v1/batch", False),
    ],
)
def test_a_path_is_a_prefix_or_a_pattern(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected
