"""What changed since the last sync is emitted, whatever happens meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from account import DAY, HOUR, MINUTE, NOON, Account, settings
from scripted import Reply
from tap_moesif.errors import MoesifError
from tap_output import Output, sync

if TYPE_CHECKING:
    from scripted import Request


def test_only_what_changed_is_read_again(account: Account) -> None:
    for day in range(10):
        account.user(f"u{day}", modified_time=(10 - day) * DAY)
    first = sync(settings(account, page_size=3))
    account.now += HOUR
    account.user("u2", modified_time=MINUTE)
    account.user("new", modified_time=2 * MINUTE)

    second = sync(settings(account), state=first.state)
    account.now += HOUR
    third = sync(settings(account), state=second.state)

    assert first.ids == [f"u{day}" for day in range(10)]
    assert second.ids == ["new", "u2", "u9"]  # the newest again, for what is late
    assert third.ids == ["new", "u2"]  # within the look back from the newest
    assert sync(settings(account, lookback_minutes=0), state=second.state).ids == ["u2"]


@pytest.mark.parametrize("user", ["u0", "u3", "u9"])
@pytest.mark.parametrize("search", [1, 2, 3, 6])
def test_who_changes_while_the_sync_runs_is_emitted_as_changed_in_the_end(
    account: Account, user: str, search: int
) -> None:
    for number in range(10):
        account.user(f"u{number}", modified_time=DAY)

    def meanwhile(number: int) -> None:
        if number == search:
            account.user(user, modified_time=timedelta(), name="new")

    account.meanwhile = meanwhile

    first = sync(settings(account, page_size=2))
    second = sync(settings(account, page_size=2, lookback_minutes=0), state=first.state)

    assert first.ids == [f"u{number}" for number in range(10)]
    last = {record["id"]: record for record in first.records() + second.records()}
    assert last[user].get("name") == "new"


def test_a_user_who_is_new_while_the_sync_runs_is_emitted_in_the_end(account: Account) -> None:
    for number in range(6):
        account.user(f"u{number}", modified_time=DAY)
    account.meanwhile = lambda number: (
        account.user(f"new{number}", modified_time=timedelta()) if number < 4 else None
    )

    first = sync(settings(account, page_size=2))
    second = sync(settings(account, page_size=2), state=first.state)

    assert {"new1", "new2", "new3"} <= {*first.ids, *second.ids}


@pytest.mark.parametrize(("late", "found"), [(1, True), (20, True), (21, False)])
def test_what_becomes_searchable_late_is_found_within_the_look_back(
    account: Account, late: int, found: bool
) -> None:
    account.user("u1", modified_time=timedelta(), last_seen_time=timedelta())
    first = sync(settings(account))
    account.now = NOON
    account.user("late", modified_time=late * MINUTE)
    account.now += HOUR

    second = sync(settings(account), state=first.state)

    assert ("late" in second.ids) is found


@pytest.mark.parametrize("both_move", [True, False])
def test_activity_is_a_change_whichever_time_moves_with_it(
    account: Account, both_move: bool
) -> None:
    for user in ("active", "idle", "other"):
        account.user(user, modified_time=9 * DAY, last_seen_time=9 * DAY)
    account.user("recent", modified_time=DAY, last_seen_time=DAY)
    first = sync(settings(account))
    account.now += HOUR
    modified = MINUTE if both_move else 9 * DAY + HOUR
    account.user("active", modified_time=modified, last_seen_time=MINUTE)

    second = sync(settings(account), state=first.state)

    assert second.ids == ["active", "recent"]


def test_a_profile_edit_without_activity_is_a_change(account: Account) -> None:
    account.user("edited", modified_time=9 * DAY, last_seen_time=9 * DAY)
    account.user("active", modified_time=9 * DAY, last_seen_time=timedelta())
    first = sync(settings(account))
    account.now += HOUR
    account.user("edited", modified_time=MINUTE, last_seen_time=9 * DAY + HOUR)

    assert "edited" in sync(settings(account), state=first.state).ids


def test_the_usage_of_who_became_idle_falls_back_once(account: Account) -> None:
    account.user("idle", modified_time=91 * DAY, last_seen_time=20 * HOUR)
    account.call("idle", 20 * HOUR)
    account.user("busy", modified_time=90 * DAY, last_seen_time=HOUR)
    account.call("busy", HOUR)
    account.user("gone", modified_time=91 * DAY, last_seen_time=30 * DAY)
    runs = []
    state: dict[str, Any] | None = None
    for _ in range(4):
        run = sync(settings(account, usage_rollup=True), state=state)
        state = run.state
        runs.append(run.calls)
        account.now += 6 * HOUR

    assert runs == [
        {"idle": 1, "busy": 1, "gone": 0},
        {"idle": 0, "busy": 1},
        {"busy": 1},
        {"busy": 1},
    ]


def test_the_usage_falls_back_also_after_a_pause_of_days(account: Account) -> None:
    account.user("idle", modified_time=90 * DAY, last_seen_time=23 * HOUR)
    account.call("idle", 23 * HOUR)
    first = sync(settings(account, usage_rollup=True))
    account.now += 9 * DAY
    account.user("busy", modified_time=90 * DAY, last_seen_time=HOUR)

    second = sync(settings(account, usage_rollup=True), state=first.state)
    account.now += DAY
    third = sync(settings(account, usage_rollup=True), state=second.state)

    assert first.calls == {"idle": 1}
    assert second.calls == {"idle": 0, "busy": 0}
    assert third.calls == {"busy": 0}


def test_a_roll_up_that_is_wanted_anew_takes_in_who_was_active_before(account: Account) -> None:
    account.user("u1", modified_time=90 * DAY, last_seen_time=5 * HOUR)
    account.user("u2", modified_time=90 * DAY, last_seen_time=timedelta())
    first = sync(settings(account))

    assert sync(settings(account, usage_rollup=True), state=first.state).ids == ["u1", "u2"]


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_this_machines_clock_has_no_part_in_it(account: Account, hours: int) -> None:
    account.now = datetime.now(timezone.utc) + hours * HOUR  # so ours is as much behind
    account.user("u1", modified_time=MINUTE, last_seen_time=MINUTE)
    account.call("u1", timedelta(hours=23, minutes=59))
    account.call("u1", timedelta(hours=24, minutes=1))
    first = sync(settings(account, usage_rollup=True))
    account.now += HOUR
    account.user("u2", modified_time=30 * MINUTE)

    second = sync(settings(account), state=first.state)

    assert first.calls == {"u1": 1}
    assert "u2" in second.ids
    assert first.bookmark == account_time(account, HOUR + MINUTE, first)


def account_time(account: Account, ago: timedelta, run: Output) -> str:
    """Find the time that a record has: that of the account's clock, to the second."""
    [time] = {record["modifiedTime"] for record in run.records()}
    assert time.startswith(account.time(ago)[:13])
    return str(time)


def test_without_a_date_in_the_answers_the_bookmark_still_comes_from_moesifs_times(
    account: Account,
) -> None:
    account.user("u1", modified_time=HOUR)
    account.dated = False

    assert sync(settings(account)).bookmark == f"{account.time(HOUR)[:11]}11:00:00.000Z"


def test_a_time_in_the_future_does_not_push_the_bookmark_ahead(account: Account) -> None:
    account.user("now", modified_time=MINUTE)
    account.user("ahead", modified_time=-365 * DAY, last_seen_time=-365 * DAY)
    first = sync(settings(account))
    account.now += HOUR
    account.user("next", modified_time=MINUTE)

    second = sync(settings(account), state=first.state)

    assert first.bookmark == "2026-03-10T11:59:00.000Z"
    assert second.ids == ["ahead", "next", "now"]


def test_documents_without_a_time_of_change_are_in_every_run(account: Account) -> None:
    account.user("never")
    account.user("seen", last_seen_time=DAY)
    account.user("old", modified_time=DAY)
    first = sync(settings(account))
    account.now += DAY
    account.user("new", modified_time=MINUTE)

    second = sync(settings(account), state=first.state)
    account.now += DAY
    third = sync(settings(account), state=second.state)

    assert first.ids == ["never", "old", "seen"]
    assert second.ids == ["never", "new", "old", "seen"]
    assert third.ids == ["never", "new", "seen"]


def test_an_account_without_any_time_is_read_whole_each_time(account: Account) -> None:
    account.user("u1")
    account.user("u2")
    first = sync(settings(account))

    assert first.bookmark is None
    assert sync(settings(account), state=first.state).ids == ["u1", "u2"]


@pytest.mark.parametrize("form", ["{}", "{}Z", "{}0000Z", "{}+00:00"])
def test_a_time_may_be_written_in_any_way(account: Account, form: str) -> None:
    for number in range(4):
        time = form.format(account.time(number * HOUR))
        account.user(f"u{number}", modified_time=time, last_seen_time=time)
    first = sync(settings(account))
    account.user("u3", modified_time=form.format(account.time(timedelta())))

    second = sync(settings(account), state=first.state)

    assert first.bookmark == "2026-03-10T12:00:00.000Z"
    assert second.ids == ["u0", "u3"]


def test_the_date_is_read_as_the_time_of_the_question(account: Account) -> None:
    """A document that changes while the first search runs may not be in its answer."""
    account.user("asked", modified_time=timedelta(seconds=-4))
    account.user("dated", modified_time=timedelta(seconds=-5))

    assert sync(settings(account, page_size=1)).bookmark == "2026-03-10T12:00:04.000Z"
    dates = [request for request in account.requests if "/users" not in request.path]
    assert len(dates) == 4  # so the first search for users is answered at 12:00:05


@pytest.mark.parametrize("found", [[], ["u1"]], ids=["nothing", "something"])
@pytest.mark.parametrize("bounds", [{}, {"start_date": "2020-01-01"}, {"end_date": "2030-01-01"}])
def test_times_that_cannot_be_asked_for_are_no_silence(
    account: Account, bounds: dict[str, str], found: list[str]
) -> None:
    """Over text, a range finds whatever has a word in it, and says nothing."""
    account.user("u1", modified_time=HOUR, last_seen_time=HOUR)
    first = sync(settings(account))

    def spoil(request: Request, answer: dict[str, Any]) -> Any:
        if b"unmapped_type" in request.body:
            return Reply(400)
        if b"range" in request.body and not found:
            return {"hits": {"total": 0, "hits": []}}
        return answer

    account.spoil = spoil
    state = None if bounds else first.state

    with pytest.raises(MoesifError, match=r"by modified_time.* FULL_TABLE in the catalog"):
        sync(settings(account, **bounds), state=state)


def test_an_account_whose_latest_user_is_gone_is_read_on(account: Account) -> None:
    account.user("u1", modified_time=HOUR, last_seen_time=HOUR)
    state = sync(settings(account)).state

    with Account() as other:
        other.user("u2", modified_time=9 * DAY, last_seen_time=9 * DAY)
        assert sync(settings(other), state=state).ids == []
