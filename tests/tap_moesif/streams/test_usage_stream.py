"""The stream `usage`: each bucket is what a count over all events gives, whatever happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from account import DAY, HOUR, MINUTE, NOON, Account, settings
from moesif_sandbox.seed import SeedPlan, make_seed
from moesif_sandbox.settings import Settings
from scripted import Reply
from tap_moesif import TapMoesif
from tap_moesif.records import json_schema
from tap_moesif.service import MoesifError
from tap_moesif.streams import usage
from tap_moesif.streams.usage import Usage
from tap_output import Output, attempt, catalog, killed, sync_stream
from usage_calls import Call, percentile, put, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scripted import Request

pytestmark = pytest.mark.slow

LENGTHS = {"hour": HOUR, "day": DAY}
Table = dict[str, dict[str, Any]]


def floor(time: datetime, length: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return epoch + (time - epoch) // length * length


Key = tuple[str | None, str | None, str, str | None]
"""User, company, start and route."""


def counted(
    calls: Iterable[Call],
    until: datetime,
    interval: str = "hour",
    of: str = "users",
    *,
    by_route: bool = False,
) -> dict[Key, dict[str, Any]]:
    """Count calls one by one: what is to be emitted of the buckets that were over by a time."""
    length = LENGTHS[interval]
    buckets: dict[Key, list[Call]] = defaultdict(list)
    for call in calls:
        start = floor(call.time, length)
        if call.action or start + length > until:
            continue
        for route in [None, call.route] if by_route and call.route else [None]:
            if of != "companies" and call.user:
                buckets[call.user, None, f"{written(start)}Z", route].append(call)
            if of != "users" and call.company:
                buckets[None, call.company, f"{written(start)}Z", route].append(call)
    return {key: figures(found, key[3]) for key, found in buckets.items()}


def figures(calls: list[Call], route: str | None) -> dict[str, Any]:
    durations = sorted(call.duration for call in calls if call.duration is not None)
    classes = Counter(f"{call.status // 100}xx" for call in calls)
    single = Counter(str(call.status) for call in calls)
    commonest = sorted(single.items(), key=lambda one: (-one[1], one[0]))[:5]
    routes = Counter(call.route for call in calls if call.route)
    return {
        "count": len(calls),
        "errorCount": classes["4xx"] + classes["5xx"],
        "statusCounts": {name: classes[name] for name in ("2xx", "3xx", "4xx", "5xx")}
        | dict(commonest),
        "avgDurationMs": round(fmean(durations), 1) if durations else 0,
        "p90DurationMs": percentile(durations, 90),
        **(
            {}
            if route
            else {
                "topRoutes": [
                    {"route": name, "count": count}
                    for name, count in sorted(routes.items(), key=lambda r: (-r[1], r[0]))[:5]
                ]
            }
        ),
    }


def by_key(records: Iterable[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    names = ("userId", "companyId", "startTime", "route")
    return {
        (r.get("userId"), r.get("companyId"), r["startTime"], r.get("route")): {
            name: value for name, value in r.items() if name not in {*names, "id", "endTime"}
        }
        for r in records
    }


def read(account: Account, state: dict[str, Any] | None = None, **config: Any) -> Output:
    return sync_stream(account, "usage", state, **config)


def queries(account: Account) -> int:
    return len(account.asked("events"))


def calls_of(
    time: st.SearchStrategy[datetime], late: st.SearchStrategy[timedelta]
) -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        time=time,
        user=st.sampled_from(["u1", "u2", "ü 3", "", "4"]).map(lambda user: user or None),
        company=st.sampled_from(["c1", "c2", None]),
        route=st.sampled_from(["/a", "/b", "/c/:id", None]),
        status=st.sampled_from([200, 201, 204, 304, 400, 404, 429, 500, 503]),
        duration=st.one_of(st.none(), st.integers(0, 5_000).map(lambda tenths: tenths / 10)),
        action=st.sampled_from([False, False, False, True]),
        late=late,
    )


AGES = st.builds(
    lambda hours, milliseconds: timedelta(hours=hours, milliseconds=milliseconds),
    st.sampled_from([0, 0, 1, 7, 30, 90]),
    st.integers(0, 3_600_000),
).map(lambda age: NOON - age)
CALLS = st.lists(calls_of(AGES, st.just(timedelta(0))), min_size=10, max_size=60)


@pytest.fixture(autouse=True)
def _short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "FIRST_LIST_SIZE", 2)
    monkeypatch.setattr(usage, "MAX_LIST_SIZE", 5)


REFUSED = {
    "as_today": b"nothing",
    "before_7.2": b'"fixed_interval"',
    "from_8.0": b'"interval"',
    "before_6.1": b'"composite"',
    "statuses_as_text": b'"field":"response.status","size"',
}
"""What an engine does not take."""


@pytest.mark.parametrize("engine", REFUSED)
@given(
    calls=CALLS,
    interval=st.sampled_from(["hour", "day"]),
    of=st.sampled_from(["users", "companies", "both"]),
    by_route=st.booleans(),
)
@hypothesis_settings(max_examples=10, deadline=None)
def test_every_bucket_is_what_a_count_of_all_events_gives(
    engine: str, calls: list[Call], interval: str, of: str, by_route: bool
) -> None:
    with Account() as account:
        put(account, calls)
        account.refuse(Reply(400), having=REFUSED[engine])
        run = read(account, usage_interval=interval, usage_of=of, usage_by_route=by_route)

    records = run.records("usage")
    assert by_key(records) == counted(calls, NOON, interval, of, by_route=by_route)
    assert len({record["id"] for record in records}) == len(records)


def test_the_demos_own_events_are_counted_one_by_one(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_LIST_SIZE", 500)
    calls = []
    for document in make_seed(SeedPlan(now=NOON, users=20, companies=4))["events"]:
        source: Any = document.source
        account.put_event(document.id, **source)
        calls.append(
            Call(
                datetime.fromisoformat(source["request"]["time"]),
                source["user_id"],
                source.get("company_id"),
                source["request"]["route"],
                status=source.get("response", {}).get("status", 0),
                duration=source.get("duration_ms"),
                action=source["event_type"] == "user_action",
            )
        )

    run = read(account, usage_of="both", usage_by_route=True)

    expected = counted(calls, NOON, of="both", by_route=True)
    assert by_key(run.records("usage")) == expected
    assert max(figures["count"] for figures in expected.values()) > 5


@dataclass(frozen=True)
class Step:
    """What happens before a run, and how the run ends.

    Attributes:
        minutes: How long after the run before.
        calls: Their times as shares of these minutes, and by how much they come late.
        survives: How many searches are answered before the run is killed; None: all.
    """

    minutes: int
    calls: list[tuple[float, Call]]
    survives: int | None


STEPS = st.lists(
    st.builds(
        Step,
        minutes=st.integers(1, 200),
        calls=st.lists(
            st.tuples(
                st.floats(0, 1, exclude_max=True),
                calls_of(st.just(NOON), st.integers(0, 19).map(lambda m: m * MINUTE)),
            ),
            max_size=8,
        ),
        survives=st.one_of(st.none(), st.integers(1, 6)),
    ),
    min_size=1,
    max_size=6,
)


TO_THE_END = [Step(90, [], None), Step(1, [], None)]
"""A run that goes on where a killed one stood does not look at what has happened since."""


@given(steps=STEPS, by_route=st.booleans(), full_first=st.booleans())
@hypothesis_settings(max_examples=25, deadline=None)
def test_a_table_is_right_at_last_while_calls_come_late_and_runs_are_killed(
    steps: list[Step], by_route: bool, full_first: bool
) -> None:
    calls: list[Call] = []
    table: Table = {}
    state: dict[str, Any] = {}
    first = NOON - (DAY if full_first else HOUR)
    with Account() as account:
        account.now = first
        for step in [*steps, *TO_THE_END]:
            account.now = max(account.now, first) + step.minutes * MINUTE
            began = account.now - step.minutes * MINUTE
            calls += [
                replace(call, time=began + share * step.minutes * MINUTE)
                for share, call in step.calls
            ]
            put(account, [call for call in calls if call.time + call.late <= account.now])
            kill_after(account, step.survives)
            run, _ = attempt(settings(account, usage_by_route=by_route), catalog({"usage"}), state)
            state = run.state or state
            table |= {record["id"]: record for record in run.records("usage")}
            over = account.now

    assert by_key(table.values()) == counted(calls, over, by_route=by_route)


def kill_after(account: Account, searches: int | None) -> None:
    """Have the account answer so many searches, and none behind; None: all."""
    before = queries(account)

    def spoil(_: Request, answer: dict[str, Any]) -> Any:
        survives = searches is None or queries(account) - before <= searches
        return answer if survives else Reply(404)

    account.spoil = spoil


def hours(*ago: float, **call: Any) -> list[Call]:
    return [Call(NOON - timedelta(hours=hour), **call) for hour in ago]


def starts(run: Output) -> list[str]:
    return [record["startTime"][:16] for record in run.records("usage")]


def test_a_record_says_whose_it_is_and_from_when_to_when(account: Account) -> None:
    put(account, [Call(NOON - 90 * MINUTE, status=429)])

    [record] = read(account).records("usage")

    assert record == {
        "id": record["id"],
        "userId": "u1",
        "startTime": "2026-03-10T10:00:00.000Z",
        "endTime": "2026-03-10T11:00:00.000Z",
        "count": 1,
        "errorCount": 1,
        "statusCounts": {"2xx": 0, "3xx": 0, "4xx": 1, "5xx": 0, "429": 1},
        "avgDurationMs": 1.0,
        "p90DurationMs": 1.0,
        "topRoutes": [{"route": "/a", "count": 1}],
    }
    Draft202012Validator(json_schema(Usage.fields)).validate(record)


def test_an_id_is_of_the_subject_the_time_the_length_and_the_route(account: Account) -> None:
    put(account, [*hours(1.5, 13.5), Call(NOON - DAY, user="c1"), Call(NOON - 2 * DAY)])
    runs = [
        read(account, usage_of="both", usage_by_route=True, usage_interval=interval)
        for interval in ("hour", "day", "hour")
    ]
    hourly, daily, again = [[record["id"] for record in run.records("usage")] for run in runs]

    assert hourly == again
    assert len({*hourly, *daily}) == len(hourly) + len(daily)


def test_what_had_all_of_its_calls_is_not_emitted_again(account: Account) -> None:
    account.now = NOON + 25 * MINUTE
    put(account, hours(1.5, 0.5))
    first = read(account)
    account.now = NOON + 85 * MINUTE
    asked = queries(account)

    second = read(account, first.state)

    assert starts(second) == []
    assert queries(account) - asked == 2  # the clock, and one list
    assert second.state["bookmarks"]["usage"] == {
        "replication_key": "startTime",
        "replication_key_value": "2026-03-10T12:00:00.000Z",
        "rolled_up": "2026-03-10T13:20:00.000Z",
        "unfinished": [],
    }


def test_between_dates_are_the_buckets_that_begin_there_each_whole(account: Account) -> None:
    put(account, hours(*(n / 4 for n in range(1, 40))))

    first = read(account, start_date="2026-03-10T04:30:00Z", end_date="2026-03-10T07:30:00Z")
    then = read(account, start_date="2026-03-10T07:30:00Z", end_date="2026-03-10T09:00:00Z")

    assert starts(first) == [f"2026-03-10T{hour}:00" for hour in ("05", "06", "07")]
    assert starts(then) == ["2026-03-10T08:00"]
    assert {record["count"] for record in [*first.records("usage"), *then.records("usage")]} == {4}


def test_a_bounded_run_leaves_a_state_from_which_the_rest_is_read(account: Account) -> None:
    put(account, hours(*range(1, 30)))
    bounded = read(account, end_date="2026-03-09T18:00:00Z")

    rest = read(account, bounded.state)

    assert starts(bounded)[-1] == "2026-03-09T17:00"
    assert starts(rest)[0] == "2026-03-09T18:00"


def test_a_state_ahead_of_a_bounded_run_stays(account: Account) -> None:
    put(account, hours(*range(1, 30)))
    whole = read(account)

    bounded = read(account, whole.state, end_date="2026-03-09T18:00:00Z")

    assert starts(bounded) == []
    before, after = (run.state["bookmarks"]["usage"] for run in (whole, bounded))
    assert after == before


def test_a_killed_load_resumes_behind_its_last_record(account: Account) -> None:
    put(account, hours(*range(1, 40)))
    for survives in (4, 12):
        kill_after(account, survives)
        first = killed(settings(account, usage_of="both"), catalog({"usage"}))
        account.recover()
        second = read(account, first.state, usage_of="both")

        both = [*first.records("usage"), *second.records("usage")]
        assert 0 < len(first.records("usage")) < 2 * 39
        assert len(both) == len({record["id"] for record in both}) == 2 * 39


def test_a_load_that_was_killed_under_other_settings_begins_anew(account: Account) -> None:
    put(account, hours(*range(1, 40)))
    kill_after(account, 4)
    first = killed(settings(account), catalog({"usage"}))
    account.recover()

    second = read(account, first.state, usage_interval="day")

    assert first.records("usage")
    assert starts(second) == ["2026-03-08T00:00", "2026-03-09T00:00"]


def test_nobody_without_calls_costs_a_query(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "FIRST_LIST_SIZE", 1_000)
    monkeypatch.setattr(usage, "MAX_LIST_SIZE", 3_000)
    for number in range(2_000):
        account.user(f"u{number}")
    put(account, [Call(NOON - n * HOUR, user=f"u{n * 100}") for n in range(1, 21)])

    assert len(read(account).records("usage")) == 20
    assert queries(account) <= 4


def test_a_gap_of_years_costs_few_queries(account: Account) -> None:
    put(account, [Call(NOON - 3_000 * DAY), Call(NOON - HOUR)])

    assert len(read(account).records("usage")) == 2
    assert queries(account) <= 15


def test_what_has_no_beginning_begins_with_the_first_call(account: Account) -> None:
    put(account, [Call(NOON - 10 * DAY)])

    read(account)

    windows = [request.path for request in account.requests if "events" in request.path]
    assert "from=2026-02-28" in windows[2]


def test_without_any_call_nothing_is_emitted_and_the_state_moves(account: Account) -> None:
    run = read(account)

    assert run.records("usage") == []
    assert run.state["bookmarks"]["usage"]["replication_key_value"] == "2026-03-10T11:00:00.000Z"


def test_fewer_buckets_are_listed_where_the_engine_refuses_as_many(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "FIRST_LIST_SIZE", 100)
    account.limits = Settings(max_buckets=60)
    calls = [replace(call, user=f"u{n}") for n in range(9) for call in hours(1.5, 2.5, 3.5)]
    put(account, calls)

    assert by_key(read(account).records("usage")) == counted(calls, NOON)


def test_where_not_even_one_bucket_may_be_listed_the_run_ends(account: Account) -> None:
    account.limits = Settings(max_buckets=3)
    put(account, hours(1.5))

    with pytest.raises(MoesifError, match="the request is too large"):
        read(account)


def test_a_list_that_is_cut_short_is_read_on(account: Account) -> None:
    calls = hours(*(n / 4 for n in range(4, 80)))
    put(account, calls)

    def spoil(_: Request, answer: dict[str, Any]) -> Any:
        if "usage" in answer.get("aggregations", {}):
            listed = answer["aggregations"]["usage"]
            listed["buckets"] = listed["buckets"][:1]
        return answer

    account.spoil = spoil

    assert by_key(read(account).records("usage")) == counted(calls, NOON)


def test_a_list_that_is_given_again_and_again_ends_the_run(account: Account) -> None:
    put(account, hours(*range(1, 30)))
    kept: list[Any] = []

    def spoil(request: Request, answer: dict[str, Any]) -> Any:
        if b'"composite"' in request.body:
            kept.append(answer)
            return kept[0]
        return answer

    account.spoil = spoil

    with pytest.raises(MoesifError, match="repeats a page that was already read"):
        read(account)


def test_an_answer_without_buckets_is_told_how_to_do_without(account: Account) -> None:
    put(account, hours(1))

    account.spoil = lambda _, answer: {**answer, "aggregations": {}}
    with pytest.raises(MoesifError, match="deselect the stream"):
        read(account, start_date="2026-03-10")


def test_it_is_not_selected_by_default() -> None:
    tap = TapMoesif(config={"management_api_key": "k"})

    assert not tap.streams["usage"].selected
