"""tap-moesif into targets that nobody here wrote."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from catalogs import all_selected
from commands import Ended, Sandbox, run

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from postgres import Database

    Records = dict[str, dict[str, Any]]

pytestmark = [
    pytest.mark.wheels,
    pytest.mark.timeout(600),  # the first one also installs the other connector
]


def read(
    services: Sandbox, folder: Path, *arguments: str, streams: Container[str] | None = None
) -> Ended:
    """Run tap-moesif against the sandbox, on all the streams it has or on some."""
    config = {
        "management_api_key": "sandbox-management-key",
        "api_url": f"{services.url}/moesif/api/v1",
    }
    discovered = run("tap-moesif", folder, config, "--discover")
    (folder / "catalog.json").write_text(all_selected(discovered.stdout, streams))
    ended = run("tap-moesif", folder, config, "--catalog", "catalog.json", *arguments)
    assert ended.code == 0, ended.stderr
    return ended


def records_in(messages: Iterable[dict[str, Any]]) -> dict[str, Records]:
    """Give each stream's records by their ids, the last of each."""
    streams: dict[str, Records] = {}
    for message in messages:
        if message["type"] == "RECORD":
            record = message["record"]
            streams.setdefault(message["stream"], {})[record["id"]] = record
    return streams


def streams_of(tapped: Ended) -> set[str]:
    return {message["stream"] for message in tapped.messages if message["type"] == "SCHEMA"}


def load(target: str, folder: Path, config: dict[str, Any], read_before: Ended) -> Any:
    """Run a target on what a tap has written; give the last state it wrote."""
    ended = run(target, folder, config, lines=read_before.lines)
    assert ended.code == 0, ended.stderr[-3000:]
    return ended.messages[-1]


def test_target_jsonl_takes_every_record_as_it_is(
    services: Sandbox, third_party: Callable[[str], str], tmp_path: Path
) -> None:
    tapped = read(services, tmp_path)
    config = {"destination_path": str(tmp_path / "out"), "do_timestamp_file": False}
    state = load(third_party("target-jsonl"), tmp_path, config, tapped)

    assert state == tapped.messages[-1]["value"]
    written = {
        file.stem: [json.loads(line) for line in file.read_text().splitlines()]
        for file in (tmp_path / "out").iterdir()
    }
    expected = records_in(tapped.messages)
    assert {"users", "companies"} <= streams_of(tapped) == expected.keys()
    assert written == {stream: list(records.values()) for stream, records in expected.items()}


def postgres_config(database: Database) -> dict[str, Any]:
    return {
        **database.settings,
        "default_target_schema": "moesif",
        # PostgreSQL's text cannot hold a null character, and users type everything.
        "sanitize_null_text_characters": True,
    }


def tables(database: Database, streams: Iterable[str]) -> dict[str, Records]:
    """Give each table's rows by their ids, without nulls and without the target's own columns."""
    found: dict[str, Records] = {}
    for stream in streams:
        rows = database.rows(f"select * from moesif.{stream}")
        assert len({row["id"] for row in rows}) == len(rows)
        found[stream] = {
            row["id"]: {
                name: value
                for name, value in row.items()
                if value is not None and not name.startswith("_sdc_")
            }
            for row in rows
        }
    return found


def as_rows(messages: list[dict[str, Any]]) -> dict[str, Records]:
    """What PostgreSQL makes of a tap's records."""
    times = {
        message["stream"]: [
            name
            for name, schema in message["schema"]["properties"].items()
            if schema.get("format") == "date-time"
        ]
        for message in messages
        if message["type"] == "SCHEMA"
    }
    return {
        stream: {
            key: {
                name: _as_column(value, is_time=name in times[stream])
                for name, value in record.items()
                if value is not None
            }
            for key, record in records.items()
        }
        for stream, records in records_in(messages).items()
    }


def _as_column(value: Any, *, is_time: bool) -> Any:
    if is_time:
        return value.removesuffix("Z").rstrip("0").removesuffix(".")
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def test_target_postgres_keeps_every_record_whole(
    services: Sandbox, database: Database, third_party: Callable[[str], str], tmp_path: Path
) -> None:
    tapped = read(services, tmp_path)
    state = load(third_party("target-postgres"), tmp_path, postgres_config(database), tapped)

    assert state == tapped.messages[-1]["value"]
    expected = as_rows(tapped.messages)
    assert {"users", "companies"} <= streams_of(tapped) == expected.keys()
    assert tables(database, expected) == expected


def test_target_postgres_loads_the_outcomes_and_the_history(
    services: Sandbox, database: Database, third_party: Callable[[str], str], tmp_path: Path
) -> None:
    """Twice, as a job does that loads a day's file again: nothing is there twice."""
    tapped = read(services, tmp_path)
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("outcomes_path", "history_path")}
    segment = {"write_key": "sandbox-write-key", "host": f"{services.url}/segment", **files}
    broken = {"type": "RECORD", "stream": "users", "record": {"id": "", "name": "Nobody"}}
    lines = [*tapped.lines[:-1], json.dumps(broken), tapped.lines[-1]]
    ended = run("target-segment", tmp_path, segment, lines=lines)
    assert ended.code == 3, ended.stderr

    for _ in range(2):
        for path in files.values():
            messages = Path(path).read_text().splitlines()
            loaded = run(
                third_party("target-postgres"), tmp_path, postgres_config(database), lines=messages
            )
            assert loaded.code == 0, loaded.stderr[-3000:]
    [history] = database.rows("select * from moesif.delivery_runs")
    counted = database.rows(
        "select outcome, count(*) as n from moesif.delivery_outcomes group by outcome"
    )
    assert {row["outcome"]: row["n"] for row in counted} == {
        outcome: history[outcome]
        for outcome in ("delivered", "skipped", "rejected")
        if history[outcome]
    }
    assert history["rejected_by_reason"] == {"id_not_string": 1}
    delivered = database.rows(
        "select message_id from moesif.delivery_outcomes where outcome = 'delivered'"
    )
    received = {message["messageId"] for message in services.segment()["accepted"]}
    assert {row["message_id"] for row in delivered} == received
    assert len(delivered) == len(received)


def test_a_later_run_into_target_postgres_updates_what_changed(
    services: Sandbox, database: Database, third_party: Callable[[str], str], tmp_path: Path
) -> None:
    target, config = third_party("target-postgres"), postgres_config(database)
    first = read(services, tmp_path)
    state = load(target, tmp_path, config, first)
    (tmp_path / "state.json").write_text(json.dumps(state))

    [changed] = services.touch(users=1)["users"]
    second = read(services, tmp_path, "--state", "state.json")
    load(target, tmp_path, config, second)

    before, after = as_rows(first.messages), as_rows(second.messages)
    assert changed in after["users"]
    assert after["users"][changed]["metadata"] != before["users"][changed]["metadata"]
    assert len(after["users"]) < len(before["users"])
    assert tables(database, before) == {
        stream: {**before[stream], **after.get(stream, {})} for stream in before
    }


def test_a_table_of_usage_is_right_after_three_runs(
    services: Sandbox, database: Database, third_party: Callable[[str], str], tmp_path: Path
) -> None:
    """While calls come late, and each run is an hour behind the one before."""
    target, config = third_party("target-postgres"), postgres_config(database)
    now = datetime.now(timezone.utc)
    over = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    (state := tmp_path / "state.json").write_text("{}")
    for _ in range(3):
        over += timedelta(hours=1)
        services.shift_clock((over + timedelta(minutes=5) - now).total_seconds())
        usage = read(services, tmp_path, "--state", "state.json", streams={"usage"})
        state.write_text(json.dumps(load(target, tmp_path, config, usage)))
        late = [call(over - timedelta(minutes=minutes)) for minutes in (3, 11)]
        services.put(events=late)
    first_late = over - timedelta(hours=2)

    events = read(services, tmp_path, streams={"events"}).messages
    expected = Counter(
        (record["userId"], f"{record['requestTime'][:13]}:00:00")
        for record in records_in(events)["events"].values()
        if record["eventType"] == "api_call" and record["requestTime"] < late[1]["request"]["time"]
    )
    rows = database.rows("select * from moesif.usage")
    assert {(row["userId"], row["startTime"]): row["count"] for row in rows} == expected
    assert expected["late", f"{first_late - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"] == 2


def call(time: datetime) -> dict[str, Any]:
    return {
        "_id": f"late-{time:%H%M}",
        "user_id": "late",
        "event_type": "api_call",
        "request": {"time": time.isoformat()[:19], "uri": "https://acme.example/"},
        "response": {"status": 200},
        "duration_ms": 5,
    }
