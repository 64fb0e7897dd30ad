from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from moesif_sandbox.moesif_times import parse_stored
from moesif_sandbox.seed import SeedPlan, make_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    Source = dict[str, object]

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc)
SIXTY = [document.source for document in make_seed(SeedPlan(NOW, users=60, companies=10)).users]


def of(source: Source, *path: str) -> object:
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
        lambda s: "\u202e" in str(s["name"]),
        lambda s: "\u0301" in str(s["name"]),
        lambda s: "company_id" not in s,
        lambda s: "company_id" in s and "company" not in s,
        lambda s: of(s, "company", "session_token"),
        lambda s: of(s, "company", "subscriptions"),
        lambda s: isinstance(s.get("company"), dict) and list(s["company"]) == ["subscriptions"],
        lambda s: of(s, "company", "domain_name"),
        lambda s: of(s, "company", "company_domain"),
        lambda s: of(s, "company", "body"),
        lambda s: isinstance(of(s, "metadata", "tags"), list),
        lambda s: of(s, "metadata", "sales_info", "contacts"),
        lambda s: s["session_token"],
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
    ],
)
def test_sixty_users_show_each_shape_without_all_having_it(
    has_shape: Callable[[Source], object],
) -> None:
    having = sum(bool(has_shape(source)) for source in SIXTY)
    assert having > 0


def test_the_same_seed_and_time_give_the_same_data() -> None:
    plan = SeedPlan(NOW, users=40, companies=5)
    assert make_seed(plan) == make_seed(plan)
    assert make_seed(plan) != make_seed(SeedPlan(NOW, users=40, companies=5, seed=2))


def test_a_user_is_the_same_however_many_others_there_are() -> None:
    few, many = (make_seed(SeedPlan(NOW, users=count, companies=5)) for count in (20, 60))
    assert few.users == many.users[:20]


def test_changes_are_spread_over_the_days_with_ties_and_ids_are_distinct() -> None:
    users = make_seed(SeedPlan(NOW, users=500, companies=5, days=10)).users
    times = [parse_stored(user.source["modified_time"]) for user in users]
    start = int((NOW - timedelta(days=10)).timestamp() * 1000)
    assert all(time is not None and start <= time <= start + 864_000_000 for time in times)
    assert len({user.id for user in users}) == 500
    assert len(set(times)) < 400
    assert max(times.count(time) for time in set(times)) == 50


def test_so_many_users_as_asked_lack_modified_time() -> None:
    users = make_seed(SeedPlan(NOW, users=60, companies=5, without_modified_time=7)).users
    assert sum("modified_time" not in user.source for user in users) == 7


def test_wrong_types_are_there_on_request_only() -> None:
    assert all(isinstance(source["email"], str) for source in SIXTY)
    users = make_seed(SeedPlan(NOW, users=60, companies=5, wrong_types=True)).users
    assert users[5].source["email"] == 12345
    assert users[10].source["metadata"] == "not an object"
    assert users[15].source["created"] == "yesterday"


def test_some_users_have_calls_of_the_last_day_some_none_and_some_act() -> None:
    data = make_seed(SeedPlan(NOW, users=60, companies=5))
    recent = {
        event.source["user_id"]
        for event in data.events
        if str(of(event.source, "request", "time")) >= "2026-03-09T15:30"
    }
    known = {event.source["user_id"] for event in data.events}
    ids = {user.id for user in data.users}
    assert recent < known < ids
    kinds = {str(event.source["event_type"]) for event in data.events}
    assert kinds == {"api_call", "user_action"}


def test_there_are_fewer_events_a_user_when_users_are_many() -> None:
    data = make_seed(SeedPlan(NOW, users=200, companies=5, events_per_user=1000))
    assert 0 < len(data.events) <= 50_000
