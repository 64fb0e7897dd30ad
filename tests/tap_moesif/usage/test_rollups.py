from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from account import HOUR, NOON, Account
from moesif_api import api
from scripted import Reply, Request, ScriptedService
from tap_moesif.records import plain
from tap_moesif.service import ForbiddenError, MoesifError, RequiredScope
from tap_moesif.usage import UsageSearch, measure, rollups, window
from tap_moesif.usage.rollup import MAX_ID_UNITS
from tap_moesif.usage.rollups import RollUps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REQUIRED = RequiredScope("users", "read:events", "set usage_rollup: false")
MANY = 1_000_000
"""More users than anybody would ask about one by one."""


class Events(Account):
    """The calls of some users, of which an engine lists no more than it can.

    Attributes:
        calls: How many calls each user made.
        most: How many buckets it takes in an answer.
        refusal: What it answers to more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}
        self.most = 10_000
        self.refusal = Reply(413)
        self.spoil = self._refuse

    def made(self, calls: dict[str, int]) -> None:
        self.calls = calls
        for user, count in calls.items():
            for _ in range(count):
                self.call(user, HOUR)

    def _refuse(self, _: Request, answer: dict[str, Any]) -> Any:
        longest = max(len(one.get("buckets", ())) for one in answer["aggregations"].values())
        return self.refusal if longest > self.most else answer


@pytest.fixture(autouse=True)
def _small_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold a hundredth of what they do."""
    monkeypatch.setattr(measure, "MAX_IDS", 40)
    monkeypatch.setattr(rollups, "IDS_LISTED", 100)


@pytest.fixture
def events() -> Iterator[Events]:
    with Events() as events:
        yield events


@contextmanager
def roll_ups(events: ScriptedService, parallel: int = 1) -> Iterator[RollUps]:
    with api(events.url, parallel=parallel) as moesif:
        yield RollUps(moesif, REQUIRED, UsageSearch("user_id", *window(NOON)))


def complete(
    events: ScriptedService, records: list[dict[str, Any]], expected: int = 0, parallel: int = 1
) -> None:
    with roll_ups(events, parallel) as rolled_up:
        rolled_up.start_listing(expected)
        rolled_up.add_to(records)


def asked_about(request: Request) -> list[str]:
    found: list[str] = request.json["query"]["bool"]["filter"][0]["terms"]["user_id.raw"]
    return found


def asked(events: ScriptedService) -> list[list[str]]:
    """Give the ids that were asked about, query by query."""
    return [asked_about(r) for r in events.requests if "usage" in r.json["aggs"]]


def listed(events: ScriptedService) -> list[tuple[int, bool]]:
    """Say of each list how long it was to be, and whether with roll-ups."""
    lists = [r.json["aggs"]["active"] for r in events.requests if "active" in r.json["aggs"]]
    return [(one["composite"]["size"], "aggs" in one) for one in lists]


def users(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"id": name} for name in names]


def counts(records: list[dict[str, Any]]) -> dict[str, int]:
    return {r["id"]: plain(r)["last24HourAggResults"]["count"] for r in records}


def test_few_users_are_asked_about_by_one_query(events: Events) -> None:
    events.made({"b": 3})
    records = users("abc")

    complete(events, records, expected=3)

    assert asked(events) == [["a", "b", "c"]]
    assert listed(events) == []
    assert counts(records) == {"a": 0, "b": 3, "c": 0}


def test_of_many_users_only_the_active_are_asked_about_and_those_in_their_list(
    events: Events,
) -> None:
    events.made({"b": 3, "z": 1})
    records = users("abc")

    complete(events, records, expected=MANY)

    assert asked(events) == []
    assert listed(events) == [(40, True)]
    assert counts(records) == {"a": 0, "b": 3, "c": 0}


def test_a_long_list_comes_in_parts(events: Events) -> None:
    events.made({f"u{number:02d}": number + 1 for number in range(90)})

    records = users(events.calls)
    complete(events, records, expected=MANY)

    assert listed(events) == [(40, True)] * 3
    assert counts(records) == events.calls


def test_of_more_than_can_be_held_the_ids_are_listed_and_these_asked_about(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "MAX_ROLL_UPS_HELD", 10)
    events.made({f"u{number:02d}": number + 1 for number in range(55)})
    records = users(["idle", "u03", "u44", "u54"])

    complete(events, records, expected=MANY)

    assert listed(events) == [(40, True), (100, False)]
    assert asked(events) == [["u44", "u54"]]
    assert counts(records) == {"idle": 0, "u03": 4, "u44": 45, "u54": 55}


def test_where_most_were_active_each_is_asked_about(events: Events) -> None:
    events.made({f"u{number:02d}": 1 for number in range(50)})
    records = users(list(events.calls)[:45])

    complete(events, records, expected=60)

    assert listed(events) == [(40, True)]
    assert [len(ids) for ids in asked(events)] == [40, 5]
    assert set(counts(records).values()) == {1}


def test_a_list_of_which_the_estimate_was_wrong_ends_where_it_costs_too_much(
    events: Events,
) -> None:
    events.made({f"u{number:02d}": 1 for number in range(90)})
    whole = events.answer
    events.answer = lambda request: without_estimate(whole(request))
    records = users(["u01", "idle"])

    complete(events, records, expected=60)

    assert listed(events) == [(40, True)]
    assert counts(records) == {"u01": 1, "idle": 0}


def without_estimate(reply: Reply) -> Reply:
    reply.body["aggregations"].pop("estimate", None)
    return reply


def test_a_list_that_is_cut_short_is_read_on(events: Events) -> None:
    """The engine says how many there are; a list of fewer than asked for is not its end."""
    events.made({f"u{number:03d}": 1 for number in range(100)})
    whole = events.answer

    def short(request: Request) -> Reply:
        reply = whole(request)
        active = reply.body["aggregations"]["active"]
        active["buckets"] = active["buckets"][:35]
        active["after_key"] = active["buckets"][-1]["key"] if active["buckets"] else None
        return reply

    events.answer = short
    records = users(events.calls)

    complete(events, records, expected=MANY)

    assert set(counts(records).values()) == {1}
    assert asked(events) == []


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(400, {"error": {"type": "parsing_exception"}}), id="not_understood"),
        pytest.param(Reply(500), id="down"),
        pytest.param(Reply(200, {"hits": {"hits": []}}), id="no_aggregations"),
        pytest.param(
            Reply(200, {"hits": {"hits": []}, "aggregations": {"usage": {"buckets": []}}}),
            id="another_aggregation",
        ),
    ],
)
def test_where_there_is_no_list_each_is_asked_about(events: Events, reply: Reply) -> None:
    events.made({"b": 3})
    whole = events.answer
    events.answer = lambda request: reply if b'"active"' in request.body else whole(request)
    records = users("abc")

    complete(events, records, expected=MANY)

    assert asked(events) == [["a", "b", "c"]]
    assert counts(records) == {"a": 0, "b": 3, "c": 0}


def test_a_key_that_may_not_read_events_is_told_so(events: Events) -> None:
    events.answer = lambda _: Reply(403)

    with pytest.raises(ForbiddenError, match="usage_rollup: false"):
        complete(events, users("abc"), expected=MANY)


TOO_MANY_BUCKETS = Reply(503, {"error": {"type": "too_many_buckets_exception"}})
CIRCUIT_BREAKER = Reply(
    429, {"error": {"type": "circuit_breaking_exception"}}, {"Retry-After": "9"}
)
PART_FAILED = Reply(
    200,
    {
        "timed_out": False,
        "_shards": {"failed": 1, "failures": [{"reason": {"type": "too_many_buckets_exception"}}]},
        "hits": {"hits": []},
        "aggregations": {"usage": {"buckets": []}, "active": {"buckets": []}},
    },
)
REFUSALS = pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Reply(413), id="too_large"),
        pytest.param(TOO_MANY_BUCKETS, id="buckets"),
        pytest.param(CIRCUIT_BREAKER, id="circuit_breaker"),
        pytest.param(PART_FAILED, id="part_of_the_shards"),
    ],
)


@REFUSALS
def test_fewer_are_listed_where_the_engine_refuses_as_many(events: Events, refusal: Reply) -> None:
    events.made({f"u{number:03d}": 1 for number in range(70)})
    events.most, events.refusal = 30, refusal
    records = users(events.calls)

    complete(events, records, expected=MANY)

    assert listed(events) == [(n, True) for n in (40, 20, 20, 20, 20)]
    assert set(counts(records).values()) == {1}


@REFUSALS
def test_fewer_are_asked_about_where_that_is_too_much(events: Events, refusal: Reply) -> None:
    names = [f"u{number:04d}" for number in range(30)]
    events.made(dict.fromkeys(names, 2))
    events.most, events.refusal = 11, refusal
    records = users(names)

    complete(events, records)

    assert [len(ids) for ids in asked(events)] == [30, 20, 10, 10, 10]
    assert set(counts(records).values()) == {2}


def test_usage_of_which_a_part_failed_is_asked_for_again(events: Events) -> None:
    events.made({"a": 2})
    events.script.append(Reply(200, {**PART_FAILED.body, "_shards": {"failed": 1}}))
    records = users("ab")

    complete(events, records)

    assert asked(events) == [["a", "b"], ["a", "b"]]
    assert counts(records) == {"a": 2, "b": 0}


def test_batches_are_asked_about_side_by_side(events: Events) -> None:
    names = [f"u{number:02d}" for number in range(90)]
    together, whole = threading.Barrier(3), events.answer

    def answer(request: Request) -> Reply:
        if len(events.requests) > 1:  # the first of all goes alone
            together.wait(10)
        return whole(request)

    events.answer = answer
    with roll_ups(events, parallel=3) as rolled_up:
        rolled_up.add_to(users(["first"]))
        rolled_up.add_to(users(names))

    assert sorted(len(ids) for ids in asked(events)) == [1, 10, 40, 40]


def test_a_page_is_asked_about_at_once_and_its_records_completed_in_parts(events: Events) -> None:
    events.made({"b": 3, "d": 1})
    records = users("abcde")

    with roll_ups(events) as rolled_up:
        rolled_up.prefetch(lambda: users("abcd"))
        rolled_up.add_to(records[:2])
        rolled_up.add_to(records[2:])

    assert asked(events) == [["a", "b", "c", "d"], ["e"]]
    assert counts(records) == {"a": 0, "b": 3, "c": 0, "d": 1, "e": 0}


def test_no_id_of_a_page_is_read_where_all_roll_ups_are_known(events: Events) -> None:
    def read() -> list[dict[str, Any]]:
        raise AssertionError

    with roll_ups(events) as rolled_up:
        rolled_up.start_listing(MANY)
        rolled_up.prefetch(read)
        rolled_up.add_to(users("a"))

    assert asked(events) == []


def test_nobody_is_asked_about_who_cannot_be_or_has_a_roll_up(events: Events) -> None:
    own: dict[str, Any] = {"id": "own", "last24HourAggResults": {"count": 7}}
    too_long: dict[str, Any] = {"id": "x" * (MAX_ID_UNITS + 1)}
    two_units_each: dict[str, Any] = {"id": "🦊" * (MAX_ID_UNITS // 2 + 1)}
    records = [own, too_long, two_units_each, {"id": "u1", "last24HourAggResults": None}]

    complete(events, records)

    assert asked(events) == [["u1"]]
    assert own["last24HourAggResults"] == {"count": 7}
    assert "last24HourAggResults" not in too_long
    assert "last24HourAggResults" not in two_units_each


@pytest.mark.parametrize("body", [{"hits": {"hits": []}}, None])
def test_an_answer_that_cannot_be_used_is_told_the_way_out(
    events: Events, body: dict[str, Any] | None
) -> None:
    """As where an account's statuses or durations are text."""
    events.answer = lambda _: Reply(400) if body is None else Reply(201, body)

    with pytest.raises(MoesifError, match="usage_rollup: false"):
        complete(events, users("a"))
