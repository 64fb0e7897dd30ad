"""A sync that was killed goes on where its last STATE stood, within the bounds it began with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from account import DAY, HOUR, MINUTE, Account, settings
from tap_moesif.errors import MoesifError
from tap_output import killed, sync


def test_a_killed_first_load_goes_on_where_its_last_state_stood(account: Account) -> None:
    users = [f"u{number:04d}" for number in range(2_500)]
    for user in users:
        account.user(user, modified_time=DAY)
    account.break_off(search=4)
    first = killed(settings(account, page_size=400))
    account.recover()

    second = sync(settings(account, page_size=400), state=first.state)

    assert first.ids == users[:1_200]
    assert second.ids == users[1_200:]
    assert second.bookmark == "2026-03-09T12:00:00.000Z"
    assert second.state["bookmarks"]["users"]["unfinished"] == []


def test_what_changes_between_a_kill_and_the_next_run_is_not_missed(account: Account) -> None:
    for number in range(6):
        account.user(f"u{number}", modified_time=DAY)
    account.break_off(search=3)
    first = killed(settings(account, page_size=2))
    account.recover()
    account.now += DAY
    account.user("u0", modified_time=12 * HOUR, name="new")
    account.user("u5", modified_time=MINUTE, name="new")

    second = sync(settings(account, page_size=2), state=first.state)
    third = sync(settings(account, page_size=2), state=second.state)

    assert (first.ids, second.ids) == (["u0", "u1", "u2", "u3"], ["u4", "u5"])
    assert {"u0", "u5"} <= {record["id"] for record in third.records() if "name" in record}


def test_a_killed_incremental_sync_goes_on_within_its_own_bounds(account: Account) -> None:
    for number in range(6):
        account.user(f"u{number}", modified_time=90 * DAY, last_seen_time=90 * DAY)
    state = sync(settings(account)).state
    account.now += DAY
    for number in range(6):
        account.user(f"u{number}", modified_time=MINUTE, last_seen_time=MINUTE)
    account.break_off(search=4)  # the first sees whether the times can be asked for
    first = killed(settings(account, page_size=2), state=state)
    bounds = account.asked("users")[-1]["query"]
    account.recover()
    account.now += DAY

    second = sync(settings(account, page_size=2), state=first.state)

    assert account.asked("users")[-1]["query"] == bounds
    assert first.ids + second.ids == [f"u{number}" for number in range(6)]


def test_the_usage_of_a_resumed_sync_falls_back_all_the_same(account: Account) -> None:
    for number in range(4):
        account.user(f"u{number}", modified_time=90 * DAY, last_seen_time=23 * HOUR)
        account.call(f"u{number}", 23 * HOUR)
    account.user("u4", modified_time=80 * DAY, last_seen_time=timedelta())
    config = settings(account, page_size=2, usage_rollup=True)
    account.break_off(search=2)
    first = killed(config)
    account.recover()
    account.now += 3 * HOUR
    second = sync(config, state=first.state)
    account.now += 3 * HOUR

    third = sync(config, state=second.state)

    assert first.calls == {"u0": 1, "u1": 1}
    assert second.calls == {"u2": 0, "u3": 0, "u4": 0}  # as of the run that emits them
    assert third.calls == {"u0": 0, "u1": 0, "u2": 0, "u3": 0, "u4": 0}


def test_other_dates_begin_another_walk(account: Account) -> None:
    for number in range(6):
        account.user(f"u{number}", modified_time=number * DAY + HOUR)
    account.break_off(search=3)
    first = killed(settings(account, page_size=2, start_date="2026-03-06"))
    account.recover()

    second = sync(settings(account, start_date="2026-03-05"), state=first.state)

    assert second.ids == ["u0", "u1", "u2", "u3", "u4", "u5"]


def test_state_is_written_every_thousand_records_whatever_the_page(account: Account) -> None:
    for number in range(2_500):
        account.user(f"u{number:04d}", modified_time=DAY)

    for size in (700, 10_000):
        run = sync(settings(account, page_size=size))

        since, longest, cursors = 0, 0, []
        for message in run.messages:
            since = 0 if message["type"] == "STATE" else since + (message["type"] == "RECORD")
            longest = max(longest, since)
            if message["type"] == "STATE":
                [walk] = message["value"]["bookmarks"].get("users", {}).get("unfinished") or [{}]
                cursors += walk.get("after", [])
        assert longest == 1_000
        assert cursors == ["u0999", "u1999"]
        assert run.messages[-1]["type"] == "STATE"


def test_the_state_of_version_0_1_0_is_gone_on_with(account: Account) -> None:
    account.user("old", modified_time=2 * DAY, last_seen_time=2 * DAY)
    account.user("edited", modified_time=HOUR)
    account.user("active", modified_time=2 * DAY, last_seen_time=HOUR)
    state = {
        "bookmarks": {
            "users": {
                "replication_key": "modifiedTime",
                "replication_key_value": "2026-03-09T12:00:00.000Z",
                "starting_replication_value": "2026-03-08T12:00:00.000Z",
            },
            "companies": {},
        }
    }

    run = sync(settings(account), state=state)

    assert run.ids == ["active", "edited"]
    assert run.bookmark == "2026-03-10T11:00:00.000Z"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"replication_key_value": "lately"}, "has a bookmark that is not a time"),
        ({"replication_key_value": 5}, "has a bookmark that is not a time"),
        ({"replication_key_value": "0001-01-01T00:00:00Z"}, "has a bookmark that is out of range"),
        ({"replication_key_value": "2099-01-01T00:00:00Z"}, "has a bookmark in the future"),
        ({"others": {"lastSeenTime": "x"}}, "has a bookmark that is not a time"),
        ({"partitions": []}, "has a form that this version does not support"),
        ({"unfinished": [{"page": 5}]}, "has a form that this version does not support"),
        ({"unfinished": 5}, "has a form that this version does not support"),
    ],
)
def test_a_state_that_is_not_understood_is_refused(
    account: Account, state: dict[str, Any], told: str
) -> None:
    account.user("u1", modified_time=DAY)

    with pytest.raises(MoesifError) as refused:
        sync(settings(account), state={"bookmarks": {"users": {**state}}})

    assert f"The state of 'users' {told}" in str(refused.value)
    assert "--full-refresh" in str(refused.value)


@pytest.mark.parametrize("state", [{"users": "2026-01-01"}, {"bookmarks": []}, {"bookmarks": 5}])
def test_a_state_without_bookmarks_is_refused(account: Account, state: dict[str, Any]) -> None:
    with pytest.raises(MoesifError, match="bookmarks"):
        sync(settings(account), state=state)
