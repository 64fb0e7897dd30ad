"""What the data and the clock can be made to do, so that a tap can be tried on it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from moesif_sandbox.moesif_times import parse_stored
from moesif_sandbox.seed import SeedPlan, make_seed
from moesif_sandbox.seed_values import CANARY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

KEY = {"Authorization": "Bearer sandbox-management-key"}
WINDOW = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-11T00:00:00Z"}
OLD = "2020-01-01T00:00:00.000"
NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc)


def found(sandbox: Sandbox, kind: str = "users", **params: str) -> list[str]:
    hits = sandbox.search(kind, {"size": 1_000}, params=params, headers=KEY).json()["hits"]["hits"]
    return [hit["_id"] for hit in hits]


def test_late_documents_are_missing_from_so_many_searches_of_their_kind(
    sandbox: Sandbox,
) -> None:
    sandbox.put(users=[{"user_id": "late"}], replace=True, searchable_after=2)
    found(sandbox, "companies")
    assert [found(sandbox) for _ in range(3)] == [[], [], ["late"]]


def test_late_documents_wait_for_a_word(sandbox: Sandbox) -> None:
    sandbox.put(users=[{"user_id": "late"}], replace=True, searchable_after=-1)
    assert [found(sandbox) for _ in range(3)] == [[], [], []]
    sandbox.index()
    assert found(sandbox) == ["late"]


def test_late_documents_are_forgotten_by_a_reset(sandbox: Sandbox) -> None:
    sandbox.put(users=[{"user_id": "late"}], searchable_after=-1)
    sandbox.reset()
    sandbox.index()
    assert "late" not in found(sandbox)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("documents", {"users": [], "searchable_after": -2}),
        ("clock", {"offset_seconds": "much"}),
        ("clock", {"offset_seconds": 1e300}),
        ("clock", {}),
    ],
)
def test_a_slip_is_a_400(sandbox: Sandbox, path: str, body: object) -> None:
    answer = sandbox.session.post(f"{sandbox.url}/sandbox/{path}", json=body, timeout=10)
    assert answer.status_code == 400


@pytest.mark.parametrize("moves", [False, True])
def test_activity_is_not_an_edit(start: Callable[..., Sandbox], moves: bool) -> None:
    switch = ("--activity-moves-modified-time",) if moves else ()
    sandbox = start("--users", "0", "--companies", "0", *switch)
    user = {"user_id": "u", "modified_time": OLD, "last_seen_time": OLD, "metadata": {"a": 1}}
    sandbox.put(users=[user])
    sandbox.touch(users=1, activity=True)
    active = sandbox.found("users", "u")
    assert active["last_seen_time"] > OLD
    assert (active["modified_time"] > OLD) is moves
    assert active["metadata"] == {"a": 1}
    sandbox.touch(users=1)
    edited = sandbox.found("users", "u")
    assert edited["last_seen_time"] == active["last_seen_time"]
    assert edited["modified_time"] > OLD
    assert edited["metadata"] == {"a": 1, "touches": 1}


def test_the_clock_is_off_as_far_as_asked(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--users", "1", "--clock-offset-seconds", "-7200")
    early = datetime.now(timezone.utc) - timedelta(hours=2)

    def off(moment: datetime) -> float:
        return abs((moment - early).total_seconds())

    answers = [
        sandbox.search("users"),
        sandbox.write("users", {"user_id": "u"}),
        sandbox.batch({"type": "identify", "userId": "u"}),
        sandbox.get("/sandbox/moesif"),
        sandbox.get("/nothing"),
    ]
    for answer in answers:
        assert off(parsedate_to_datetime(answer.headers["Date"])) < 60
    created = datetime.fromisoformat(sandbox.found("users", "u")["created"].replace("Z", "+00:00"))
    assert off(created) < 60
    sandbox.shift_clock(86_400)
    answer = sandbox.search("users")
    assert off(parsedate_to_datetime(answer.headers["Date"]) - timedelta(hours=26)) < 60
    sandbox.reset()
    assert off(parsedate_to_datetime(sandbox.search("users").headers["Date"])) < 60


def test_a_fault_may_send_a_date_of_its_own(sandbox: Sandbox) -> None:
    date = "Wed, 01 Jan 2020 00:00:00 GMT"
    sandbox.fault({"path": "/moesif/", "kind": "status", "headers": {"Date": date}})
    assert sandbox.search("users").headers["Date"] == date


def test_an_account_may_have_no_zone_in_any_time() -> None:
    bare, zoned = (
        make_seed(SeedPlan(NOW, users=60, companies=9, times_without_zone=without))
        for without in (True, False)
    )
    for kind in ("users", "companies", "events"):
        bare_text, zoned_text = (
            json.dumps([document.source for document in getattr(seed, kind)])
            for seed in (bare, zoned)
        )
        assert '0Z"' in zoned_text
        assert 'Z"' not in bare_text
        assert '+02:00"' not in bare_text
    for without, with_zone in zip(bare.users, zoned.users, strict=True):
        times = [parse_stored(u.source["modified_time"]) for u in (without, with_zone)]
        assert times[0] == times[1] is not None


def test_events_without_a_zone_are_found_in_their_window(start: Callable[..., Sandbox]) -> None:
    options = ("--users", "30", "--now", NOW.isoformat())
    bare, zoned = start(*options, "--times-without-zone"), start(*options)
    assert found(bare, "events", **WINDOW) == found(zoned, "events", **WINDOW) != []


def test_subscriptions_may_have_to_be_asked_for_by_themselves(
    start: Callable[..., Sandbox],
) -> None:
    sandbox = start("--users", "60", "--companies", "9", "--without-embedded-subscriptions")
    for kind in ("users", "companies"):
        answer = sandbox.search(kind, {"size": 100})
        assert len(answer.json()["hits"]["hits"]) in {60, 9}
        assert "subscription_id" not in answer.text
    assert "subscriptions" not in sandbox.found("companies", "company_00002")
    path = "/moesif/api/v1/search/~/companies/company_00002/subscriptions"
    listed = sandbox.get(path, headers=KEY).json()
    assert [one["company_id"] for one in listed] == ["company_00002"] * 2


def test_a_page_that_is_too_large_is_a_413(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--users", "60", "--max-page-bytes", "60000")
    statuses = [sandbox.search("users", {"size": size}).status_code for size in (10, 60, 10)]
    assert statuses == [200, 413, 200]


@pytest.mark.parametrize("event_type", ["api_call", "user_action"])
def test_events_hold_credentials_that_must_not_leave(sandbox: Sandbox, event_type: str) -> None:
    body = {"query": {"term": {"event_type.raw": event_type}}, "size": 1}
    [hit] = sandbox.search("events", body, params=WINDOW, headers=KEY).json()["hits"]["hits"]
    request = hit["_source"]["request"]
    assert CANARY in request["headers"]["Authorization"]
    assert CANARY in json.dumps(request["body"])
    assert ("response" in hit["_source"]) is (event_type == "api_call")


def test_cohorts_can_be_put(sandbox: Sandbox) -> None:
    def names(kind: str) -> list[Any]:
        path = f"/moesif/api/v1/~/cohorts?cohort_type={kind}"
        return [cohort["cohort_name"] for cohort in sandbox.get(path, headers=KEY).json()]

    assert len(names("company")) == 3
    sandbox.put(cohorts=[{"cohort_name": "Ours", "cohort_type": "user"}], replace=True)
    assert (names("user"), names("company")) == (["Ours"], [])
    sandbox.reset()
    assert len(names("user")) == 3
