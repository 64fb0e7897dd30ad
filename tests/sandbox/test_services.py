from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

GOOD = {"type": "identify", "userId": "u", "traits": {"a": 1}}
EVENTS_WINDOW = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-11T00:00:00Z"}
KEY = {"Authorization": "Bearer sandbox-management-key"}


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("search/~/search/users", {}, 200),
        ("search/~/search/companies", {"app_id": "198:3"}, 200),
        ("search/~/search/usermetrics/users", {}, 200),
        ("search/~/search/companymetrics/companies", {"from": "-24h", "to": "now"}, 200),
        ("search/~/search/events", EVENTS_WINDOW, 201),
        ("search/%7E/count/users", {}, 200),
        ("search/~/count/companies", {}, 200),
        ("search/~/count/events", EVENTS_WINDOW, 200),
        ("search/~/search/events", {}, 400),
        ("search/~/search/events", {"from": "-24h"}, 400),
        ("search/~/search/events", {"from": "yesterday", "to": "now"}, 400),
        ("search/~/search/events", {"from": "now", "to": "-48h"}, 400),
        ("search/~/search/nothing", {}, 404),
    ],
)
def test_each_search_answers_with_its_status(
    sandbox: Sandbox, path: str, params: dict[str, str], status: int
) -> None:
    url = f"{sandbox.url}/moesif/api/v1/{path}"
    answer = sandbox.session.post(url, json={}, params=params, headers=KEY, timeout=10)
    assert answer.status_code == status
    if status < 300:
        assert answer.json()["hits"]["total"] > 0
        assert answer.json()["timed_out"] is False
    else:
        assert answer.json()["error"]["reason"]


def test_a_count_has_no_hits(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/moesif/api/v1/search/~/count/users"
    body = {"query": {"exists": {"field": "user_id"}}}
    answer = sandbox.session.post(url, json=body, headers=KEY, timeout=10)
    assert answer.json()["hits"] == {"total": 110, "hits": []}


def test_events_are_limited_to_their_window(sandbox: Sandbox) -> None:
    window = {"from": "2026-03-09T15:30:00Z", "to": "2026-03-10T15:30:00"}
    body = {"size": 10_000, "_source": "request.time"}
    hits = sandbox.search("events", body, params=window, headers=KEY).json()["hits"]["hits"]
    times = [hit["_source"]["request"]["time"] for hit in hits]
    assert len(times) > 100
    assert all("2026-03-09T15:30:00" <= time < "2026-03-10T15:30:00" for time in times)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("search/~/users/user_000003", 200),
        ("search/~/users/nobody", 404),
        ("search/~/companies/company_00002", 200),
        ("search/~/companies/company_00002/subscriptions", 200),
        ("search/~/companies/nobody/subscriptions", 404),
        ("search/~/subscriptions/sub_00002_1", 200),
        ("search/~/subscriptions/nothing", 404),
        ("~/cohorts?cohort_type=user", 200),
        ("~/cohorts", 400),
    ],
)
def test_single_documents_are_found_by_id(sandbox: Sandbox, path: str, found: int) -> None:
    answer = sandbox.get(f"/moesif/api/v1/{path}", headers=KEY)
    assert answer.status_code == found
    assert answer.json()


def test_a_single_user_has_the_documented_form(sandbox: Sandbox) -> None:
    answer = sandbox.get("/moesif/api/v1/search/~/users/user_000003", headers=KEY).json()
    assert answer["_id"] == "user_000003"
    assert answer["_source"]["user_id"] == "user_000003"


@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "sandbox-management-key", "Basic c2FuZGJveA=="]
)
def test_a_request_without_the_key_is_a_401(sandbox: Sandbox, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    assert sandbox.search("users", headers=headers).status_code == 401


def test_a_body_that_is_no_json_is_a_400(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/moesif/api/v1/search/~/search/users"
    answer = sandbox.session.post(url, data=b'{"size": ', headers=KEY, timeout=10)
    assert answer.status_code == 400


def test_a_missing_scope_is_a_401_and_total_may_be_an_object(
    start: Callable[..., Sandbox],
) -> None:
    options = ("--management-scopes", "read:users", "--hits-total", "object", "--users", "3")
    sandbox = start(*options)
    assert sandbox.search("companies").status_code == 401
    answer = sandbox.search("users").json()
    assert answer["hits"]["total"] == {"value": 3, "relation": "eq"}


def test_touched_documents_are_the_ones_changed_since(sandbox: Sandbox) -> None:
    before = {"query": {"range": {"modified_time": {"gte": "2026-03-10T15:30:00"}}}}
    assert sandbox.search("users", before).json()["hits"]["total"] == 0
    touched = sandbox.own("touch", {"users": 5, "companies": 1})
    hits = sandbox.search("users", before).json()["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == touched["users"]
    assert len(set(touched["users"])) == 5
    assert len(touched["companies"]) == 1
    sandbox.reset()
    assert sandbox.own("touch", {"users": 5})["users"] == touched["users"]


def test_raw_documents_can_be_put_beside_or_in_place_of_others(sandbox: Sandbox) -> None:
    assert sandbox.own("documents", {"users": [{"user_id": "x", "odd": 1}]})["users"] == 121
    only = {"users": [{"_id": "y", "z": [None]}], "events": [], "replace": True}
    assert sandbox.own("documents", only) == {"users": 1, "companies": 12, "events": 0}
    hits = sandbox.search("users").json()["hits"]["hits"]
    assert hits == [{"_id": "y", "_source": {"z": [None]}}]


def test_what_segment_received_is_given_back_in_order(sandbox: Sandbox) -> None:
    track = {"type": "track", "userId": "u", "event": "e", "messageId": "m1"}
    assert sandbox.batch({**GOOD, "messageId": "m0"}, track, {"type": "track"}).json() == {
        "success": True
    }
    sandbox.batch(
        {**GOOD, "messageId": "m1"}, {**GOOD, "traits": dict.fromkeys(map(str, range(300)))}
    )
    received = sandbox.segment()
    assert received["requests"] == 2
    assert received["counts"] == {"accepted": 3, "discarded": 1, "duplicates": 1}
    assert [m["messageId"] for m in received["accepted"]][:2] == ["m0", "m1"]
    assert received["discarded"] == [{"reason": "no_user_anon_id", "message": {"type": "track"}}]
    assert received["duplicates"][0]["type"] == "identify"
    assert received["flagged"][0]["reason"] == "too_many_traits"
    short = sandbox.get("/sandbox/segment?messages=false").json()
    assert "accepted" not in short
    assert short["counts"] == received["counts"]
    assert sandbox.get("/sandbox/segment?limit=1").json()["accepted"] == received["accepted"][-1:]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("identify", {"userId": "u", "traits": {"a": 1}}),
        ("group", {"userId": "u", "groupId": "g"}),
        ("track", {"userId": "u", "event": "e"}),
        ("page", {"userId": "u"}),
        ("screen", {"userId": "u"}),
        ("alias", {"userId": "u", "previousId": "p"}),
    ],
)
def test_a_single_call_is_taken_as_its_type(
    sandbox: Sandbox, path: str, body: dict[str, object]
) -> None:
    url = f"{sandbox.url}/segment/v1/{path}"
    sandbox.session.post(url, json={**body, "writeKey": "sandbox-write-key"}, timeout=10)
    stored = sandbox.segment()["accepted"][0]
    assert stored["type"] == path
    assert body.items() <= stored.items()
    assert "writeKey" not in stored


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"auth": ("other", "")}, "unknown_write_key"),
        ({"auth": None}, "no_write_key"),
        ({"path": "/segment-eu/v1/batch"}, "wrong_region"),
    ],
)
def test_a_200_may_mean_that_all_is_lost(
    sandbox: Sandbox, options: dict[str, Any], reason: str
) -> None:
    answer = sandbox.batch(GOOD, **options)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert sandbox.segment()["discarded"] == [{"reason": reason, "message": GOOD}]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"batch": []}', {}),
        (b'{"batch": []}', {"Content-Type": "text/plain"}),
        (b'{"batch": [', {"Content-Type": "application/json"}),
        (b'{"batch": []}', {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
        (b'{"batch": []}', {"Content-Type": "application/json", "Content-Encoding": "br"}),
    ],
)
def test_a_request_that_can_not_be_read_is_a_400(
    sandbox: Sandbox, body: bytes, headers: dict[str, str]
) -> None:
    answer = sandbox.session.post(
        f"{sandbox.url}/segment/v1/batch", data=body, headers=headers, timeout=10
    )
    assert answer.status_code == 400
    assert len(sandbox.segment()["refused"]) == 1


def test_the_limit_counts_before_compression(sandbox: Sandbox) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8", "Content-Encoding": "gzip"}
    body = json.dumps({"batch": [], "pad": "x" * 600_000}).encode()
    answer = sandbox.session.post(
        f"{sandbox.url}/segment/v1/batch", data=gzip.compress(body), headers=headers, timeout=10
    )
    assert answer.status_code == 400


def test_the_cdn_knows_the_key_and_its_region(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--region", "eu", "--users", "0", "--companies", "0")
    settings = sandbox.get("/segment-cdn/v1/projects/sandbox-write-key/settings").json()
    assert settings["integrations"]["Segment.io"]["apiHost"] == "events.eu1.segmentapis.com/v1"
    assert sandbox.get("/segment-cdn/v1/projects/other/settings").status_code == 404
    sandbox.batch(GOOD, path="/segment-us/v1/batch")
    sandbox.batch(GOOD, path="/segment-eu/v1/batch")
    assert sandbox.segment()["counts"] == {"accepted": 1, "discarded": 1, "duplicates": 0}


def test_requests_to_the_services_are_logged(sandbox: Sandbox) -> None:
    sandbox.batch(GOOD)
    sandbox.search("users", headers={})
    first, second = sandbox.get("/sandbox/requests").json()
    assert (first["method"], first["path"], first["status"]) == ("POST", "/segment/v1/batch", 200)
    assert (first["bytes_in"], first["bytes_out"]) == (68, len('{"success":true}'))
    assert (first["records"], second["records"]) == (1, 0)
    assert second["status"] == 401


def test_only_loopback_is_served(sandbox: Sandbox) -> None:
    assert sandbox.url.startswith("http://127.0.0.1:")
    assert requests.get(f"{sandbox.url}/nothing", timeout=10).status_code == 404
