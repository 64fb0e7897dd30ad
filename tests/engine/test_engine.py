"""The tap's own queries against a real engine: what it reads is what one counts.

make test-engine
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from scripted import Reply
from tap_moesif import TapMoesif
from tap_output import sync

if TYPE_CHECKING:
    from engine import Elasticsearch, Moesif
    from tap_output import Output

pytestmark = pytest.mark.engine

NOW = datetime.now(timezone.utc).replace(microsecond=0)
USERS = 5_000
"""So many that those who were active are listed first."""

ACTIVE_EVERY = 7
WEEK = timedelta(days=7)
ROUTES = [f"/route/{number}" for number in range(12)]


def time(ago: timedelta) -> str:
    return (NOW - ago).replace(tzinfo=None).isoformat(timespec="milliseconds")


def settings(moesif: Moesif, **more: object) -> dict[str, Any]:
    return {"management_api_key": "k", "api_url": moesif.url, **more}


class Account:
    """Users and events in the engine, and the usage that one counts."""

    def __init__(self, engine: Elasticsearch, users: int = USERS) -> None:
        self.engine = engine
        self.chance = random.Random(users)
        self.ids = [f"user {number}" for number in range(users)]
        self.calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._events = 0
        engine.put(
            "users",
            [
                (f"{self.chance.randrange(16**12):012x}", self._user(number))
                for number in range(users)
            ],
        )
        self.call(self.ids[::ACTIVE_EVERY], timedelta(hours=1))
        self.call(self.ids[::11], timedelta(hours=30), counted=False)

    def _user(self, number: int) -> dict[str, Any]:
        ago = timedelta(days=1 + number % 300, seconds=number)
        found = {"user_id": self.ids[number], "name": f"Zoë {number}", "last_seen_time": time(ago)}
        return found if number % 50 == 3 else {**found, "modified_time": time(ago)}

    def call(self, users: list[str], ago: timedelta, *, counted: bool = True) -> None:
        """Let users make some calls, and an action that is none."""
        events = []
        for user in users:
            for _ in range(self.chance.randrange(1, 9)):
                event: dict[str, Any] = {
                    "user_id": user,
                    "duration_ms": self.chance.randrange(1_000),
                    "request": {
                        "time": time(ago + timedelta(seconds=self.chance.randrange(3_000))),
                        "route": self.chance.choice(ROUTES),
                    },
                    "response": {"status": self.chance.choice([200, 204, 302, 404, 503])},
                }
                events.append(event)
                if counted:
                    self.calls[user].append(event)
            action = {"user_id": user, "event_type": "user_action", "request": {"time": time(ago)}}
            events.append(action)
        first, self._events = self._events, self._events + len(events)
        self.engine.put("events", [(f"e{n}", event) for n, event in enumerate(events, first)])

    @property
    def events(self) -> set[str]:
        return {f"e{number}" for number in range(self._events)}

    def usage(self, user: str) -> dict[str, Any]:
        """Count what is exact in a roll-up."""
        calls = self.calls.get(user, [])
        statuses = Counter(call["response"]["status"] // 100 for call in calls)
        routes = Counter(call["request"]["route"] for call in calls)
        top = sorted(routes.items(), key=lambda route: (-route[1], route[0]))[:5]
        mean = sum(call["duration_ms"] for call in calls) / len(calls) if calls else 0
        return {
            "count": len(calls),
            "errorCount": statuses[4] + statuses[5],
            "statusCounts": {f"{number}xx": statuses[number] for number in (2, 3, 4, 5)},
            "avgDurationMs": round(mean, 1),
            "topRoutes": [{"route": route, "count": count} for route, count in top],
            "lastEventTime": max((f"{c['request']['time']}Z" for c in calls), default=None),
        }


@pytest.fixture
def account(engine: Elasticsearch) -> Account:
    return Account(engine)


def check(run: Output, account: Account, users: list[str] | None = None) -> None:
    """See that each user came once, with the usage that one counts."""
    records = {record["id"]: record for record in run.records()}
    assert sorted(run.ids) == sorted(account.ids if users is None else users)
    for user, record in records.items():
        rolled_up = record["last24HourAggResults"]
        slowest = max((call["duration_ms"] for call in account.calls.get(user, [])), default=0)
        assert 0 <= rolled_up.pop("p90DurationMs") <= slowest  # which an engine estimates
        assert rolled_up == account.usage(user), user


def lists(moesif: Moesif) -> list[int]:
    """Give how many of the active were to be listed, query by query."""
    found = [search["aggs"].get("active") for search in moesif.asked("events")]
    return [listed["composite"]["size"] for listed in found if listed]


def test_on_defaults_each_user_comes_once_with_the_usage_that_was_counted(
    moesif: Moesif, account: Account
) -> None:
    check(sync(settings(moesif)), account)

    assert lists(moesif) == [4_000]
    assert len(moesif.asked("events")) == 1


def test_so_it_is_in_small_pages_where_each_is_asked_about(
    moesif: Moesif, engine: Elasticsearch
) -> None:
    account = Account(engine, users=1_500)

    check(sync(settings(moesif, page_size=137, max_page_size=137)), account)

    assert lists(moesif) == []


def test_the_next_run_reads_what_has_changed_and_whose_usage_has(
    moesif: Moesif, account: Account
) -> None:
    first = sync(settings(moesif))
    changed, seen = account.ids[1:200:4], account.ids[2:200:4]
    account.engine.put("users", [(id_, user(id_, modified=timedelta())) for id_ in changed])
    account.engine.put("users", [(id_, user(id_, seen=timedelta())) for id_ in seen])

    second = sync(settings(moesif), state=first.state)

    of_before = [record["id"] for record in first.records() if "modifiedTime" not in record]
    assert {*changed, *seen, *of_before} <= {*second.ids}
    assert len(second.ids) < USERS // 10


def user(id_: str, modified: timedelta = WEEK, seen: timedelta = WEEK) -> dict[str, Any]:
    return {"user_id": id_, "modified_time": time(modified), "last_seen_time": time(seen)}


def test_windows_that_adjoin_hold_each_user_once(moesif: Moesif, account: Account) -> None:
    middle = time(timedelta(days=120))
    before = sync(settings(moesif, end_date=middle))
    after = sync(settings(moesif, start_date=middle))

    assert sorted(before.ids + after.ids) == sorted(account.ids)
    assert min(len(before.ids), len(after.ids)) > USERS // 10


def test_every_event_comes_once(moesif: Moesif, account: Account) -> None:
    config = settings(moesif, start_date=time(timedelta(days=3)))
    catalog = TapMoesif(config=config).catalog_dict
    for stream in catalog["streams"]:
        [own] = [part["metadata"] for part in stream["metadata"] if not part["breadcrumb"]]
        own["selected"] = stream["stream"] == "events"

    run = sync(config, catalog)

    assert {record["id"] for record in run.records("events")} == account.events
    assert len(run.records("events")) == len(account.events)


def test_an_engine_that_allows_few_buckets_is_asked_for_fewer(
    moesif: Moesif, account: Account
) -> None:
    account.engine.limit(**{"search.max_buckets": 3_000})

    check(sync(settings(moesif)), account)

    assert min(lists(moesif)) < 1_000


def test_an_engine_with_a_small_window_is_read_in_small_pages(
    moesif: Moesif, account: Account
) -> None:
    account.engine.call("PUT", "users/_settings", {"index": {"max_result_window": 700}})

    check(sync(settings(moesif)), account)

    sizes = [search["size"] for search in moesif.asked("users")]
    assert sizes[0] == 1_000
    assert max(sizes[1:]) <= 500


@pytest.mark.parametrize(
    ("id_", "searchable"),
    [
        pytest.param("x" * 256, True, id="as_long_as_is_indexed"),
        pytest.param("x" * 257, False, id="longer"),
        pytest.param("🦊" * 128, True, id="two_units_each"),
        pytest.param("🦊" * 129, False, id="two_units_each_and_longer"),
    ],
)
def test_of_an_id_that_is_too_long_to_be_indexed_nobody_knows_the_usage(
    moesif: Moesif, engine: Elasticsearch, id_: str, searchable: bool
) -> None:
    engine.put("users", [("one", {"user_id": id_, "modified_time": time(timedelta(days=1))})])
    call = {"user_id": id_, "request": {"time": time(timedelta(hours=1))}}
    engine.put("events", [("call", call)])

    [record] = sync(settings(moesif)).records()

    usage = record.get("last24HourAggResults", {})
    assert usage.get("count") == (1 if searchable else None)


def read_usage(moesif: Moesif, **more: object) -> list[dict[str, Any]]:
    """Read the stream `usage` of the last hours."""
    config = settings(moesif, start_date=time(timedelta(hours=20)), **more)
    catalog = TapMoesif(config=config).catalog_dict
    for stream in catalog["streams"]:
        [own] = [part["metadata"] for part in stream["metadata"] if not part["breadcrumb"]]
        own["selected"] = stream["stream"] == "usage"
    return sync(config, catalog).records("usage")


def of_hours(account: Account, *, by_route: bool) -> dict[tuple[str, ...], dict[str, Any]]:
    """Count what is exact in each hour of a user, and of each route there."""
    hours: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for user, calls in account.calls.items():
        for call in calls:
            key = (user, f"{call['request']['time'][:13]}:00:00.000Z")
            for each in [key, (*key, call["request"]["route"])] if by_route else [key]:
                hours[each].append(call)
    return {key: figures(calls, routes=len(key) == 2) for key, calls in hours.items()}


def figures(calls: list[dict[str, Any]], *, routes: bool) -> dict[str, Any]:
    single = Counter(call["response"]["status"] for call in calls)
    classes = Counter(call["response"]["status"] // 100 for call in calls)
    called = Counter(call["request"]["route"] for call in calls)
    top = sorted(called.items(), key=lambda route: (-route[1], route[0]))[:5]
    return {
        "count": len(calls),
        "errorCount": classes[4] + classes[5],
        "statusCounts": {f"{number}xx": classes[number] for number in (2, 3, 4, 5)}
        | {str(status): count for status, count in single.items()},
        "avgDurationMs": round(sum(call["duration_ms"] for call in calls) / len(calls), 1),
        **({"topRoutes": [{"route": r, "count": c} for r, c in top]} if routes else {}),
    }


@pytest.mark.parametrize("by_route", [False, True])
@pytest.mark.parametrize("refused", ["nothing", "many buckets", "composites"])
def test_each_hour_of_usage_is_what_was_counted(
    moesif: Moesif, engine: Elasticsearch, refused: str, by_route: bool
) -> None:
    account = Account(engine, users=USERS if refused == "nothing" else 700)
    if refused == "many buckets":
        account.engine.limit(**{"search.max_buckets": 500})
    if refused == "composites":
        answered = moesif.answer
        moesif.answer = lambda request: (
            Reply(400) if b'"composite"' in request.body else answered(request)
        )

    records = read_usage(moesif, usage_by_route=by_route)

    found = {}
    for record in records:
        key = (record["userId"], record["startTime"], *filter(None, [record.get("route")]))
        found[key] = {
            name: record[name]
            for name in ("count", "errorCount", "statusCounts", "avgDurationMs", "topRoutes")
            if name in record
        }
        assert record["p90DurationMs"] >= 0
    assert len(found) == len(records)
    assert found == of_hours(account, by_route=by_route)


def test_days_of_usage_are_hours_together(moesif: Moesif, account: Account) -> None:
    records = read_usage(moesif, usage_interval="day")

    starts = {record["startTime"][10:] for record in records}
    assert starts <= {"T00:00:00.000Z"}
    for record in records:
        calls = account.calls[record["userId"]]
        day = [
            call for call in calls if f"{call['request']['time'][:10]}" == record["startTime"][:10]
        ]
        assert record["count"] == len(day)


TRAITS = {
    "calls1h": {"window": "1h", "count": "count"},
    "errors24h": {"window": "24h", "count": "errorCount"},
    "missing": {"window": "24h", "count": "count", "status": 404},
    "failed": {"window": "24h", "count": "count", "status": "5xx", "of": 10},
    "some": {"window": "24h", "count": "count", "route": "/route/1*"},
    "other": {"window": "24h", "count": "count", "route": "/*/2"},
    "routes": {"window": "24h", "count": "distinctRoutes"},
    "mean": {"window": "24h", "count": "avgDurationMs"},
    "last": {"window": "24h", "count": "lastEventTime"},
    "first": {"window": "24h", "count": "firstEventTime"},
}


def test_each_trait_is_what_was_counted(moesif: Moesif, account: Account) -> None:
    records = sync(settings(moesif, usage_traits=TRAITS, usage_rollup=False)).records()

    assert len(records) == USERS
    for record in records:
        calls = account.calls.get(record["id"], [])
        statuses = [call["response"]["status"] for call in calls]
        routes = [call["request"]["route"] for call in calls]
        times = sorted(f"{call['request']['time']}Z" for call in calls)
        durations = [call["duration_ms"] for call in calls]
        assert record["usage"] == {
            "calls1h": 0,
            "errors24h": sum(status >= 400 for status in statuses),
            "missing": statuses.count(404),
            "failed": sum(status >= 500 for status in statuses) / 10,
            "some": sum(route.startswith("/route/1") for route in routes),
            "other": routes.count("/route/2"),
            "routes": len({*routes}),
            "mean": round(sum(durations) / len(durations), 1) if durations else 0,
            "last": times[-1] if times else None,
            "first": times[0] if times else None,
        }


def test_companies_come_with_their_last_seen_users(moesif: Moesif, engine: Elasticsearch) -> None:
    chance = random.Random(3)
    companies = [f"c {number}" for number in range(400)]
    seen: dict[str, list[tuple[int, str]]] = defaultdict(list)
    users = []
    for number in range(3_000):
        company, ago = chance.choice(companies[:350]), chance.randrange(1, 10**6)
        seen[company].append((ago, f"u{number}"))
        place = (
            {"company": {"company_id": company}} if company == "c 7" else {"company_id": company}
        )
        last = {"last_seen_time": time(timedelta(seconds=ago))}
        users.append((f"h{number}", {"user_id": f"u{number}", **place, **last}))
    engine.put("users", users)
    engine.put(
        "companies", [(one, {"company_id": one, "modified_time": time(WEEK)}) for one in companies]
    )

    records = sync(settings(moesif)).records("companies")

    assert {record["id"]: record.get("lastSeenUserId") for record in records} == {
        one: min(seen[one])[1] if one in seen else None for one in companies
    }
