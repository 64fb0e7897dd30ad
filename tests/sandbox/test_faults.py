"""Faults on demand: what each does to an answer, how often, and to which requests."""

from __future__ import annotations

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests

from moesif_sandbox.faults import Fault, FaultPlan, read_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

BATCH = "/segment/v1/batch"
USERS = "/moesif/api/v1/search/~/search/users"
SORT = [{"modified_time": "asc"}, {"_id": "asc"}]
GOOD = {"type": "identify", "userId": "u"}
NOW = datetime(2026, 3, 10, tzinfo=timezone.utc)


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
    assert sandbox.requests()[0]["status"] is None


def test_half_an_answer_breaks_off(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": "/moesif/", "kind": "half_answer"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        sandbox.search("users")
    assert sandbox.search("users").json()["hits"]["total"] == 120


@pytest.mark.parametrize(
    ("kind", "body"),
    [("unreadable", "<html>Bad gateway</html>"), ("not_success", '{"success":false}')],
)
def test_a_200_may_be_none(sandbox: Sandbox, kind: str, body: str) -> None:
    sandbox.own("faults", {"path": BATCH, "kind": kind})
    answer = sandbox.batch(GOOD)
    assert (answer.status_code, answer.text) == (200, body)
    assert accepted(sandbox) == 1


def test_a_delay_takes_its_time_and_spoils_nothing(sandbox: Sandbox) -> None:
    sandbox.own("faults", {"path": BATCH, "kind": "delay", "seconds": 0.2})
    assert sandbox.batch(GOOD).json() == {"success": True}
    assert sandbox.requests()[0]["milliseconds"] >= 200
    assert accepted(sandbox) == 1


@pytest.mark.parametrize("option", [("--latency", "0.3"), ("--latency-ms", "300")])
def test_latency_slows_every_answer_and_holds_up_no_other(
    start: Callable[..., Sandbox], option: tuple[str, str]
) -> None:
    sandbox = start("--users", "1", *option)
    began = time.monotonic()
    urls = [sandbox.url + path for path in (USERS, BATCH) * 5]
    with ThreadPoolExecutor(len(urls)) as pool:
        [*pool.map(lambda url: requests.post(url, json={}, timeout=10), urls)]
    assert 0.3 <= time.monotonic() - began < 3  # one after the other would be 3 s
    assert [entry["milliseconds"] >= 300 for entry in sandbox.requests()] == [True] * 10


# Pages of a search --------------------------------------------------------------------------


def walk(sandbox: Sandbox, most: int = 8) -> Iterator[list[str]]:
    """Yield the ids of each page, as a client reads them that trusts every answer."""
    body: dict[str, Any] = {"sort": SORT, "size": 30}
    for _ in range(most):
        hits = sandbox.hits("users", body)
        yield [hit["_id"] for hit in hits]
        if not hits:
            return
        body["search_after"] = hits[-1]["sort"]


@pytest.fixture
def pages(sandbox: Sandbox) -> list[list[str]]:
    found = list(walk(sandbox))
    assert [len(page) for page in found] == [30, 30, 30, 30, 0]
    return found


@pytest.mark.parametrize("kind", ["timed_out", "failed_shards"])
def test_a_search_may_answer_with_half_of_what_it_has(sandbox: Sandbox, kind: str) -> None:
    sandbox.own("faults", {"path": "/moesif/*/users", "kind": kind})
    body = {"size": 10, "aggs": {"x": {"terms": {"field": "user_id.raw", "size": 40}}}}
    answer = sandbox.search("users", body).json()
    assert answer["timed_out"] is (kind == "timed_out")
    assert answer.get("_shards", {}).get("failed") == (1 if kind == "failed_shards" else None)
    assert (len(answer["hits"]["hits"]), len(answer["aggregations"]["x"]["buckets"])) == (5, 20)
    whole = sandbox.search("users", body).json()
    assert (len(whole["hits"]["hits"]), "_shards" in whole, whole["timed_out"]) == (
        10,
        False,
        False,
    )


def test_an_empty_page_comes_before_the_end_and_says_nothing_of_it(
    sandbox: Sandbox, pages: list[list[str]]
) -> None:
    sandbox.fault({"path": USERS, "kind": "empty_page", "skip": 1})
    assert list(walk(sandbox)) == [pages[0], []]
    sandbox.fault({"path": USERS, "kind": "empty_page"})
    answer = sandbox.search("users", {"sort": SORT}).json()
    assert (answer["hits"], answer["timed_out"]) == ({"total": 120, "hits": []}, False)
    assert list(walk(sandbox)) == pages


@pytest.mark.parametrize(
    ("kind", "period", "numbers"),
    [
        ("repeat_page", 1, "00000000"),
        ("repeat_page", 3, "01201201"),
        ("loop", 1, "01111111"),
        ("loop", 2, "01212121"),
    ],
)
def test_pages_go_round_for_ever(
    sandbox: Sandbox, pages: list[list[str]], kind: str, period: int, numbers: str
) -> None:
    fault = {"path": USERS, "kind": kind, "period": period, "skip": period, "times": -1}
    sandbox.fault(fault)
    assert list(walk(sandbox)) == [pages[int(number)] for number in numbers]


def test_a_first_page_has_nothing_to_go_back_to(sandbox: Sandbox, pages: list[list[str]]) -> None:
    sandbox.reset()
    for kind in ("repeat_page", "loop"):
        sandbox.fault({"path": USERS, "kind": kind, "period": 2})
        assert next(walk(sandbox)) == pages[0]


@pytest.mark.parametrize("kind", ["empty_page", "repeat_page", "loop", "timed_out"])
def test_what_is_no_page_is_left_alone(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault({"path": "/moesif/api/", "kind": kind, "times": 2})
    assert sandbox.search("users", {"nothing": 1}).status_code == 400
    assert len(sandbox.listed("~/cohorts?cohort_type=user").json()) == 3


# How often, and which requests --------------------------------------------------------------


def test_faults_are_listed_and_cleared_all_or_by_name(sandbox: Sandbox) -> None:
    mine = {"path": "/a", "kind": "status", "name": "mine"}
    sandbox.own("faults", [mine, {**mine, "name": "other"}, {"path": "/b", "kind": "status"}])
    listed = sandbox.get("/sandbox/faults").json()
    assert [fault["path"] for fault in listed] == ["/a", "/a", "/b"]
    answer = sandbox.session.delete(f"{sandbox.url}/sandbox/faults?name=mine", timeout=10)
    assert [fault["name"] for fault in answer.json()] == ["other", None]
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
        '{"path": "/x", "kind": "loop", "period": 0}',
        '{"path": "/x", "kind": "loop", "period": 5}',
    ],
)
def test_a_fault_with_a_slip_is_refused(sandbox: Sandbox, raw: str) -> None:
    with pytest.raises(ValueError, match="not a fault"):
        read_faults(raw)
    assert sandbox.send("/sandbox/faults", raw.encode()).status_code == 400


def hits(plan: FaultPlan, path: str, requests_made: int) -> str:
    return "".join("x" if plan.take(path) else "." for _ in range(requests_made))


@pytest.mark.parametrize(
    ("options", "pattern"),
    [({}, "x..."), ({"times": 2}, "xx.."), ({"skip": 1}, ".x.."), ({"times": -1}, "xxxx")],
)
def test_a_fault_happens_as_often_as_asked(options: dict[str, Any], pattern: str) -> None:
    plan = FaultPlan([Fault("/a", "status", **options)], lambda: NOW)
    assert hits(plan, "/b", 3) == "..."
    assert hits(plan, "/a", 4) == pattern


def test_a_fault_is_over_when_its_time_is_up() -> None:
    now = NOW
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
        statuses.append(sandbox.send(BATCH, gzip.compress(body.encode()), **headers).status_code)
    assert statuses == [200, 400, 200, 200, 200, 200]  # requests writes ü as an escape


def test_what_one_fault_lets_pass_may_be_hit_by_the_next() -> None:
    faults = [Fault("/a", "status", skip=1), Fault("/a", "not_success", times=2)]
    plan = FaultPlan(faults, lambda: NOW)
    kinds = [fault.kind if fault else None for fault in (plan.take("/a") for _ in range(4))]
    assert kinds == ["not_success", "status", "not_success", None]


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/segment", "/segment/v1/batch", True),
        ("/segment/*/batch", "/segment/v1/batch", True),
        ("/segment/*/batch", "/segment/v1/batch/more", False),
        ("/moesif", "/segment/v1/batch", False),
    ],
)
def test_a_path_is_a_prefix_or_a_pattern(pattern: str, path: str, expected: bool) -> None:
    assert Fault(pattern, "status").matches(path) is expected
