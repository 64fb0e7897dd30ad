"""Subscriptions, cohorts and events, and what a key may read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from account import DAY, HOUR, MINUTE, Account, settings
from scripted import Reply
from tap_moesif.errors import MoesifError
from tap_output import catalog, killed, sync, sync_stream

if TYPE_CHECKING:
    from datetime import timedelta

    from scripted import Request

CANARY = "credential-nobody-may-see"


def subscription(id_: str, **more: Any) -> dict[str, Any]:
    return {"subscription_id": id_, "status": "active", **more}


def test_subscriptions_are_read_out_of_the_companies(account: Account) -> None:
    account.company("c1", subscriptions=[subscription("s1"), subscription("s2")])
    account.company("c2", subscriptions=[subscription("s3", company_id="other")])
    account.company("c3", subscriptions=[])

    run = sync_stream(account, "subscriptions")

    assert run.records("subscriptions") == [
        {"id": "s1", "companyId": "c1", "status": "active"},
        {"id": "s2", "companyId": "c1", "status": "active"},
        {"id": "s3", "companyId": "other", "status": "active"},
    ]
    assert all(request.method == "POST" for request in account.requests)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([subscription("s1")], id="a_list"),
        pytest.param({"subscriptions": [subscription("s1")]}, id="under_its_name"),
        pytest.param(
            {"_id": "c/1", "_source": {"subscriptions": [subscription("s1")]}}, id="in_the_company"
        ),
        pytest.param(
            {"hits": {"hits": [{"_id": "s1", "_source": subscription("s1")}]}}, id="as_hits"
        ),
    ],
)
def test_subscriptions_that_are_not_in_the_company_are_fetched(
    account: Account, answer: Any
) -> None:
    account.company("c/1 ü")
    account.lists["/search/~/companies/c%2F1%20%C3%BC/subscriptions"] = answer

    records = sync_stream(account, "subscriptions").records("subscriptions")

    assert [(record["id"], record["companyId"]) for record in records] == [("s1", "c/1 ü")]


@pytest.mark.parametrize(
    "answer", [Reply(404), Reply(200, {"_id": "c1", "_source": {}}), Reply(200, [])]
)
def test_a_company_may_have_no_subscriptions(account: Account, answer: Reply) -> None:
    account.company("c1")
    account.replies["/search/~/companies/c1/subscriptions"] = answer

    assert sync_stream(account, "subscriptions").records("subscriptions") == []


def test_a_subscription_changes_without_its_company(account: Account) -> None:
    old, new = account.time(9 * DAY), account.time(-2 * HOUR)
    first = [subscription("s1", modified_time=old), subscription("s2", modified_time=old)]
    account.company("c1", modified_time=99 * DAY, subscriptions=first)
    account.company("c2", subscriptions=[subscription("s3", modified_time=account.time(DAY))])
    before = sync_stream(account, "subscriptions")
    account.now += DAY
    second = [subscription("s1", modified_time=old), subscription("s2", modified_time=new)]
    account.company("c1", modified_time=100 * DAY, subscriptions=[*second, subscription("s0")])

    after = sync_stream(account, "subscriptions", before.state)

    assert before.ids_of("subscriptions") == ["s1", "s2", "s3"]
    assert after.ids_of("subscriptions") == ["s2", "s0", "s3"]  # s3 is the newest


def test_windows_of_subscriptions_adjoin(account: Account) -> None:
    many = [subscription(f"s{day}", modified_time=account.time(day * DAY)) for day in range(9)]
    account.company("c1", modified_time=DAY, subscriptions=[*many, subscription("never")])
    border = "2026-03-06T12:00:00Z"

    early = sync_stream(account, "subscriptions", end_date=border).ids_of("subscriptions")
    late = sync_stream(account, "subscriptions", start_date=border).ids_of("subscriptions")

    assert early == ["s5", "s6", "s7", "s8", "never"]
    assert late == ["s0", "s1", "s2", "s3", "s4"]


def test_state_is_written_every_thousand_subscriptions(account: Account) -> None:
    for company in range(9):
        many = [subscription(f"s{company}-{number}") for number in range(300)]
        account.company(f"c{company}", subscriptions=many)

    run = sync_stream(account, "subscriptions")

    kinds = "".join(message["type"][0] for message in run.messages if message["type"] != "SCHEMA")
    assert [len(part) for part in kinds.split("S") if part] == [900, 900, 900]


def test_cohorts_of_users_and_of_companies_are_listed(account: Account) -> None:
    account.lists["/~/cohorts"] = [{"_id": "k1", "cohort_name": "n", "cohort_type": "user"}]

    run = sync_stream(account, "cohorts", app_id="1:2")

    assert run.records("cohorts")[0] == {"id": "k1", "cohortName": "n", "cohortType": "user"}
    assert {request.path for request in account.requests} == {
        "/~/cohorts?cohort_type=user&app_id=1%3A2",
        "/~/cohorts?cohort_type=company&app_id=1%3A2",
    }


def event(account: Account, id_: str, ago: timedelta, **more: Any) -> None:
    side = {
        "time": account.time(ago),
        "headers": {"Authorization": CANARY},
        "body": {"password": CANARY},
    }
    account.put_event(id_, request={**side, "uri": "https://x/a"}, response={**side}, **more)


def test_events_are_read_in_the_order_of_their_time(account: Account) -> None:
    for number in range(7):
        event(account, f"e{number}", number // 2 * HOUR + MINUTE)

    run = sync_stream(account, "events", page_size=2)

    assert run.ids_of("events") == ["e6", "e4", "e5", "e2", "e3", "e0", "e1"]
    assert run.state["bookmarks"]["events"]["replication_key_value"] == "2026-03-10T11:59:00.000Z"


def test_events_are_read_on_from_the_bookmark(account: Account) -> None:
    event(account, "e1", HOUR)
    first = sync_stream(account, "events")
    event(account, "late", HOUR + 19 * MINUTE)
    account.now += HOUR
    event(account, "e2", MINUTE)

    second = sync_stream(account, "events", first.state)

    assert second.ids_of("events") == ["late", "e1", "e2"]


def test_events_end_where_the_run_began(account: Account) -> None:
    event(account, "now", MINUTE)
    event(account, "ahead", -HOUR)

    assert sync_stream(account, "events").ids_of("events") == ["now"]


def test_windows_of_events_adjoin(account: Account) -> None:
    for day in range(9):
        event(account, f"e{day}", day * DAY + MINUTE)
    borders = ["2026-03-01", "2026-03-04T11:59:00Z", "2026-03-09"]
    windows = zip([None, *borders], [*borders, None], strict=True)

    found = [
        id_
        for start, end in windows
        for id_ in sync_stream(account, "events", start_date=start, end_date=end).ids_of("events")
    ]

    assert found == [f"e{day}" for day in reversed(range(9))]


def test_a_killed_sync_of_events_goes_on_within_its_own_window(account: Account) -> None:
    for number in range(6):
        event(account, f"e{number}", (6 - number) * HOUR)
    searches = 0

    def spoil(request: Request, answer: dict[str, Any]) -> Any:
        nonlocal searches
        searches += b'"desc"' not in request.body
        return Reply(400) if searches == 4 else answer  # the first asks for the time

    account.spoil = spoil
    first = killed(settings(account, page_size=2), catalog({"events"}))
    account.recover()
    account.now += DAY
    event(account, "e9", MINUTE)

    second = sync_stream(account, "events", first.state, page_size=2)

    assert second.ids_of("events") == ["e4", "e5"]
    assert sync_stream(account, "events", second.state).ids_of("events") == ["e5", "e9"]


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        (None, ["call", "untyped", "action"]),
        ("api_call", ["call", "untyped"]),
        ("user_action", ["action"]),
    ],
)
def test_events_can_be_of_one_type(
    account: Account, event_type: str | None, expected: list[str]
) -> None:
    event(account, "call", 3 * HOUR, event_type="api_call")
    event(account, "untyped", 2 * HOUR)
    event(account, "action", HOUR, event_type="user_action", action_name="Signed up")

    assert sync_stream(account, "events", event_type=event_type).ids_of("events") == expected


@pytest.mark.parametrize("heeds_excludes", [True, False])
def test_headers_and_bodies_are_neither_asked_for_nor_emitted(
    account: Account, *, heeds_excludes: bool
) -> None:
    event(account, "e1", HOUR)
    account.whole_sources = not heeds_excludes

    run = sync_stream(account, "events")

    assert run.ids_of("events") == ["e1"]
    assert CANARY not in json.dumps(run.messages)
    assert "request.headers" in account.asked("events")[-1]["_source"]["excludes"]


def test_headers_and_bodies_are_emitted_where_they_are_wanted(account: Account) -> None:
    event(account, "e1", HOUR)

    [record] = sync_stream(account, "events", emit_event_payloads=True).records("events")

    assert record["request"]["headers"] == {"Authorization": CANARY}
    assert record["response"]["body"] == {"password": CANARY}


def test_events_are_not_selected_by_default(account: Account) -> None:
    event(account, "e1", HOUR)

    assert sync(settings(account)).records("events") == []


def test_events_that_the_key_may_not_read_are_told_with_their_scope_and_how_to_do_without(
    account: Account,
) -> None:
    account.refuse(Reply(403))

    with pytest.raises(MoesifError) as refused:
        sync_stream(account, "events")

    assert "lacks the scope read:events, which the stream 'events' needs" in str(refused.value)
    assert 'meltano select tap-moesif --exclude events "*"' in str(refused.value)
