"""The sandbox's own endpoints, and what they do to data, clock and log."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from moesif_sandbox.command import main
from moesif_sandbox.traffic import KEPT_SECONDS, LOGGED_REQUESTS, Bar, RequestLog
from project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 10, tzinfo=timezone.utc)
OLD = "2020-01-01T00:00:00.000"
README = (PROJECT / "sandbox" / "README.md").read_text(encoding="utf-8")
CALL = re.compile(r"^\$ curl -s (-X DELETE )?localhost:8700(\S+)(?: -d '(.+)')?$", re.MULTILINE)


def test_each_call_of_the_readme_works(sandbox: Sandbox) -> None:
    calls = CALL.findall(README)
    assert len(calls) == README.count("$ curl") == 3
    for delete, path, body in calls:
        method = "DELETE" if delete else "POST" if body else "GET"
        url = sandbox.url + path
        answer = sandbox.session.request(method, url, data=body or None, timeout=10)
        assert answer.status_code == 200, answer.text
    for path in re.findall(r"`GET (/sandbox/\w+)`", README):
        assert sandbox.get(path).status_code == 200


def test_every_switch_of_the_readme_exists() -> None:
    options = {name for one in main.params for name in (*one.opts, *one.secondary_opts)}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--help"}
    assert len(named) > 20
    assert named <= options


def test_touched_documents_are_the_ones_changed_since(sandbox: Sandbox) -> None:
    since = {"query": {"range": {"modified_time": {"gte": "2026-03-10T15:30:00"}}}}
    assert sandbox.hits("users", since) == []
    touched = sandbox.own("touch", {"users": 5, "companies": 1})
    assert [hit["_id"] for hit in sandbox.hits("users", since)] == touched["users"]
    assert (len({*touched["users"]}), len(touched["companies"])) == (5, 1)
    sandbox.reset()
    assert sandbox.own("touch", {"users": 5})["users"] == touched["users"]


@pytest.mark.parametrize("moves", [False, True])
def test_activity_is_not_an_edit(start: Callable[..., Sandbox], moves: bool) -> None:
    switch = ("--activity-moves-modified-time",) if moves else ()
    sandbox = start("--users", "0", "--companies", "0", *switch)
    user = {"user_id": "u", "modified_time": OLD, "last_seen_time": OLD, "metadata": {"a": 1}}
    sandbox.put(users=[user])
    sandbox.own("touch", {"users": 1, "activity": True})
    active = sandbox.found("users", "u")
    assert active["last_seen_time"] > OLD
    assert (active["modified_time"] > OLD) is moves
    assert active["metadata"] == {"a": 1}
    sandbox.touch(users=1)
    edited = sandbox.found("users", "u")
    assert edited["last_seen_time"] == active["last_seen_time"]
    assert edited["modified_time"] > OLD
    assert edited["metadata"] == {"a": 1, "touches": 1}


def test_raw_documents_can_be_put_beside_or_in_place_of_others(sandbox: Sandbox) -> None:
    assert sandbox.own("documents", {"users": [{"user_id": "x", "odd": 1}]})["users"] == 121
    only = {"users": [{"_id": "y", "z": [None]}], "events": [], "replace": True}
    assert sandbox.own("documents", only) == {"users": 1, "companies": 12, "events": 0}
    assert sandbox.hits("users") == [{"_id": "y", "_source": {"z": [None]}}]


def test_raw_documents_are_known_by_their_own_id_or_else_by_their_number(sandbox: Sandbox) -> None:
    events = [{"user_id": "u", "company_id": "c", "request": {"time": OLD}}] * 2
    users = [{"company_id": "c"}, {"identified_user_id": "u", "company_id": "c"}]
    companies = [{"company_id": "c"}, {"user_id": "u"}]
    sandbox.put(users=users, companies=companies, events=events, replace=True)
    assert found(sandbox, "users") == ["document_000000", "u"]
    assert found(sandbox, "companies") == ["c", "document_000001"]
    assert found(sandbox, "events") == ["document_000000", "document_000001"]


def found(sandbox: Sandbox, kind: str = "users") -> list[str]:
    return [hit["_id"] for hit in sandbox.hits(kind, {"size": 1_000})]


def test_late_documents_are_missing_from_so_many_searches_of_their_kind(
    sandbox: Sandbox,
) -> None:
    sandbox.put(users=[{"user_id": "late"}], replace=True, searchable_after=2)
    found(sandbox, "companies")
    assert [found(sandbox) for _ in range(3)] == [[], [], ["late"]]


def test_late_documents_wait_for_a_word_and_are_forgotten_by_a_reset(sandbox: Sandbox) -> None:
    sandbox.put(users=[{"user_id": "late"}], replace=True, searchable_after=-1)
    assert [found(sandbox) for _ in range(3)] == [[], [], []]
    sandbox.index()
    assert found(sandbox) == ["late"]
    sandbox.put(users=[{"user_id": "later"}], searchable_after=-1)
    sandbox.reset()
    sandbox.index()
    assert "later" not in found(sandbox)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("documents", {"users": [], "searchable_after": -2}),
        ("documents", {"users": [5]}),
        ("documents", {"people": []}),
        ("touch", {"user": 5}),
        ("clock", {"offset_seconds": "much"}),
        ("clock", {"offset_seconds": 1e300}),
        ("clock", {}),
    ],
)
def test_a_slip_is_a_400(sandbox: Sandbox, path: str, body: object) -> None:
    answer = sandbox.session.post(f"{sandbox.url}/sandbox/{path}", json=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]["reason"]


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


# The log -------------------------------------------------------------------------------------


def test_requests_to_the_services_are_logged(sandbox: Sandbox) -> None:
    sandbox.batch({"type": "identify", "userId": "u", "traits": {"a": 1}})
    sandbox.search("users", headers={})
    first, second = sandbox.requests()
    assert (first["method"], first["path"], first["status"]) == ("POST", "/segment/v1/batch", 200)
    assert (first["bytes_in"], first["bytes_out"]) == (68, len('{"success":true}'))
    assert (first["records"], second["records"]) == (1, 0)
    assert second["status"] == 401


def entry(path: str = "/segment/v1/batch", **fields: Any) -> dict[str, Any]:
    return {"path": path, "status": 200, "records": 5, "fault": None, **fields}


def log_of(*seconds: int, **fields: Any) -> RequestLog:
    log = RequestLog()
    for second in seconds:
        log.add(datetime.fromtimestamp(second, timezone.utc), entry(**fields))
    return log


def test_seconds_add_up_to_spans_that_begin_at_multiples_of_their_width() -> None:
    log = log_of(*range(100, 110), records=1)
    log.add(datetime.fromtimestamp(109, timezone.utc), entry(records=0, status=503))
    assert log.bars("segment", 109, 5, 3) == [Bar(0, 0), Bar(5, 0), Bar(5, 1)]
    assert log.bars("segment", 111, 5, 3) == [Bar(5, 0), Bar(5, 1), Bar(0, 0)]
    assert log.bars("moesif", 109, 5, 1) == [Bar(0, 0)]


def test_the_log_is_bounded_whatever_the_clock_does() -> None:
    log = log_of(*range(LOGGED_REQUESTS), 7, records=1)
    assert (len(log.entries), log.logged) == (LOGGED_REQUESTS, LOGGED_REQUESTS + 1)
    bars = log.bars("segment", LOGGED_REQUESTS, 1, LOGGED_REQUESTS + 1)
    assert sum(bar.records for bar in bars) == KEPT_SECONDS
    log.reset()
    assert (len(log.entries), log.logged) == (0, 0)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/moesif/api/v1/search/~/search/users", "moesif"),
        ("/moesif/collector/v1/users/batch", "collector"),
        ("/segment-eu/v1/batch", "segment"),
        ("/segment-cdn/v1/projects/k/settings", None),
    ],
)
def test_each_service_has_its_own_figures(path: str, service: str | None) -> None:
    log = log_of(100, path=path)
    figures = {
        name: log.bars(name, 100, 1, 1)[0].records for name in ("moesif", "collector", "segment")
    }
    assert figures == {name: 5 if name == service else 0 for name in figures}


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"fault": "delay"}, 0),
        ({"status": 429}, 1),
        ({"status": None, "fault": "close_after"}, 1),
        ({"fault": "not_success"}, 1),
    ],
)
def test_a_request_has_failed_where_its_client_must_do_something(
    fields: dict[str, Any], failed: int
) -> None:
    assert log_of(100, **fields).bars("segment", 100, 1, 1)[0].failed == failed
