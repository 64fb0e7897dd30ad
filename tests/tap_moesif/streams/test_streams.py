from __future__ import annotations

import gzip
import json
import logging
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from account import HOUR, Account, settings
from scripted import Reply
from tap_moesif import TapMoesif
from tap_moesif.records import Field, Kind
from tap_moesif.service import MoesifError
from tap_moesif.streams.common import REST
from tap_moesif.streams.profiles import ProfileStream
from tap_output import catalog, sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_moesif.streams import MoesifStream


T0 = datetime(2026, 1, 1, tzinfo=timezone.utc)


def paths(account: Account) -> list[str]:
    return [request.path.partition("?")[0].rpartition("/")[2] for request in account.requests]


def modified(user_id: str, time: datetime) -> dict[str, Any]:
    """Write a document as Moesif does: without a zone."""
    return {"user_id": user_id, "modified_time": time.replace(tzinfo=None).isoformat()}


def state(bookmark: str) -> dict[str, Any]:
    entry = {"replication_key": "modifiedTime", "replication_key_value": bookmark}
    return {"bookmarks": {"users": entry}}


@pytest.mark.parametrize(
    ("bookmark", "lookback", "expected"),
    [
        ("2026-01-01T00:00:00.000Z", 0, ["at"]),
        ("2026-01-01T01:00:00+01:00", 20, ["at", "late"]),
        ("2026-01-01", 40, ["at", "early", "late"]),
    ],
)
def test_a_run_begins_so_much_before_the_bookmark(
    account: Account, bookmark: str, lookback: int, expected: list[str]
) -> None:
    minutes = {"early": 21, "late": 20, "at": 0}
    account.holding([modified(name, T0 - timedelta(minutes=m)) for name, m in minutes.items()])

    run = sync(settings(account, lookback_minutes=lookback), state=state(bookmark))

    assert run.ids == expected


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, ["d0", "d1", "d2", "never"]),
        ({"start_date": "2026-01-02"}, ["d1", "d2"]),
        ({"start_date": "2026-01-02T01:00:00+01:00"}, ["d1", "d2"]),
        ({"start_date": "2026-01-02T00:00:00.001Z"}, ["d2"]),
        ({"end_date": "2026-01-03"}, ["d0", "d1", "never"]),
        ({"start_date": "2026-01-01", "end_date": "2026-01-03"}, ["d0", "d1"]),
        ({"start_date": "2026-01-01", "end_date": "2026-01-03T00:00:00.001Z"}, ["d0", "d1", "d2"]),
    ],
)
def test_a_bounded_run_is_half_open_and_those_without_a_time_need_no_start(
    account: Account, bounds: dict[str, str], expected: list[str]
) -> None:
    days = [modified(f"d{day}", T0 + timedelta(days=day)) for day in range(3)]
    account.holding([{"user_id": "never"}, *days])

    assert sync(settings(account, **bounds)).ids == expected


def test_a_bookmark_goes_before_the_start_date(account: Account) -> None:
    account.holding([modified(f"d{day}", T0 + timedelta(days=day)) for day in range(3)])
    config = settings(account, start_date="2026-01-01")

    assert sync(config, state=state("2026-01-03")).ids == ["d2"]


def test_an_end_date_bounds_a_run_with_state_as_well(account: Account) -> None:
    account.holding([modified(f"d{day}", T0 + timedelta(days=day)) for day in range(3)])
    config = settings(account, end_date="2026-01-03")

    assert sync(config, state=state("2026-01-02")).ids == ["d1"]


def test_the_catalog_can_ask_for_everything(account: Account) -> None:
    account.holding([modified("old", T0), modified("new", T0 + timedelta(days=9))])
    bookmark = state("2026-01-10")

    assert sync(settings(account), catalog(method="FULL_TABLE"), bookmark).ids == ["new", "old"]
    assert sync(settings(account), catalog(), bookmark).ids == ["new"]


def test_a_wrong_time_of_change_does_not_stop_the_run(account: Account) -> None:
    run = sync(settings(account.holding([modified("u1", T0), {"modified_time": "lately"}])))

    assert run.records()[0] == {"id": "id_2", "additionalFields": {"modified_time": "lately"}}
    assert run.bookmark == "2026-01-01T00:00:00.000Z"


def test_searches_are_sorted_by_what_is_unique(account: Account) -> None:
    sync(settings(account, page_size=7))

    assert account.requests[-1].json == {
        "query": {"match_all": {}},
        "sort": [{"_id": {"order": "asc"}}],
        "size": 7,
    }


def test_the_other_documented_paths_can_be_named(account: Account) -> None:
    users, companies = (
        "/search/~/search/usermetrics/users",
        "/search/~/search/companymetrics/companies",
    )

    sync(settings(account, users_path=users, companies_path=companies, app_id="1:2"))

    assert [request.path for request in account.requests] == [
        "/~/cohorts?cohort_type=user&app_id=1%3A2",
        "/~/cohorts?cohort_type=company&app_id=1%3A2",
        f"{companies}?app_id=1%3A2",
        f"{companies}?app_id=1%3A2",
        f"{users}?app_id=1%3A2",
    ]


def test_slashes_behind_the_address_make_no_difference(account: Account) -> None:
    sync(settings(account, api_url=f"{account.url}/v1//"))

    assert account.requests[-1].path == "/v1/search/~/search/users"


def test_a_setting_that_is_null_is_one_that_is_not_set(account: Account) -> None:
    sync(settings(account, page_size=None, start_date=None, users_path=None, app_id=None))

    assert account.requests[-1].path == "/search/~/search/users"
    assert account.requests[-1].json["size"] == 1_000


def test_usage_takes_one_query_a_page_and_none_for_an_empty_one(account: Account) -> None:
    account.holding([modified(f"u{n}", T0) for n in range(5)])

    sync(settings(account, usage_rollup=True, page_size=2))

    asked_for = Counter(path for path in paths(account) if path in {"users", "events"})
    assert asked_for == {"users": 4, "events": 3}
    asked = [request.json for request in account.requests if "/events" in request.path]
    ids = [body["query"]["bool"]["filter"][0]["terms"]["user_id.raw"] for body in asked]
    assert sorted(ids) == [["u0", "u1"], ["u2", "u3"], ["u4"]]


def test_who_made_no_call_has_a_roll_up_of_zeros(account: Account) -> None:
    run = sync(settings(account.holding([modified("u1", T0)]), usage_rollup=True))

    assert run.records()[0]["last24HourAggResults"] == {
        "count": 0,
        "errorCount": 0,
        "statusCounts": {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0},
        "avgDurationMs": 0,
        "p90DurationMs": 0,
        "topRoutes": [],
        "lastEventTime": None,
    }


def test_a_roll_up_that_a_document_brings_along_is_passed_on(account: Account) -> None:
    brought = [
        {"user_id": "u1", "last24HourAggResults": {"count": 7, "cost": "2 €"}},
        {"user_id": "u2", "last_24_hour_agg_results": {"count": 8}},
    ]
    account.holding(brought)

    run = sync(settings(account, usage_rollup=True))

    roll_ups = [record["last24HourAggResults"] for record in run.records()]
    assert roll_ups == [{"count": 7, "cost": "2 €"}, {"count": 8}]
    assert "events" not in paths(account)


def test_a_roll_up_counts_each_ones_own_calls_of_a_day(account: Account) -> None:
    account.user("u1")
    account.user("u2")
    account.company("c1")
    for user, ago, event in (
        ("u1", HOUR, {"duration_ms": 10.0, "response": {"status": 200}}),
        ("u1", 23 * HOUR, {"duration_ms": 30.0, "response": {"status": 503}}),
        ("u1", 25 * HOUR, {}),
        ("u1", HOUR, {"event_type": "user_action"}),
        ("u2", HOUR, {}),
    ):
        account.call(user, ago, company_id="c1", **event)

    run = sync(settings(account, usage_rollup=True))

    roll_ups = {r["id"]: r["last24HourAggResults"] for r in run.records()}
    assert roll_ups["u1"] == {
        "count": 2,
        "errorCount": 1,
        "statusCounts": {"2xx": 1, "3xx": 0, "4xx": 0, "5xx": 1},
        "avgDurationMs": 20,
        "p90DurationMs": 30,
        "topRoutes": [{"route": "/a", "count": 2}],
        "lastEventTime": "2026-03-10T11:00:00.000Z",
    }
    assert roll_ups["u2"]["count"] == 1
    assert run.records("companies")[0]["last24HourAggResults"]["count"] == 3


def test_without_a_roll_up_no_event_is_asked_for(account: Account) -> None:
    account.holding([modified("u1", T0)])

    run = sync(settings(account, usage_rollup=False))

    assert "events" not in paths(account)
    assert "last24HourAggResults" not in run.records()[0]


def test_a_roll_up_that_is_deselected_is_not_asked_for(account: Account) -> None:
    account.holding([modified("u1", T0)])
    config = settings(account, usage_rollup=True)

    run = sync(config, catalog(without={"last24HourAggResults"}))

    assert "events" not in paths(account)
    assert run.ids == ["u1"]


def test_a_property_that_is_deselected_is_left_out(account: Account) -> None:
    config = settings(account.holding([{"user_id": "u1", "email": "z@x.example", "name": "Zoë"}]))

    run = sync(config, catalog(without={"email"}))

    assert run.records() == [{"id": "u1", "name": "Zoë"}]


def test_stream_maps_change_what_is_emitted(account: Account) -> None:
    maps = {"users": {"email": None, "mail_md5": "md5(email)", "__alias__": "people"}}
    config = settings(account.holding([{"user_id": "u1", "email": "a"}]), stream_maps=maps)

    run = sync(config)

    assert run.records("people") == [{"id": "u1", "mail_md5": "0cc175b9c0f1b6a831c399e269772661"}]
    assert run.records() == []


@pytest.mark.parametrize(
    ("stream_map", "what"),
    [
        ({"score": "int(email)"}, "score failed on a record (ValueError)."),
        ({"__filter__": "email > 1"}, "__filter__ failed on a record (TypeError)."),
        ({"score": "email +"}, "score is not a valid expression (SyntaxError)."),
    ],
)
def test_a_stream_map_that_fails_is_told_by_its_field_and_without_a_value(
    account: Account, stream_map: dict[str, str], what: str
) -> None:
    config = settings(
        account.holding([{"user_id": "u1", "email": "private@acme.example"}]),
        stream_maps={"users": stream_map},
    )
    with pytest.raises(MoesifError) as caught:
        sync(config)
    assert str(caught.value) == f"The stream maps cannot be applied to 'users': {what}"


def test_session_tokens_are_emitted_where_that_is_wanted(account: Account) -> None:
    documents = [
        {"user_id": "u1", "session_token": ["t"], "company": {"_id": "c", "session_token": "s"}}
    ]

    plain, wanted = (
        sync(settings(account.holding(documents), emit_session_tokens=emit)).records()[0]
        for emit in (False, True)
    )

    assert plain == {"id": "u1", "company": {"id": "c"}}
    assert wanted == {
        "id": "u1",
        "company": {"id": "c", "additionalFields": {"session_token": "s"}},
        "additionalFields": {"session_token": ["t"]},
    }


def test_a_wrong_type_is_told_once_a_field_and_without_its_value(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    account.holding([{"name": ["Zoë"]}, {"name": 5}, {"company": {"created": "Zoë"}}])

    run = sync(settings(account))

    warnings = [entry.getMessage() for entry in caplog.records if entry.levelno == logging.WARNING]
    assert [message.split("'")[1] for message in warnings] == ["name", "company.created"]
    assert "Zoë" not in caplog.text
    assert len(run.ids) == 3


def test_a_hit_without_id_or_document_does_not_stop_the_run(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    found = [
        {"_source": {"user_id": None, "name": "nobody"}, "sort": [1]},
        {"_id": "u1", "sort": [2]},
        {"_id": "u2", "_source": ["text"], "sort": [3]},
    ]
    whole = account.answer
    account.answer = lambda request: (
        Reply(200, {"hits": {"hits": found}})
        if "/users" in request.path and b"search_after" not in request.body
        else whole(request)
    )

    run = sync(settings(account))

    assert run.records() == [
        {"id": "u1"},
        {"id": "u2", "additionalFields": {"_source": ["text"]}},
    ]
    assert "without an id in 'users'" in caplog.text
    assert "nobody" not in caplog.text


PLANS = (
    Field("id", Kind.ID, "The plan's id.", ("plan_id", "_id")),
    Field("modifiedTime", Kind.TIME, "When it was last modified.", ("modified_time",)),
    Field("price", Kind.NUMBER, "Price in dollars.", ("price_in_decimal",)),
    REST,
)


class Plans(ProfileStream):
    """What somebody writes who adds a stream."""

    name = "plans"
    path_setting = "users_path"
    scopes = ("read:plans",)
    contents = "plans"
    usage_field = "plan_id"
    fields = PLANS


class TapWithPlans(TapMoesif):
    """The tap, and the stream in its list."""

    config_jsonschema: ClassVar[dict[str, Any]] = TapMoesif.config_jsonschema

    @override
    def discover_streams(self) -> Sequence[MoesifStream]:
        return [*super().discover_streams(), Plans(self)]


def test_a_stream_more_is_one_declaration_and_one_list_of_fields(
    account: Account,
) -> None:
    document = {"plan_id": 5, "price_in_decimal": 9.5, **modified("u1", T0), "größe": "L"}
    account.holding([document])

    run = sync(settings(account, usage_rollup=True), tap_class=TapWithPlans)

    assert run.records("plans") == [
        {
            "id": "5",
            "modifiedTime": "2026-01-01T00:00:00.000Z",
            "price": 9.5,
            "additionalFields": {"user_id": "u1", "größe": "L"},
        }
    ]
    bookmark = run.state["bookmarks"]["plans"]["replication_key_value"]
    assert bookmark == "2026-01-01T00:00:00.000Z"
    assert paths(account).count("events") == 1


def test_batch_files_hold_every_record_and_state_is_never_ahead_of_them(
    account: Account, tmp_path: Path
) -> None:
    account.holding([modified(f"u{n:02}", T0) for n in range(25)])
    batches = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": tmp_path.as_uri()},
        "batch_size": 10,
    }

    run = sync(settings(account, batch_config=batches, page_size=4))

    ids: list[str] = []
    for message in run.messages:
        for file in message.get("manifest", ()):
            lines = gzip.decompress(Path(urlsplit(file).path).read_bytes()).splitlines()
            ids += [json.loads(line)["id"] for line in lines]
        if message["type"] == "STATE":
            users = message["value"]["bookmarks"].get("users", {})
            assert all(walk["count"] <= len(ids) for walk in users.get("unfinished", ()))
    assert ids == [f"u{n:02}" for n in range(25)]
    assert run.state["bookmarks"]["users"]["unfinished"] == []


def test_a_record_is_the_same_the_short_way_and_the_sdks(account: Account) -> None:
    document = {"user_id": "ü🦊", "email": "a", "metadata": {"x": [1, 2.5, None, "\u2028"]}}
    config = settings(account.holding([document]))

    [short] = [m for m in sync(config).messages if m["type"] == "RECORD"]
    [long] = [
        message
        for message in sync(config, catalog(without={"email", "name"})).messages
        if message["type"] == "RECORD"
    ]

    del short["record"]["email"]
    times = short.pop("time_extracted"), long.pop("time_extracted")
    assert short == long
    assert all(datetime.fromisoformat(time.replace("Z", "+00:00")).tzinfo for time in times)
