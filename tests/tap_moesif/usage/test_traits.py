"""Traits of usage that a user names: each is what a count over all events gives, at any time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from singer_sdk.exceptions import ConfigValidationError

from account import DAY, HOUR, MINUTE, NOON, Account, settings
from moesif_sandbox.settings import Settings
from scripted import Reply
from tap_moesif import TapMoesif
from tap_moesif.service import MoesifError
from tap_moesif.usage.traits import read_traits
from tap_output import Output, catalog, sync
from usage_calls import Call, percentile, written
from usage_calls import put as put_calls

if TYPE_CHECKING:
    from collections.abc import Iterable

Traits = dict[str, dict[str, Any]]


def time_of(time: datetime) -> str:
    return f"{written(time)}Z"


def put(account: Account, calls: Iterable[Call], users: Iterable[str] = ("u1", "u2")) -> None:
    put_calls(account, calls)
    for user in users:
        seen = [call.time for call in calls if call.user == user]
        last = {"last_seen_time": time_of(max(seen))} if seen else {}
        account.user(user, modified_time=100 * DAY, **last)
    for company in ("c1", "c2"):
        account.company(company, modified_time=100 * DAY)


def matches(call: Call, trait: dict[str, Any]) -> bool:
    status = trait.get("status", call.status)
    metadata = call.metadata or {}
    return (
        (str(status) == str(call.status) or status == f"{call.status // 100}xx")
        and fnmatchcase(str(call.route), trait.get("route", "*"))
        and call.method == trait.get("method", call.method).upper()
        and all(
            metadata.get(name) == value and type(metadata.get(name)) is type(value)
            for name, value in trait.get("metadata", {}).items()
        )
    )


def counted(calls: Iterable[Call], trait: dict[str, Any], now: datetime) -> Any:
    """Count calls one by one."""
    length = int(trait["window"][:-1]) * (HOUR if trait["window"].endswith("h") else DAY)
    found = [c for c in calls if now - length <= c.time < now and matches(c, trait)]
    durations = sorted(call.duration for call in found if call.duration is not None)
    times = sorted(call.time for call in found)
    percent = re.fullmatch(r"p(.+)DurationMs", trait["count"])
    values: dict[str, Any] = {
        "count": len(found),
        "errorCount": sum(call.status >= 400 for call in found),
        "avgDurationMs": round(fmean(durations), 1) if found else 0,
        "distinctRoutes": len({call.route for call in found}),
        "firstEventTime": time_of(times[0]) if found else None,
        "lastEventTime": time_of(times[-1]) if found else None,
    }
    if percent:
        return percentile(durations, float(percent[1]))
    value = values[trait["count"]]
    return value / trait["of"] if "of" in trait else value


def read(
    account: Account, traits: Traits, state: dict[str, Any] | None = None, **config: Any
) -> Output:
    return sync(settings(account, usage_traits=traits, **config), state=state)


def usage_of(run: Output, stream: str = "users") -> dict[str, Any]:
    return {record["id"]: record["usage"] for record in run.records(stream)}


def began(account: Account) -> datetime:
    """Tell when the run began, on Moesif's clock: with the page of users that it read first."""
    first = next(r for r in account.asked("events") if "usage" in r.get("aggs", {}))
    [range_] = [part["range"] for part in first["query"]["bool"]["filter"] if "range" in part]
    return datetime.fromisoformat(range_["request.time"]["lt"])


WINDOWS = ("1h", "5h", "24h", "3d", "90d")
COUNTS = (
    *("count", "errorCount", "avgDurationMs", "p50DurationMs", "p99.5DurationMs"),
    *("distinctRoutes", "firstEventTime", "lastEventTime"),
)
ROUTES = ("/v1/orders", "/v1/orders/:id", "/v2/orders", "/")


def trait(window: str, count: str, whole: float | None, filters: dict[str, Any]) -> dict[str, Any]:
    share = {"of": whole} if whole and count in {"count", "errorCount"} else {}
    return {"window": window, "count": count, **filters, **share}


TRAITS = st.dictionaries(
    st.sampled_from(["a", "rateLimited24h", "_x"]),
    st.builds(
        trait,
        st.sampled_from(WINDOWS),
        st.sampled_from(COUNTS),
        st.sampled_from([None, 1000, 0.5, 3]),
        st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from([200, 429, "429", "2xx", "5xx"]),
                "route": st.sampled_from([*ROUTES, "/v1/orders*", "*orders", "/*/orders*", "*"]),
                "method": st.sampled_from(["GET", "post"]),
                "metadata": st.sampled_from([{"plan": "free"}, {"seats": 2}, {"beta": True}]),
            },
        ),
    ),
    min_size=1,
)
AGES = st.builds(
    lambda days, milliseconds: timedelta(days=days, milliseconds=milliseconds),
    st.sampled_from([0, 0, 0, 2, 80]),
    st.integers(1, 30 * 3_600_000),
)
CALLS = st.lists(
    st.builds(
        Call,
        time=AGES.map(lambda age: NOON - age),
        user=st.sampled_from(["u1", "u2"]),
        company=st.sampled_from(["c1", "c2"]),
        route=st.sampled_from(ROUTES),
        method=st.sampled_from(["GET", "POST"]),
        status=st.sampled_from([200, 201, 400, 429, 500]),
        duration=st.integers(0, 5_000).map(lambda tenths: tenths / 10),
        metadata=st.sampled_from([None, {"plan": "free"}, {"seats": 2, "beta": True}]),
    ),
    min_size=5,
    max_size=40,
)


@pytest.mark.slow
@given(calls=CALLS, traits=TRAITS)
@hypothesis_settings(max_examples=25, deadline=None)
def test_every_trait_is_what_a_count_of_all_events_gives(calls: list[Call], traits: Traits) -> None:
    with Account() as account:
        put(account, calls)
        run = read(account, traits)
        now = began(account)

    for stream, whose in (("users", "user"), ("companies", "company")):
        assert usage_of(run, stream) == {
            one: {
                name: counted([c for c in calls if getattr(c, whose) == one], trait, now)
                for name, trait in traits.items()
            }
            for one in (f"{whose[0]}1", f"{whose[0]}2")
        }


@pytest.mark.slow
@given(
    calls=CALLS,
    windows=st.sets(st.sampled_from(WINDOWS), min_size=1),
    gaps=st.lists(st.integers(1, 40 * 24), min_size=1, max_size=4),
    rollup=st.booleans(),
)
@hypothesis_settings(max_examples=10, deadline=None)
def test_a_trait_falls_back_with_time_whatever_its_window(
    calls: list[Call], windows: set[str], gaps: list[int], rollup: bool
) -> None:
    """As the calls grow old, users whose traits have changed are emitted again."""
    traits = {f"calls{window}": {"window": window, "count": "count"} for window in windows}
    table: dict[str, Any] = {}
    state = None
    with Account() as account:
        put(account, calls)
        account.user("later", modified_time=DAY)  # or the bookmark would stay before all others
        for gap in [0, *gaps]:
            account.now += gap * HOUR
            account.requests.clear()
            run = read(account, traits, state, usage_rollup=rollup)
            state = run.state
            table |= usage_of(run)
            table.pop("later")
            now = began(account) if run.records() else account.now
            expected = {
                user: {
                    name: counted([c for c in calls if c.user == user], trait, now)
                    for name, trait in traits.items()
                }
                for user in ("u1", "u2")
            }
            assert table == expected


ALL = {name.replace(".", "_"): {"window": "24h", "count": name} for name in COUNTS}


def test_all_traits_of_a_pages_users_take_one_query(account: Account) -> None:
    names = [f"u{number}" for number in range(100)]
    put(account, [Call(NOON - HOUR, user=name) for name in names], names)
    traits = ALL | {f"w{n}": {"window": f"{n}d", "count": "count"} for n in range(1, 30)}

    run = read(account, traits)

    asked = [body for body in account.asked("events") if "user_id.raw" in str(body)]
    assert len(asked) == 1
    assert all(usage["count"] == 1 for usage in usage_of(run).values())


def test_fewer_users_are_asked_about_where_the_engine_gives_fewer_buckets(
    account: Account,
) -> None:
    names = [f"u{number}" for number in range(100)]
    put(account, [Call(NOON - HOUR, user=name) for name in names], names)
    account.limits = Settings(max_buckets=300)

    assert all(usage["count"] == 1 for usage in usage_of(read(account, ALL)).values())


def test_traits_are_typed_in_the_schema_and_follow_it(account: Account) -> None:
    put(account, [Call(NOON - HOUR)])
    shares = {"quota": {"window": "1h", "count": "count", "of": 1000}}

    run = read(account, ALL | shares)

    for stream in ("users", "companies"):
        [schema] = [
            m["schema"] for m in run.messages if m["type"] == "SCHEMA" and m["stream"] == stream
        ]
        types = {
            name: inner["type"][0]
            for name, inner in schema["properties"]["usage"]["properties"].items()
        }
        assert types == {
            "count": "integer",
            "errorCount": "integer",
            "avgDurationMs": "number",
            "p50DurationMs": "number",
            "p99_5DurationMs": "number",
            "distinctRoutes": "integer",
            "firstEventTime": "string",
            "lastEventTime": "string",
            "quota": "number",
        }
        for record in run.records(stream):
            Draft202012Validator(schema).validate(record)


@pytest.mark.parametrize("traits", [None, {}])
def test_without_traits_nothing_of_them_is_there_or_asked_for(
    account: Account, traits: Traits | None
) -> None:
    put(account, [Call(NOON - HOUR)])

    run = sync(settings(account, usage_traits=traits))

    assert account.asked("events") == []
    schema = next(m for m in run.messages if m.get("stream") == "users")["schema"]
    assert "usage" not in schema["properties"]
    assert "usage" not in run.records()[0]


def test_traits_that_are_deselected_are_not_asked_for(account: Account) -> None:
    put(account, [Call(NOON - HOUR)])
    deselected = catalog(without={"usage"}, usage_traits=ALL)

    run = sync(settings(account, usage_traits=ALL), deselected)

    assert account.asked("events") == []
    assert "usage" not in run.records()[0]


def test_a_key_without_the_scope_is_told_how_to_do_without(account: Account) -> None:
    put(account, [Call(NOON - HOUR)])
    account.refuse(Reply(403), "/events")

    with pytest.raises(MoesifError, match="remove usage_traits from the settings"):
        read(account, ALL)


RIGHT: dict[str, Any] = {"window": "24h", "count": "count"}
COUNT_IS = "must be one of count, errorCount, avgDurationMs, distinctRoutes, firstEventTime, "


@pytest.mark.parametrize(
    ("trait", "told"),
    [
        ({**RIGHT, "window": "91d"}, ".window: must be a number of hours or days, from 1h to 90d."),
        ({**RIGHT, "window": "2161h"}, ".window: must be a number of hours"),
        ({**RIGHT, "window": "0h"}, ".window: must be a number of hours"),
        ({**RIGHT, "window": "30m"}, ".window: must be a number of hours"),
        ({**RIGHT, "window": 24}, ".window: must be a number of hours"),
        ({"count": "count"}, ".window: must be a number of hours"),
        ({"window": "1h"}, f".count: {COUNT_IS}"),
        ({**RIGHT, "count": "calls"}, f".count: {COUNT_IS}"),
        ({**RIGHT, "count": "p100DurationMs"}, f".count: {COUNT_IS}"),
        ({**RIGHT, "count": ["count"]}, f".count: {COUNT_IS}"),
        ({**RIGHT, "status": "6xx"}, ".status: must be a status such as 429, or one of 2xx, 3xx,"),
        ({**RIGHT, "status": 42}, ".status: must be a status"),
        ({**RIGHT, "status": True}, ".status: must be a status"),
        ({**RIGHT, "status": [429]}, ".status: must be a status"),
        ({**RIGHT, "route": ""}, ".route: must be a route such as /v1/orders; * matches"),
        ({**RIGHT, "route": 5}, ".route: must be a route"),
        ({**RIGHT, "method": "G T"}, ".method: must be an HTTP method such as GET."),
        ({**RIGHT, "method": 1}, ".method: must be an HTTP method"),
        ({**RIGHT, "metadata": {}}, ".metadata: must be an object"),
        ({**RIGHT, "metadata": "plan"}, ".metadata: must be an object"),
        ({**RIGHT, "metadata": {"plan": None}}, ".metadata: must be an object"),
        ({**RIGHT, "metadata": {"plan": ["free"]}}, ".metadata: must be an object"),
        ({**RIGHT, "of": 0}, ".of: must be a number greater than 0."),
        ({**RIGHT, "of": "1000"}, ".of: must be a number"),
        ({**RIGHT, "of": True}, ".of: must be a number"),
        ({**RIGHT, "count": "lastEventTime", "of": 5}, ".of: not allowed for a time"),
        ({**RIGHT, "rout": "/a"}, ".rout: unknown key; use window, count, status,"),
        ("count", ": must be an object with window, count, status, route, method, metadata"),
    ],
)
def test_a_wrong_trait_is_refused_by_its_name_with_what_is_allowed(trait: Any, told: str) -> None:
    config = {"management_api_key": "k", "usage_traits": {"mine": trait, "right": RIGHT}}

    with pytest.raises(ConfigValidationError) as wrong:
        TapMoesif(config=config)

    [error] = wrong.value.errors
    assert error.startswith(f"Setting usage_traits.mine{told}")


@pytest.mark.parametrize("name", ["", "a b", "4xx", "a.b", "a-b"])
def test_a_name_that_no_column_could_have_is_refused(name: str) -> None:
    _, errors = read_traits({name: RIGHT})

    assert errors == [
        f"Setting usage_traits.{name}: a name may contain only letters, digits and _."
    ]


def test_every_wrong_trait_is_told() -> None:
    _, errors = read_traits({"a": {}, "b": {**RIGHT, "of": -1, "status": 1}})

    assert len(errors) == 4


def test_a_trait_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_MOESIF_MANAGEMENT_API_KEY", "k")
    monkeypatch.setenv("TAP_MOESIF_USAGE_TRAITS", '{"mine": {"window": "1h", "count": "count"}}')

    tap = TapMoesif(parse_env_config=True)

    assert "mine" in tap.streams["users"].schema["properties"]["usage"]["properties"]


def test_a_call_that_comes_late_is_in_the_next_run(account: Account) -> None:
    calls = [Call(NOON - 10 * MINUTE)]
    put(account, calls)
    first = read(account, {"calls": {"window": "1h", "count": "count"}})
    put(account, [*calls, replace(calls[0], time=NOON - 5 * MINUTE)])

    second = read(account, {"calls": {"window": "1h", "count": "count"}}, first.state)

    assert usage_of(first)["u1"] == {"calls": 1}
    assert usage_of(second)["u1"] == {"calls": 2}
