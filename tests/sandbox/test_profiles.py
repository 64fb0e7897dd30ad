from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from moesif_sandbox.moesif.collector.writer import merged
from moesif_sandbox.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

TRANSACTION = "a3765025-46ec-45dd-bc83-b136c8d1d257"
TIMES = "%Y-%m-%dT%H:%M:%S.000Z"


def event(sandbox: Sandbox, event_id: str) -> Any:
    [hit] = sandbox.hits("events", {"query": {"term": {"_id": event_id}}})
    return hit["_source"]


def subscriptions(sandbox: Sandbox, company_id: str) -> Any:
    return sandbox.listed(f"search/~/companies/{company_id}/subscriptions").json()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), {"a": 1, "b": {"c": 2, "d": 4}, "l": [2], "n": 5}),
        (
            Settings(null_in_upsert="overwrite"),
            {"a": None, "b": {"c": None, "d": 4}, "l": [2], "n": 5},
        ),
        (Settings(null_in_upsert="delete"), {"b": {"d": 4}, "l": [2], "n": 5}),
        (Settings(list_in_upsert="append"), {"a": 1, "b": {"c": 2, "d": 4}, "l": [1, 2], "n": 5}),
    ],
)
def test_an_update_is_merged_under_each_reading(settings: Settings, expected: object) -> None:
    old: dict[str, object] = {"a": 1, "b": {"c": 2, "d": 3}, "l": [1]}
    given: dict[str, object] = {"a": None, "b": {"c": None, "d": 4}, "l": [2], "n": 5}
    assert merged(old, given, settings) == expected
    assert old == {"a": 1, "b": {"c": 2, "d": 3}, "l": [1]}


def test_the_command_line_chooses_the_reading(start: Callable[..., Sandbox]) -> None:
    sandbox = start("--users", "0", "--null-in-upsert", "delete", "--list-in-upsert", "append")
    sandbox.write("users", {"user_id": "u", "metadata": {"gone": 1, "tags": ["a"]}})
    sandbox.write("users", {"user_id": "u", "metadata": {"gone": None, "tags": ["b"]}})
    assert sandbox.found("users", "u")["metadata"] == {"tags": ["a", "b"]}


def test_a_user_is_searched_as_it_was_written(sandbox: Sandbox) -> None:
    user = {
        "user_id": "zoë",
        "session_token": "t1",
        "modified_time": "2026-03-01T12:00:00+02:00",
        "ip_address": "192.0.2.7",
        "user_agent_string": "curl/8.0",
        "campaign": {"utm_source": "ads"},
        "metadata": {"email": "zoe@acme.example", "first_name": "Zoë", "plan": {"tier": 2}},
        "undocumented": [1, {"two": None}],
    }
    assert sandbox.write("users", user).status_code == 201
    query = {"query": {"term": {"user_id.raw": "zoë"}}}
    [hit] = sandbox.search("users", query).json()["hits"]["hits"]
    found = hit["_source"]
    assert hit["_id"] == found["user_id"] == "zoë"
    assert found["modified_time"] == "2026-03-01T10:00:00.000"
    assert (found["email"], found["first_name"]) == ("zoe@acme.example", "Zoë")
    assert found["metadata"] == {"plan": {"tier": 2}}
    assert found["campaign"] == {"utm_source": "ads"}
    assert found["session_token"] == ["t1"]
    assert found["user_agent"]["name"] == "curl"
    assert "user_agent_string" not in found
    assert (found["geo_ip"]["ip"], "location" in found["geo_ip"]) == ("192.0.2.7", True)
    assert found["undocumented"] == [1, {"two": None}]
    assert found["created"].startswith(str(datetime.now(timezone.utc).year))


def test_what_an_update_omits_stays(sandbox: Sandbox) -> None:
    sandbox.write(
        "users", {"user_id": "u", "session_token": "a", "metadata": {"x": 1, "name": "N"}}
    )
    before = sandbox.found("users", "u")
    sandbox.write("users", {"user_id": "u", "session_token": "b", "metadata": {"y": 2}})
    sandbox.write("users", {"user_id": "u", "session_token": "a"})
    after = sandbox.found("users", "u")
    assert after["metadata"] == {"x": 1, "y": 2}
    assert after["session_token"] == ["a", "b"]
    assert (after["name"], after["created"]) == ("N", before["created"])
    assert after["modified_time"] >= before["modified_time"]


def test_an_update_keeps_the_name_that_metadata_has(sandbox: Sandbox) -> None:
    sandbox.put(users=[{"user_id": "user_000002", "body": {"old": 1}}])
    before = sandbox.found("users", "user_000002")
    sandbox.write("users", {"user_id": "user_000002", "metadata": {"added": 1}})
    after = sandbox.found("users", "user_000002")
    assert after["body"] == before["body"] | {"added": 1}
    assert "metadata" not in after


def test_a_company_appears_within_its_users_whenever_it_comes(sandbox: Sandbox) -> None:
    sandbox.write("users", {"user_id": "u", "company_id": "c"})
    assert "company" not in sandbox.found("users", "u")
    sandbox.write("companies", {"company_id": "c", "company_domain": "acme.example"})
    sandbox.write(
        "subscriptions", {"subscription_id": "s", "company_id": "c", "status": "trialing"}
    )
    sandbox.write("users", {"user_id": "later", "company_id": "c"})
    for user_id in ("u", "later"):
        company = sandbox.found("users", user_id)["company"]
        assert company == sandbox.found("companies", "c")
        assert company["subscriptions"][0]["status"] == "trialing"
    sandbox.write("subscriptions", {"subscription_id": "s", "company_id": "c2", "status": "active"})
    assert sandbox.found("users", "u")["company"]["subscriptions"] == []
    sandbox.write("users", {"user_id": "u", "company_id": "nobody"})
    assert "company" not in sandbox.found("users", "u")


def test_a_user_who_is_named_twice_in_a_batch_has_both_updates(sandbox: Sandbox) -> None:
    batch = [{"user_id": "u", "metadata": {name: 1}} for name in ("x", "y")]
    sandbox.write("users/batch", batch)
    assert sandbox.found("users", "u")["metadata"] == {"x": 1, "y": 1}


def test_a_subscription_is_updated_and_may_move(sandbox: Sandbox) -> None:
    given = {"subscription_id": "s", "company_id": "c1", "status": "active", "metadata": {"a": 1}}
    sandbox.write("subscriptions", given)
    sandbox.write("subscriptions/batch", [{**given, "status": "paused", "metadata": {"b": 2}}])
    [found] = subscriptions(sandbox, "c1")
    assert (found["status"], found["metadata"]) == ("paused", {"a": 1, "b": 2})
    sandbox.write("subscriptions", {**given, "company_id": "c2"})
    assert subscriptions(sandbox, "c1") == []
    assert [one["subscription_id"] for one in subscriptions(sandbox, "c2")] == ["s"]
    assert subscriptions(sandbox, "c2")[0]["company_id"] == "c2"


def test_an_action_is_an_event_of_its_own_type(sandbox: Sandbox) -> None:
    time = datetime.now(timezone.utc).replace(microsecond=0)
    action = {
        "action_name": "Clicked",
        "transaction_id": TRANSACTION,
        "user_id": "u",
        "company_id": "c",
        "request": {
            "uri": "https://acme.example",
            "time": time.replace(tzinfo=None).isoformat(),
            "ip_address": "192.0.2.7",
            "user_agent_string": "curl/8.0",
        },
        "metadata": {"button": 1},
    }
    sandbox.write("actions", action)
    found = event(sandbox, TRANSACTION)
    assert (found["event_type"], found["action_name"]) == ("user_action", "Clicked")
    assert found["request"]["time"] == time.strftime(TIMES)
    assert found["request"]["user_agent"]["name"] == "curl"
    assert isinstance(found["request"]["geo_ip"]["location"], list)
    assert sandbox.collector()["callers_address"] == []
    assert sandbox.found("users", "u")["last_seen_time"].startswith(time.strftime("%Y-%m-%dT%H:"))
    assert sandbox.found("companies", "c")["company_id"] == "c"


@pytest.mark.parametrize("given", [{}, {"ip_address": None}, {"ip_address": ""}])
def test_an_action_without_an_address_gets_the_one_of_its_sender(
    sandbox: Sandbox, given: dict[str, Any]
) -> None:
    request = {"uri": "/", **given}
    action = {"action_name": "A", "transaction_id": TRANSACTION, "request": request}
    sandbox.write("actions", action)
    found = event(sandbox, TRANSACTION)
    assert found["request"]["ip_address"] == "127.0.0.1"
    assert "geo_ip" not in found["request"]
    assert sandbox.collector()["callers_address"] == [TRANSACTION]
    assert sandbox.collector()["accepted"]["actions"] == [action]


def test_an_api_call_has_its_duration(sandbox: Sandbox) -> None:
    time = datetime.now(timezone.utc)
    call = {
        "transaction_id": TRANSACTION,
        "request": {"time": time.isoformat(), "uri": "/", "verb": "GET", "ip_address": "0.0.0.0"},
        "response": {"time": (time + timedelta(seconds=1.5)).isoformat(), "status": 200},
    }
    sandbox.write("events", call)
    found = event(sandbox, TRANSACTION)
    assert (found["event_type"], found["duration_ms"]) == ("api_call", 1500.0)
    assert found["request"]["ip_address"] == "0.0.0.0"
    assert "geo_ip" not in found["request"]


@pytest.mark.parametrize("moves", [False, True])
def test_activity_moves_what_the_switch_says(start: Callable[..., Sandbox], moves: bool) -> None:
    switch = ("--activity-moves-modified-time",) if moves else ()
    sandbox = start("--users", "0", "--companies", "0", *switch)
    old = "2020-01-01T00:00:00.000"
    profile = {"modified_time": old, "last_seen_time": old, "first_seen_time": old}
    sandbox.put(
        users=[{"user_id": "u", "company_id": "c", **profile}],
        companies=[{"company_id": "c", **profile}],
    )
    action = {"action_name": "A", "user_id": "u", "company_id": "c", "request": {"uri": "/"}}
    sandbox.write("actions", action)
    for kind, profile_id in (("users", "u"), ("companies", "c")):
        found = sandbox.found(kind, profile_id)
        assert found["first_seen_time"] == old
        assert found["last_seen_time"] > old
        assert (found["modified_time"] > old) is moves


def test_an_older_action_moves_the_first_sight_and_not_the_last(sandbox: Sandbox) -> None:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    days = [now - timedelta(days=days) for days in (2, 3, 1, 2)]
    for day in days:
        request = {"uri": "/", "time": day.isoformat()}
        sandbox.write("actions", {"action_name": "A", "user_id": "u", "request": request})
    found = sandbox.found("users", "u")
    assert found["first_seen_time"].startswith(days[1].strftime("%Y-%m-%dT%H:%M:%S."))
    assert found["last_seen_time"].startswith(days[2].strftime("%Y-%m-%dT%H:%M:%S."))
