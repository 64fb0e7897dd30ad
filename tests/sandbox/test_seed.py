"""The demo's data: tidy unless it should be awkward, and the same for the same seed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from moesif_sandbox.seed import SeedPlan, make_seed
from moesif_sandbox.times import parse_stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Sandbox

    Source = dict[str, Any]

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc)
SIXTY = [d.source for d in make_seed(SeedPlan(NOW, users=60, companies=10, awkward=True))["users"]]


def of(source: Source, *path: str) -> Any:
    value: object = source
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@pytest.mark.parametrize(
    "has_shape",
    [
        lambda s: "user_id" not in s and s["identified_user_id"],
        lambda s: "user_id" in s and "identified_user_id" not in s,
        lambda s: str(s.get("user_id")).isdecimal(),
        lambda s: "body" in s and "metadata" not in s,
        lambda s: "body" in s and "metadata" in s,
        lambda s: s.get("body") == {},
        lambda s: "created" in s,
        lambda s: "created_at" in s,
        lambda s: "create_time" in s,
        lambda s: not s.keys() & {"created", "created_at", "create_time"},
        lambda s: str(s["first_seen_time"]).endswith("0000Z"),
        lambda s: len(str(s["first_seen_time"])) == 23,
        lambda s: str(s["first_seen_time"]).endswith("+02:00"),
        lambda s: len(str(s["modified_time"])) == 23,
        lambda s: str(s["modified_time"]).endswith("0000Z"),
        lambda s: str(s["modified_time"]).endswith("+02:00"),
        lambda s: "crm_segment" in s,
        lambda s: "🚀" in str(s["name"]),
        lambda s: "\0" in str(s["name"]) and "\u202e" in str(s["name"]),
        lambda s: "company_id" not in s,
        lambda s: "company_id" in s and "company" not in s,
        lambda s: of(s, "company", "session_token"),
        lambda s: isinstance(s.get("company"), dict) and list(s["company"]) == ["subscriptions"],
        lambda s: of(s, "company", "domain_name"),
        lambda s: of(s, "company", "company_domain"),
        lambda s: of(s, "company", "body"),
        lambda s: of(s, "company", "created_at") or of(s, "company", "create_time"),
        lambda s: of(s, "metadata", "sales_info", "contacts"),
        lambda s: of(s, "campaign", "utm_source"),
        lambda s: "campaign" in s and s["campaign"] is None,
        lambda s: "enrichment" in s,
        lambda s: "enrichments" in s,
        lambda s: "clearbit" in s,
        lambda s: "user_agent" in s,
        lambda s: "user_agent" not in s,
        lambda s: "geo_ip" not in s,
        lambda s: isinstance(of(s, "geo_ip", "location"), dict),
        lambda s: isinstance(of(s, "geo_ip", "location"), list),
        lambda s: "geo_ip" in s and "location" not in s["geo_ip"],
        lambda s: "last24HourAggResults" in s,
        lambda s: "last_24_hour_agg_results" in s,
        lambda s: s["email"] == 12345,
        lambda s: s.get("metadata") == "not an object",
        lambda s: s.get("created") == "yesterday",
    ],
)
def test_sixty_awkward_users_show_each_shape(has_shape: Callable[[Source], object]) -> None:
    assert any(has_shape(source) for source in SIXTY)


def test_unless_asked_for_all_is_as_a_database_takes_it() -> None:
    seed = make_seed(SeedPlan(NOW, users=300, companies=30))
    fields = {"user_id": str, "name": str, "email": str, "created": str, "modified_time": str,
              "metadata": dict, "session_token": list, "geo_ip": dict}  # fmt: skip
    for document in (*seed["users"], *seed["companies"], *seed["events"]):
        text = json.dumps(document.source, ensure_ascii=False, allow_nan=False)
        assert "\\u0000" not in text
        assert "\u202e" not in text
        text.encode()  # no half of a surrogate pair
    for user in seed["users"]:
        assert {name: type(user.source[name]) for name in fields} == fields
    assert not {"body", "identified_user_id", "clearbit"} & {
        n for u in seed["users"] for n in u.source
    }
    assert all(company.source["company_id"] == company.id for company in seed["companies"])


def test_the_same_seed_and_time_give_the_same_data() -> None:
    plan = SeedPlan(NOW, users=40, companies=5, awkward=True)
    assert make_seed(plan) == make_seed(plan)
    assert make_seed(plan) != make_seed(plan._replace(seed=2))
    assert make_seed(plan)["users"] == make_seed(plan._replace(users=60))["users"][:40]


def test_changes_are_spread_over_the_days_with_ties_and_ids_are_distinct() -> None:
    users = make_seed(SeedPlan(NOW, users=500, companies=5, days=10))["users"]
    times = [parse_stored(user.source["modified_time"]) for user in users]
    start = int((NOW - timedelta(days=10)).timestamp() * 1000)
    assert all(time is not None and start <= time <= start + 864_000_000 for time in times)
    assert len({user.id for user in users}) == 500
    assert len({*times}) < 400
    assert max(Counter(times).values()) == 50


def test_so_many_users_as_asked_lack_modified_time() -> None:
    users = make_seed(SeedPlan(NOW, users=60, companies=5, without_modified_time=7))["users"]
    assert sum("modified_time" not in user.source for user in users) == 7


def times_of(seed: Any) -> dict[str, list[str]]:
    times: dict[str, list[str]] = {user.id: [] for user in seed["users"]}
    for event in seed["events"]:
        times[event.source["user_id"]].append(event.source["request"]["time"])
    return times


def test_some_users_have_calls_of_the_last_day_some_none_and_some_act() -> None:
    data = make_seed(SeedPlan(NOW, users=60, companies=5))
    times = times_of(data)
    recent = {user for user, calls in times.items() if calls and max(calls) >= "2026-03-09T15:30"}
    assert 0 < len(recent) < sum(map(bool, times.values())) < 60
    assert {event.source["event_type"] for event in data["events"]} == {"api_call", "user_action"}
    assert max(max(calls, default="") for calls in times.values()) <= "2026-03-10T15:30"


def test_one_user_in_twenty_draws_a_curve_over_seven_days() -> None:
    times = times_of(make_seed(SeedPlan(NOW, users=60, companies=5)))
    busy = [calls for calls in times.values() if len(calls) == 120]
    assert len(busy) == 3
    for calls in busy:
        days = Counter(time[:10] for time in calls)
        hours = Counter(int(time[11:13]) for time in calls)
        assert len(days) >= 7
        assert len(hours) >= 10
        assert sum(hours[hour] for hour in range(10, 16)) > len(calls) / 3
        assert sum(hours[hour] for hour in (0, 1, 2, 3, 4, 22, 23)) == 0
        newest, oldest = max(days), min(days)
        assert days[max(day for day in days if day < newest)] > days[oldest]


def test_there_are_fewer_events_a_user_when_users_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("moesif_sandbox.seed.events"), "_MAX_EVENTS", 500)
    data = make_seed(SeedPlan(NOW, users=200, companies=5, events_per_user=30))
    assert 0 < len(data["events"]) <= 500


def test_an_account_may_have_no_zone_in_any_time(start: Callable[..., Sandbox]) -> None:
    plan = SeedPlan(NOW, users=60, companies=9, awkward=True)
    zoned, bare = make_seed(plan), make_seed(plan._replace(times_without_zone=True))
    for kind in ("users", "companies", "events"):
        texts = [json.dumps([d.source for d in seed[kind]]) for seed in (zoned, bare)]
        assert '0Z"' in texts[0]
        assert 'Z"' not in texts[1]
        assert '+02:00"' not in texts[1]
    for without, with_zone in zip(bare["users"], zoned["users"], strict=True):
        times = [parse_stored(user.source["modified_time"]) for user in (without, with_zone)]
        assert times[0] == times[1] is not None
    options = ("--users", "30", "--now", NOW.isoformat())
    window = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-11T00:00:00Z"}
    found = [
        [hit["_id"] for hit in start(*options, *more).hits("events", params=window)]
        for more in (["--times-without-zone"], [])
    ]
    assert found[0] == found[1] != []
