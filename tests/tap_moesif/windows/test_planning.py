"""A first load in windows: planned, read, and gone on with by the job that stays."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from account import DAY, HOUR, MINUTE, Account, settings
from commands import run
from scripted import Reply
from tap_moesif import TapMoesif
from tap_moesif.errors import MoesifError
from tap_moesif.streams import STREAMS, IncrementalStream
from tap_moesif.windows.planning import plan
from tap_output import sync

if TYPE_CHECKING:
    from pathlib import Path

Plan = dict[str, Any]


def planned(account: Account, windows: int, **more: object) -> Plan:
    tap = TapMoesif(config=settings(account, **more))
    try:
        return plan(tap.moesif, tap.config, windows)
    finally:
        tap.moesif.close()


def read(account: Account, window: dict[str, Any]) -> list[str]:
    dates = {name: window[name] for name in ("start_date", "end_date") if window[name]}
    return sync(settings(account, page_size=7, **dates)).ids


def changed_since(account: Account, state: Plan) -> list[str]:
    return sync(settings(account, lookback_minutes=0), state=state).ids


@pytest.fixture
def full(account: Account) -> Account:
    for number in range(60):
        account.user(f"u{number:02d}", modified_time=DAY * (1 + number % 20) + number * MINUTE)
    for number in range(6):
        account.user(f"timeless{number}")
    return account


def test_the_windows_together_read_every_user_once(full: Account) -> None:
    windows = planned(full, 4)["windows"]
    found = [read(full, window) for window in windows]
    assert len(found) == 4
    assert sorted(user for users in found for user in users) == sorted(
        [f"u{number:02d}" for number in range(60)] + [f"timeless{number}" for number in range(6)]
    )
    assert [len(users) for users in found] == [window["users"] for window in windows]
    assert max(map(len, found)) - min(map(len, found)) <= 2


def test_the_windows_adjoin_and_reach_from_start_to_end(full: Account) -> None:
    start, end = f"{full.time(9 * DAY)}Z", f"{full.time(2 * DAY)}Z"
    windows = planned(full, 3, start_date=start, end_date=end)["windows"]
    assert [windows[0]["start_date"], windows[-1]["end_date"]] == [start, end]
    assert [w["end_date"] for w in windows[:-1]] == [w["start_date"] for w in windows[1:]]
    found = [user for window in windows for user in read(full, window)]
    assert len(found) == len({*found}) == sum(window["users"] for window in windows)
    assert not any(user.startswith("timeless") for user in found)


def test_what_changes_while_the_windows_are_read_is_read_by_the_job_that_goes_on(
    full: Account,
) -> None:
    made = planned(full, 3)
    full.user("u01", modified_time=timedelta(), name="before its window is read")
    full.user("new", modified_time=timedelta())
    first, *others = made["windows"]
    found = read(full, first)
    full.now += HOUR
    full.user("u19", modified_time=timedelta(), name="after its window was read")
    for window in others:
        found += read(full, window)

    rest = changed_since(full, made["state"])

    timeless = [f"timeless{number}" for number in range(6)]  # nothing tells that they have not
    assert sorted(rest) == ["new", *timeless, "u01", "u19"]
    assert {*found, *rest} == {*timeless, "new"} | {f"u{number:02d}" for number in range(60)}
    assert made["state"]["bookmarks"].keys() == {
        vars(stream)["name"] for stream in STREAMS if issubclass(stream, IncrementalStream)
    }


def test_who_has_no_time_is_left_to_the_job_where_the_windows_have_a_start(full: Account) -> None:
    made = planned(full, 2, start_date="2026-03-01")
    assert made["windows"][0]["start_date"] == "2026-03-01T00:00:00.000Z"
    assert changed_since(full, made["state"]) == [f"timeless{number}" for number in range(6)]


def test_an_end_in_the_future_is_now_on_moesifs_clock(full: Account) -> None:
    made = planned(full, 2, end_date="2026-12-31")
    end = made["windows"][-1]["end_date"]
    assert f"{full.time(2 * MINUTE)}Z" < end <= f"{full.time(timedelta())}Z"
    assert made["state"]["bookmarks"]["users"]["replication_key_value"] == end
    assert made["settings"]["end_date"] == "2026-12-31T00:00:00.000Z"


def test_a_document_ahead_of_its_time_stands_in_no_window(full: Account) -> None:
    full.user("ahead", modified_time=-DAY)
    made = planned(full, 8)
    assert all(w["start_date"] is None or w["start_date"] < w["end_date"] for w in made["windows"])
    assert "ahead" in changed_since(full, made["state"])


def test_where_all_are_ahead_of_their_time_the_window_still_ends_now(account: Account) -> None:
    account.user("ahead", modified_time=-DAY)
    for number in range(5):
        account.user(f"timeless{number}")
    [window] = planned(account, 2)["windows"]
    assert window["end_date"] <= f"{account.time(timedelta())}Z"


def test_a_time_beyond_the_calendar_does_no_harm(full: Account) -> None:
    def spoil(_: object, answer: dict[str, Any]) -> dict[str, Any]:
        timed = answer["aggregations"].get("timed")
        if timed:
            timed["first"]["value"], timed["last"]["value"] = -6e13, 9e18
        return answer

    full.spoil = spoil
    assert sum(w["users"] for w in planned(full, 4)["windows"]) == 66


def test_an_empty_account_is_one_empty_window(account: Account) -> None:
    [window] = planned(account, 8)["windows"]
    assert (window["start_date"], window["users"]) == (None, 0)


def test_a_start_in_the_future_is_refused(account: Account) -> None:
    with pytest.raises(MoesifError, match="start_date is in the future"):
        planned(account, 2, start_date="2026-12-31")


@pytest.mark.parametrize(
    "answer",
    [
        {"hits": {"hits": []}},
        {"hits": {"hits": []}, "aggregations": {"timed": {"doc_count": 3}}},
        {"hits": {"hits": []}, "aggregations": []},
        {
            "hits": {"hits": []},
            "aggregations": {
                "timed": {"doc_count": 3, "first": {"value": "noon"}, "last": {"value": None}},
                "timeless": {"doc_count": 0},
            },
        },
    ],
)
def test_an_answer_that_does_not_count_is_told_in_a_sentence(
    account: Account, answer: dict[str, Any]
) -> None:
    account.spoil = lambda _, __: answer
    with pytest.raises(MoesifError, match="ead everything in one run"):
        planned(account, 2)


def test_the_command_prints_the_plan_and_reads_nothing(full: Account, tmp_path: Path) -> None:
    ended = run("tap-moesif", tmp_path, settings(full), "--windows", "3")
    assert ended.code == 0, ended.stderr
    [made] = ended.messages
    assert [*made] == ["windows", "state", "settings"]
    assert len(made["windows"]) == 3
    assert all(body["size"] == 0 for body in full.asked("users"))


def test_the_command_says_in_a_sentence_why_it_cannot_plan(
    account: Account, tmp_path: Path
) -> None:
    account.spoil = lambda _, __: Reply(401, {})
    ended = run("tap-moesif", tmp_path, settings(account), "--windows", "3")
    assert ended.code == 1
    assert ended.says_plainly(json.dumps(settings(account)["management_api_key"]))
    assert "read:users" in ended.stderr
