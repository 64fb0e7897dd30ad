"""What became of each record, as the outcomes file has it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from people import EMAIL, PEOPLE, REFUSED, TOKEN
from singer_delivery import files
from singer_delivery.testing import Reply, StateRecorder
from target_webhook import TargetWebhook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_delivery.testing import Ended, Request
    from singer_delivery.testing.subject import Trial


def run(trial: Trial, lines: Iterable[Any], **settings: Any) -> Ended:
    return trial.run(lines, outcomes_path=str(trial.folder / "outcomes.jsonl"), **settings)


def written(trial: Trial) -> list[dict[str, Any]]:
    return [*map(json.loads, (trial.folder / "outcomes.jsonl").read_text().splitlines())]


def outcomes(trial: Trial) -> list[dict[str, Any]]:
    return [line["record"] for line in written(trial) if line["type"] == "RECORD"]


def test_each_record_has_one_line_without_its_values_and_the_counts_are_the_summarys(
    trial: Trial,
) -> None:
    lines: list[Any] = [*PEOPLE.lines(range(10))]
    lines.insert(5, PEOPLE.line(PEOPLE.wrong))
    trial.answer = lambda request: REFUSED if 7 in trial.numbers(request) else PEOPLE.success
    ended = run(trial, lines)
    found = outcomes(trial)
    assert sorted(each["record"] for each in found) == [*range(1, 12)]
    assert Counter(each["outcome"] for each in found) == {"delivered": 9, "rejected": 2}
    assert ended.summary["delivered"] == 9
    assert {each["reason"] for each in found} == {None, "no_key", "refused_by_service"}
    assert len({each["run_id"] for each in found}) == 1
    text = (trial.folder / "outcomes.jsonl").read_text()
    assert not any(secret in text for secret in (EMAIL, TOKEN))


def test_the_lines_are_a_singer_stream_with_the_schema_first_and_a_key_that_is_unique(
    trial: Trial,
) -> None:
    for _ in range(2):
        run(trial, PEOPLE.lines(range(3)))
    schema, *records = written(trial)
    assert schema["type"] == "SCHEMA"
    assert stat.S_IMODE((trial.folder / "outcomes.jsonl").stat().st_mode) == 0o600
    for each in (line for line in records if line["type"] == "RECORD"):
        assert each["record"].keys() == schema["schema"]["properties"].keys()
        jsonschema.validate(each["record"], schema["schema"])
    keys = [tuple(each[name] for name in schema["key_properties"]) for each in outcomes(trial)]
    assert len({*keys}) == 6


@pytest.mark.parametrize(
    ("key_properties", "record", "key"),
    [
        (["id"], {"id": "ü\n1"}, "ü\n1"),
        (["id"], {"id": 12345678901234567890}, "12345678901234567890"),
        (["id"], {"id": 1.0}, "1.0"),
        (["id"], {"id": None, "email": ""}, None),
        (["a", "b"], {"a": "x", "b": 2, "id": 0}, '["x",2]'),
        (["a", "b"], {"a": "x", "id": 0}, '["x",null]'),
        ([], {"id": 1}, None),
    ],
)
def test_the_key_is_the_text_of_the_record_s_own(
    trial: Trial, key_properties: list[str], record: Any, key: str | None
) -> None:
    names: dict[str, Any] = {name: {} for name in ("id", "email", "a", "b")}
    schema = {**PEOPLE.schema, "schema": {"properties": names}, "key_properties": key_properties}
    run(trial, [schema, PEOPLE.line(record)], max_rejects=-1)
    assert [each["key"] for each in outcomes(trial)] == [key]


def test_attempts_are_the_requests_that_a_record_was_in(trial: Trial) -> None:
    trial.script.append(Reply(503))
    trial.answer = lambda request: REFUSED if 3 in trial.numbers(request) else PEOPLE.success
    lines = [*PEOPLE.lines(range(4)), PEOPLE.line(PEOPLE.wrong)]
    ended = run(trial, lines, lanes=1, batch_size_rows=4)
    assert {each["key"]: each["attempts"] for each in outcomes(trial)} == {
        "0": 3,  # all four, twice, then this half
        "1": 3,
        "2": 4,
        "3": 4,
        None: 0,
    }
    rejects = [line["record"]["_delivery_reject"] for line in ended.rejects[1:]]
    assert [each["attempts"] for each in rejects] == [0, 4]


def test_a_replay_continues_the_attempts_and_keeps_the_time_of_the_first_rejection(
    trial: Trial,
) -> None:
    trial.answer = lambda _: REFUSED
    first = run(trial, PEOPLE.lines([1]), max_rejects=-1)
    again = run(trial, first.rejects, max_rejects=-1)
    before = first.rejects[-1]["record"]["_delivery_reject"]
    after = again.rejects[-1]["record"]["_delivery_reject"]
    assert (before["attempts"], before["first_rejected_at"]) == (1, before["at"])
    assert (after["attempts"], after["first_rejected_at"]) == (2, before["at"])
    assert after["at"] >= before["at"]


@pytest.mark.promise(1)
def test_a_state_is_written_behind_the_synced_lines_of_all_records_before_it(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = trial.folder / "outcomes.jsonl"
    synced = 0
    fsync = os.fsync

    def note(file: int) -> None:
        nonlocal synced
        fsync(file)
        if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
            synced = path.stat().st_size

    def check(value: int) -> None:
        lines = path.read_bytes()[:synced].splitlines()
        keys = {json.loads(line)["record"]["key"] for line in lines[1:]}
        assert {str(number) for number in range(value + 1)} <= keys

    monkeypatch.setattr(os, "fsync", note)
    ended = trial.run(
        PEOPLE.lines(range(50)), on_state=check, outcomes_path=str(path), batch_size_rows=3
    )
    assert ended.states[-1] == 49


def test_state_lines_share_a_sync(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync costs milliseconds, and a tap writes STATE every 1,000 records."""
    syncs: list[int] = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    ended = run(trial, PEOPLE.lines(range(200)), lanes=1, batch_size_rows=1)
    assert ended.states[-1] == 199
    assert 0 < len(syncs) < 50


def test_a_state_that_waits_for_a_sync_is_written_while_the_input_pauses(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_delivery.reporting.outcomes.SYNC_SECONDS", 0.3)
    written_by_then: list[int] = []
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "w", buffering=1) as tap:

        def feed() -> None:
            with tap:  # closed whatever happens, or the target would wait for more
                for number in range(2):
                    for line in PEOPLE.lines([number])[number:]:
                        tap.write(json.dumps(line) + "\n")
                    assert come[number].wait(10), "a STATE waits for the end of the input"
                written_by_then.extend(states)

        def note(value: int) -> None:
            states.append(value)
            come[value].set()

        states: list[int] = []
        come = [threading.Event(), threading.Event()]
        feeder = threading.Thread(target=feed)
        config = {
            **PEOPLE.settings(trial.url),
            "outcomes_path": str(trial.folder / "outcomes.jsonl"),
            "batch_wait_limit_seconds": 0.01,
            "rejects_path": str(trial.folder / "rejects.jsonl"),
        }
        with contextlib.redirect_stdout(StateRecorder(note)):
            target = TargetWebhook(config=config)
            feeder.start()
            assert target.run(source) == 0
        feeder.join()
    assert written_by_then == [0, 1]


@pytest.mark.promise(1)
def test_an_outcome_that_says_delivered_is_behind_the_acknowledgement(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_delivery.reporting.outcomes.WRITTEN_TOGETHER", 1)
    path = trial.folder / "outcomes.jsonl"

    def answer(_: Request) -> Reply:
        done = {each["key"] for each in outcomes(trial)} if path.exists() else set()
        ahead.update(done - {*map(str, trial.acknowledged)})
        return PEOPLE.success

    ahead: set[str] = set()
    trial.answer = answer
    run(trial, PEOPLE.lines(range(30)), batch_size_rows=1)
    assert not ahead
    assert len(outcomes(trial)) == 30


def test_a_full_disk_ends_the_run_and_no_state_passes_what_has_no_line(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, text: bytes) -> None:
        os.write(file, text[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_all", full)
    ended = run(trial, PEOPLE.lines(range(5)))
    assert (ended.exit_code, ended.states) == (1, [])
    assert "Cannot write outcomes_path" in ended.log
    assert "No space left on device" in ended.log
    assert (trial.folder / "outcomes.jsonl").read_bytes() == b"", "half a line is no Singer stream"


def test_a_dry_run_has_no_outcomes(trial: Trial) -> None:
    ended = run(trial, PEOPLE.lines(range(3)), dry_run=True)
    assert ended.exit_code == 0
    assert not (trial.folder / "outcomes.jsonl").exists()


def test_the_path_may_name_the_target_the_day_and_the_run(trial: Trial) -> None:
    trial.run(
        PEOPLE.lines([1]),
        outcomes_path=str(trial.folder / "new" / "{target}-{date}-{run_id}.jsonl"),
    )
    [path] = (trial.folder / "new").iterdir()
    _, line = path.read_text().splitlines()
    record = json.loads(line)["record"]
    assert path.name == f"target-webhook-{record['at'][:10]}-{record['run_id']}.jsonl"


def test_a_record_that_is_left_out_or_unreadable_has_a_line_too(trial: Trial) -> None:
    unreadable = '{"type":"RECORD","stream":"people","record":{"id":1,"email":NaN}}\n'
    lines = [PEOPLE.schema, PEOPLE.line({"id": 2, "email": "x"}), unreadable]
    maps = {"people": {"__filter__": "id != 2"}}
    run(trial, lines, stream_maps=maps, max_rejects=-1)
    found = [(each["key"], each["outcome"], each["reason"]) for each in outcomes(trial)]
    assert found == [("2", "skipped", "filtered"), (None, "rejected", "not_json")]
