"""Moesif's management API: who may ask for what, how often, and what accounts answer."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from moesif_sandbox.moesif.account import Account
from moesif_sandbox.moesif.api import SCOPES, ManagementApi
from moesif_sandbox.moesif.listings import LISTINGS
from moesif_sandbox.moesif.places import place_of
from moesif_sandbox.seed.events import CANARY
from moesif_sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

MARCH = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-11T00:00:00Z"}
PATHS = [listing.path for listing in LISTINGS if not listing.required] + [
    "cohorts?cohort_type=user"
]


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("users", {}, 200),
        ("companies", {"app_id": "198:3"}, 200),
        ("usermetrics/users", {}, 200),
        ("companymetrics/companies", {"from": "-24h", "to": "now"}, 200),
        ("events", MARCH, 201),
        ("events", {}, 400),
        ("events", {"from": "-24h"}, 400),
        ("events", {"from": "yesterday", "to": "now"}, 400),
        ("events", {"from": "now", "to": "-48h"}, 400),
        ("nothing", {}, 404),
    ],
)
def test_each_search_answers_with_its_status(
    sandbox: Sandbox, path: str, params: dict[str, str], status: int
) -> None:
    answer = sandbox.search(path, params=params)
    assert answer.status_code == status
    if status < 300:
        assert answer.json()["hits"]["total"] > 0
        assert answer.json()["timed_out"] is False
    else:
        assert answer.json()["error"]["reason"]
        assert answer.json()["status"] == status


def test_events_are_limited_to_their_window(sandbox: Sandbox) -> None:
    window = {"from": "2026-03-09T15:30:00Z", "to": "2026-03-10T15:30:00"}
    body = {"size": 10_000, "_source": ["request.time"]}
    times = [
        hit["_source"]["request"]["time"] for hit in sandbox.hits("events", body, params=window)
    ]
    assert len(times) > 100
    assert all("2026-03-09T15:30:00" <= time < "2026-03-10T15:30:00" for time in times)


def test_relative_times_are_aligned_to_days(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--users", "0")
    now = datetime.now(timezone.utc)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    times = [midnight - timedelta(days=1, hours=1), midnight - timedelta(hours=23), midnight,
             midnight + timedelta(hours=23, minutes=59)]  # fmt: skip
    sandbox.put(
        events=[{"_id": str(n), "request": {"time": t.isoformat()}} for n, t in enumerate(times)]
    )
    hits = sandbox.hits("events", params={"from": "-24h", "to": "now"})
    assert [hit["_id"] for hit in hits] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("search/~/users/user_000003", 200),
        ("search/~/users/nobody", 404),
        ("search/%7E/companies/company_00002", 200),
        ("search/~/companies/company_00002/subscriptions", 200),
        ("search/~/companies/nobody/subscriptions", 404),
        ("~/cohorts", 400),
        *((f"~/{path}", 200) for path in PATHS),
    ],
)
def test_what_is_asked_for_by_id_or_as_a_list_is_there(
    sandbox: Sandbox, path: str, found: int
) -> None:
    answer = sandbox.listed(path)
    assert answer.status_code == found
    assert answer.json()


def test_a_single_user_has_the_documented_form(sandbox: Sandbox) -> None:
    answer = sandbox.listed("search/~/users/user_000003").json()
    assert (answer["_id"], answer["_source"]["user_id"]) == ("user_000003", "user_000003")


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.name)
def test_a_list_has_items_of_its_own_or_those_that_are_put(sandbox: Sandbox, listing: Any) -> None:
    path = f"~/{listing.path}" + (f"?{listing.required}=x" if listing.required else "")
    item = {"id": "ours", **({listing.required: "x"} if listing.required else {})}
    before = sandbox.listed(path).json()
    sandbox.put(**{listing.name: [item]})
    assert sandbox.listed(path).json() == [*before, item]
    sandbox.put(**{listing.name: [item]}, replace=True)
    assert sandbox.listed(path).json() == [item]
    sandbox.reset()
    assert sandbox.listed(path).json() == before


@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "sandbox-management-key", "Basic c2FuZGJveA=="]
)
def test_a_request_without_the_key_is_a_401(sandbox: Sandbox, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    assert sandbox.search("users", headers=headers).status_code == 401


@pytest.mark.parametrize("missing", SCOPES)
def test_a_scope_that_the_key_lacks_is_a_401(start: Callable[..., Sandbox], missing: str) -> None:
    scopes = ",".join(scope for scope in SCOPES if scope != missing)
    sandbox = start("--users", "1", "--management-scopes", scopes)
    answers = [sandbox.search(kind) for kind in ("users", "companies", "events")]
    answers += [sandbox.listed(f"~/{path}") for path in PATHS]
    refused = [answer for answer in answers if answer.status_code == 401]
    assert all(answer.status_code in {200, 201, 401} for answer in answers)
    assert {missing in answer.text for answer in refused} == {True}
    assert len(refused) == (2 if missing == "read:billing_meters" else 1)


def test_a_body_that_is_no_json_is_a_400(sandbox: Sandbox) -> None:
    path = "/moesif/api/v1/search/~/search/users"
    assert sandbox.send(path, b'{"size": ', Authorization=KEY).status_code == 400


KEY = "Bearer sandbox-management-key"


def test_the_limit_counts_by_calendar_minute() -> None:
    at = datetime(2026, 3, 10, 12, 0, 30, tzinfo=timezone.utc)
    api = ManagementApi(Account({}), Settings(moesif_requests_per_minute=500), lambda: at)
    assert [api._is_within_limit(at) for _ in range(501)] == [True] * 500 + [False]
    assert not api._is_within_limit(at + timedelta(seconds=29))
    assert api._is_within_limit(at + timedelta(seconds=30))


def test_too_many_queries_are_a_429_without_advice(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--users", "1", "--moesif-requests-per-minute", "2")
    answers = [sandbox.search("users") for _ in range(5)]  # in two minutes at most
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert "retry-after" not in answers[-1].headers


def test_limits_of_a_strict_engine_can_be_set_one_by_one(start: Callable[..., Sandbox]) -> None:
    options = ("--users", "60", "--companies", "9")
    many = {"size": 0, "aggs": {"x": {"terms": {"field": "user_id.raw", "size": 60}}}}
    sorts = {"sort": [{"_id": "asc"}]}
    for option, body, status, kind in (
        (("--max-page-bytes", "60000"), {"size": 60}, 413, "too_large"),
        (("--circuit-breaker-bytes", "60000"), {"size": 60}, 429, "circuit_breaking_exception"),
        (("--max-result-window", "59"), {"size": 60}, 400, "illegal_argument"),
        (("--max-buckets", "59"), many, 503, "too_many_buckets_exception"),
        (("--no-sort-by-id",), sorts, 400, "illegal_argument"),
    ):
        sandbox = start(*options, *option)
        answer = sandbox.search("users", body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
        assert sandbox.search("users", {"size": 10}).status_code == 200


@pytest.mark.parametrize(("options", "most"), [((), 10_000), (("--max-buckets", "99"), 99)])
def test_strict_is_all_of_them_but_for_what_is_said(
    start: Callable[..., Sandbox], options: tuple[str, ...], most: int
) -> None:
    sandbox = start("--users", "120", "--strict", *options)
    body = {"size": 0, "aggs": {"x": {"terms": {"field": "user_id.raw", "size": 120}}}}
    assert sandbox.search("users", body).status_code == (503 if most < 120 else 200)


def test_a_total_may_be_an_object(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--hits-total", "object", "--users", "3")
    answer = sandbox.search("users").json()
    assert answer["hits"]["total"] == {"value": 3, "relation": "eq"}


def test_subscriptions_may_have_to_be_asked_for_by_themselves(
    start: Callable[..., Sandbox],
) -> None:
    sandbox = start("--users", "60", "--companies", "9", "--without-embedded-subscriptions")
    for kind, number in (("users", 60), ("companies", 9)):
        answer = sandbox.search(kind, {"size": 100})
        assert len(answer.json()["hits"]["hits"]) == number
        assert "subscription_id" not in answer.text
    assert "subscriptions" not in sandbox.found("companies", "company_00002")
    listed = sandbox.listed("search/~/companies/company_00002/subscriptions").json()
    assert [one["company_id"] for one in listed] == ["company_00002"] * 2


@pytest.mark.parametrize("event_type", ["api_call", "user_action"])
def test_events_hold_credentials_that_must_not_leave(sandbox: Sandbox, event_type: str) -> None:
    body = {"query": {"term": {"event_type.raw": event_type}}, "size": 1}
    [hit] = sandbox.hits("events", body)
    request = hit["_source"]["request"]
    assert CANARY in request["headers"]["Authorization"]
    assert CANARY in json.dumps(request["body"])
    assert ("response" in hit["_source"]) is (event_type == "api_call")


@pytest.mark.parametrize(
    ("address", "known"),
    [("192.0.2.1", True), ("2001:db8::1", True), ("0.0.0.0", False), ("127.0.0.1", False),
     ("::1", False), ("not an address", False)],
)  # fmt: skip
def test_an_address_has_one_place_or_none(address: str, known: bool) -> None:
    place = place_of(address)
    assert place == place_of(address)
    assert (place is not None) is known
    assert place is None or place["ip"] == address
