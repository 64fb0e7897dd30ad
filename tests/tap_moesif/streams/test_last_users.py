"""Companies come with the user who was last seen, through whom Segment's group calls go."""

from __future__ import annotations

import random
from typing import Any

import pytest

from account import DAY, HOUR, MINUTE, Account, settings
from moesif_sandbox.settings import Settings
from scripted import Reply
from tap_moesif.streams import last_users
from tap_output import Output, catalog, sync


def last(run: Output) -> dict[str, Any]:
    return {record["id"]: record.get("lastSeenUserId") for record in run.records("companies")}


def queries(account: Account) -> int:
    return sum("top_hits" in str(body) for body in account.asked("users"))


def test_each_company_comes_with_its_user_who_was_last_seen(account: Account) -> None:
    for company in ("c1", "c2", "c3"):
        account.company(company, modified_time=DAY)
    account.user("u1", company_id="c1", last_seen_time=2 * HOUR)
    account.user("u2", company_id="c1", last_seen_time=HOUR)
    account.user("u3", company_id="c1")
    account.user("u4", company={"company_id": "c2"})

    assert last(sync(settings(account))) == {"c1": "u2", "c2": "u4", "c3": None}
    assert queries(account) == 1


def test_it_is_right_for_any_users(account: Account) -> None:
    chance = random.Random(7)
    seen: dict[str, list[tuple[int, str]]] = {}
    for number in range(60):
        company, minutes = f"c{chance.randrange(12)}", chance.randrange(1, 10_000)
        account.user(f"u{number}", company_id=company, last_seen_time=minutes * MINUTE)
        seen.setdefault(company, []).append((minutes, f"u{number}"))
    for number in range(12):
        account.company(f"c{number}", modified_time=DAY)

    assert last(sync(settings(account))) == {
        f"c{number}": min(seen[f"c{number}"])[1] if f"c{number}" in seen else None
        for number in range(12)
    }


def test_users_are_known_by_any_of_their_ids(account: Account) -> None:
    for company in ("c1", "c2", "c3"):
        account.company(company, modified_time=DAY)
    account.user("h1", company_id="c1", user_id=7)
    account.user("h2", company_id="c2", user_id=None, identified_user_id="known")
    account.user("h3", company_id="c3", user_id=None)

    assert last(sync(settings(account))) == {"c1": "7", "c2": "known", "c3": "h3"}


def test_many_companies_take_few_queries_and_smaller_ones_where_that_is_refused(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_users, "MAX_COMPANIES", 40)
    for number in range(100):
        account.company(f"c{number}", modified_time=DAY)
        account.user(f"u{number}", company_id=f"c{number}")
    expected = {f"c{number}": f"u{number}" for number in range(100)}

    assert last(sync(settings(account))) == expected
    assert queries(account) == 3

    account.limits = Settings(max_buckets=50)
    assert last(sync(settings(account))) == expected


def found(hit: Any) -> Reply:
    bucket = {"key": "c1", "doc_count": 1, "last": {"hits": {"hits": [hit]}}}
    aggregations = {f"by{number}": {"buckets": [bucket]} for number in range(2)}
    return Reply(200, {"hits": {"hits": []}, "aggregations": aggregations})


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(401), Reply(400), Reply(404), Reply(200, {"hits": {"hits": []}})),
        Reply(200, {"hits": {"hits": []}, "aggregations": []}),
        *map(found, ["text", None, {"_source": "text"}, {"_source": {}}, {"_source": [1]}]),
    ],
)
def test_companies_are_read_all_the_same_where_moesif_does_not_tell(
    account: Account, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        account.company(f"c{number}", modified_time=DAY)
    account.user("u1", company_id="c1")
    account.refuse(reply, having=b'"top_hits"')
    caplog.set_level("INFO", logger="tap-moesif")

    run = sync(settings(account, page_size=2))

    assert last(run) == {f"c{number}": None for number in range(5)}
    assert caplog.text.count("Reading companies without lastSeenUserId.") == 1
    assert [record["id"] for record in run.records()] == ["u1"]


def test_nobody_is_asked_for_where_the_field_is_deselected(account: Account) -> None:
    account.company("c1", modified_time=DAY)
    account.user("u1", company_id="c1")

    assert last(sync(settings(account), catalog(without={"lastSeenUserId"}))) == {"c1": None}
    assert queries(account) == 0
