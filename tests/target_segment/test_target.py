"""The target, fed lines as a tap feeds it, writing to a scripted Segment."""

from __future__ import annotations

import json
import re
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from commands import feed, next_line, run, started
from scripted import Reply, Request
from segment_runs import KEY, Segment, schema, state
from target_runs import EMAIL

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PROPERTIES = ("id", "modifiedTime", "firstSeenTime", "email", "context")
SCHEMA = schema("users", *PROPERTIES, mark="users")


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "RECORD",
        "stream": "users",
        "record": {"id": f"user-{number}", "email": EMAIL, **fields},
        "time_extracted": "2026-01-01T00:00:00Z",
    }


# The installed command.


def test_every_record_is_delivered_and_then_the_state_is_written(segment: Segment) -> None:
    lines = [SCHEMA, *(record(n) for n in range(100)), state({"seen": 100})]
    ended = segment.command(lines)
    assert (ended.code, ended.messages) == (0, [{"seen": 100}])
    assert segment.users == sorted(f"user-{n}" for n in range(100))
    assert {request.path for request in segment.requests} == {"/v1/batch"}
    assert segment.summary()["delivered"] == 100


def test_a_state_is_written_to_the_byte_as_it_came(segment: Segment) -> None:
    value = '{ "at" : 20260131120000.123456, "tax": 1.10, "name": "\\u00e9é",  "at":1 }'
    lines: list[Any] = [SCHEMA, record(1), f' {{ "type": "STATE", "value": {value} }} ']
    ended = segment.command(lines, env={"PYTHONIOENCODING": "ascii"})
    assert (ended.code, ended.stdout) == (0, value + "\n")


def test_a_record_in_another_encoding_costs_only_itself_and_the_reason_says_so(
    segment: Segment,
) -> None:
    """Behind a byte order mark, which says nothing."""
    line = json.dumps(record(2, name="caf_")).replace("_", "\udce9")
    lines: list[Any] = ["\ufeff" + json.dumps(SCHEMA), record(1), line, record(3), state(3)]
    ended = segment.command(lines)
    assert (ended.code, ended.stdout, segment.users) == (3, "3\n", ["user-1", "user-3"])
    _, kept = (segment.folder / "rejects.jsonl").read_bytes().splitlines()
    assert b'"caf\xe9"' in kept
    assert b'"reason":"not_utf8","detail":"A byte in it is not UTF-8' in kept


def test_a_record_that_is_nested_too_deeply_costs_only_itself(segment: Segment) -> None:
    """How deep is too deep is Python's to say: 3.14 reads deeper than others."""
    line = json.dumps(record(1, n=0)).replace('"n": 0', '"n": ' + "[" * 100_000 + "]" * 100_000)
    ended = segment.command([SCHEMA, line, record(2), state(1)])
    assert (ended.code, ended.messages, segment.users) == (3, [1], ["user-2"])
    path = segment.folder / "rejects.jsonl"
    _, kept = path.read_text().splitlines()
    [reason] = {"not_json", "message_too_large"} & {*re.findall(r'"reason":"(\w+)"', kept)}
    assert segment.command(path.read_text().splitlines()).code == 3
    assert path.read_text().count(reason) == 2, "it is kept both times, with one reason"


def test_a_state_comes_while_the_tap_is_still_silent(segment: Segment) -> None:
    with segment.started(batch_wait_limit_seconds=0.05) as target:
        feed(target, SCHEMA, record(1), state("early"))
        assert next_line(target) == "early"
        rest, _ = target.communicate(timeout=30)
    assert (target.returncode, rest) == (0, b"")


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    ("signals", "codes"),
    [
        pytest.param([signal.SIGTERM], {143}, marks=pytest.mark.fresh_process),
        ([signal.SIGINT], {130}),
        ([signal.SIGTERM, signal.SIGTERM], {143}),
        # As Meltano sends them; the system delivers either first.
        pytest.param([signal.SIGINT, signal.SIGTERM], {130, 143}, marks=pytest.mark.fresh_process),
    ],
)
def test_a_signal_ends_the_run_once_with_an_honest_state(
    segment: Segment, signals: list[signal.Signals], codes: set[int]
) -> None:
    with segment.started(batch_size_rows=1) as target:
        feed(target, SCHEMA, record(1), state("sent"))
        assert next_line(target) == "sent"
        for number in signals:
            target.send_signal(number)
        rest, stderr = target.communicate(timeout=30)
    assert (target.returncode in codes, rest) == (True, b"")
    assert stderr.count(b"1 delivered") == 1
    assert b"Traceback" not in stderr
    assert segment.summary()["exit_code"] == target.returncode


@pytest.mark.promise(9)
@pytest.mark.parametrize("input_ended", [True, False])
def test_a_signal_while_a_batch_fails_claims_nothing_for_it(
    segment: Segment, *, input_ended: bool
) -> None:
    asked = threading.Event()

    def unavailable(_: Request) -> Reply:
        asked.set()
        return Reply(503)

    segment.answer = unavailable
    with segment.started(batch_size_rows=1) as target:
        feed(target, SCHEMA, record(1), state("never"))
        if input_ended:
            assert target.stdin is not None
            target.stdin.close()
            target.stdin = None
        assert asked.wait(30)
        target.send_signal(signal.SIGTERM)
        stdout, _ = target.communicate(timeout=30)
    assert (target.returncode, stdout) == (143, b"")
    assert segment.summary()["undelivered"] == 1


def test_a_signal_while_sending_waits_for_the_answer_and_sends_nothing_more(
    segment: Segment,
) -> None:
    """Two records are on their way, a third waits for its batch to fill."""
    hold, asked = threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        asked.set()
        return Reply(body={"success": True}, hold=hold)

    segment.answer = slow
    with segment.started(lanes=1, batch_size_rows=2) as target:
        feed(target, SCHEMA, record(1), record(2), state("two"), record(3), state("three"))
        assert asked.wait(30)
        target.send_signal(signal.SIGTERM)
        hold.set()
        stdout, _ = target.communicate(timeout=30)
    assert (target.returncode, stdout) == (143, b'"two"\n')
    assert segment.users == ["user-1", "user-2"]
    assert segment.summary()["delivered"] == 2


def test_a_signal_while_rejects_are_written_leaves_whole_lines_behind_every_state(
    segment: Segment,
) -> None:
    """What a pipe holds is still to be read when the signal comes."""
    lines = [line for n in range(600) for line in (record(n, id="", n=n), state(n))]
    with segment.started() as target:
        feed(target, SCHEMA, *lines)
        assert next_line(target) >= 0
        target.send_signal(signal.SIGTERM)
        stdout, _ = target.communicate(timeout=30)
    assert target.returncode in {143, 3}  # 3: all was rejected before the signal came
    reached = max((json.loads(line) for line in stdout.splitlines()), default=0)
    assert {*range(reached + 1)} <= {line["record"]["n"] for line in segment.rejects()[1:]}


def test_a_rejects_file_that_a_kill_has_torn_is_replayed(segment: Segment) -> None:
    segment.deliver([SCHEMA, record(1, id="")])
    path = segment.folder / "rejects.jsonl"
    fixed = path.read_text().replace('"id": ""', '"id": "fixed"')
    path.write_text(fixed + fixed.splitlines()[-1][:40])
    ended = segment.command([], "--input", str(path))
    assert (ended.code, segment.users) == (0, ["fixed"])
    assert "an incomplete line" in ended.stderr


def test_half_a_line_of_a_tap_ends_the_run(segment: Segment) -> None:
    path = segment.folder / "input"
    path.write_text("\n".join(map(json.dumps, (SCHEMA, record(1)))) + '\n{"type"')
    ended = segment.command([], "--input", str(path))
    assert ended.code == 1
    assert "Line 3" in ended.stderr
    assert "not JSON" in ended.stderr


def test_each_wrong_setting_is_named(segment: Segment) -> None:
    wrong: dict[str, Any] = {"write_key": [KEY], "region": "mars", "lanes": 0}
    ended = segment.command([SCHEMA, record(1), state(1)], **wrong)
    assert (ended.code, ended.stdout, segment.requests) == (1, "", [])
    assert all(f"Setting {name}" in ended.stderr for name in wrong)


@pytest.mark.parametrize("content", [None, "", "no json", "[1]"])
def test_settings_that_are_no_object_are_one_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content)
    with started("target-segment", "--config", str(path), cwd=tmp_path) as process:
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, b"")
    [said] = stderr.decode().splitlines()
    assert said.endswith("--config names no file that holds a JSON object")


@pytest.mark.parametrize(
    ("setting", "code", "states"), [("rejects_path", 1, []), ("summary_path", 3, ["end"])]
)
def test_a_place_that_cannot_be_written_is_said(
    segment: Segment, setting: str, code: int, states: list[str]
) -> None:
    (segment.folder / "file").touch()
    path: dict[str, Any] = {setting: "file/below"}
    ended = segment.command([SCHEMA, record(1, id=""), state("end")], **path)
    assert (ended.code, ended.messages) == (code, states)
    assert setting in ended.stderr


def test_a_standard_output_that_nobody_reads_is_said(segment: Segment) -> None:
    with segment.started() as target:
        assert target.stdout is not None
        target.stdout.close()
        feed(target, SCHEMA, record(1), state("end"))
        _, stderr = target.communicate(timeout=30)
    assert target.returncode == 1
    assert b"Standard output cannot be written" in stderr
    assert b"Traceback" not in stderr
    assert b"BrokenPipe" not in stderr


def test_a_key_is_not_told_even_to_somebody_who_debugs(
    segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    ended = segment.command([SCHEMA, record(1), state("end")], cdn_url=segment.url)
    assert ended.code == 0
    assert "DEBUG" in ended.stderr


def test_about_marks_the_key_as_secret_and_describes_every_setting(tmp_path: Path) -> None:
    ended = run("target-segment", tmp_path, {}, "--about", "--format=json")
    settings = json.loads(ended.stdout)["settings"]["properties"]
    assert [name for name, s in settings.items() if s.get("secret")] == ["write_key"]
    assert [name for name, s in settings.items() if not s.get("description")] == []


# What it makes of its input.


def test_a_state_of_null_hides_no_other(segment: Segment) -> None:
    ended = segment.deliver([SCHEMA, record(1), state({"seen": 1}), record(2), state(None)])
    assert (ended.exit_code, ended.states) == (0, [{"seen": 1}])


def test_as_many_rejects_as_are_allowed_are_no_failure(segment: Segment) -> None:
    lines = [SCHEMA, record(1, id="")]
    codes = [segment.deliver(lines, max_rejects=allowed).exit_code for allowed in (0, 1, -1)]
    assert codes == [3, 0, 0]


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        ({}, "id_not_string"),
        ({"stream_maps": {"users": {"email": "md5(email)"}}}, "not_json"),
    ],
)
def test_a_number_that_nothing_can_hold_costs_only_its_record(
    segment: Segment, maps: dict[str, Any], reason: str
) -> None:
    """It stands where it is looked at: in an id, or anywhere where stream maps look."""
    line = json.dumps(record(1, id=0)).replace('"id": 0', '"id": 1e999') + "\n"
    ended = segment.deliver([SCHEMA, line, record(2), state(1)], **maps)
    assert (ended.exit_code, ended.states, segment.users) == (3, [1], ["user-2"])
    assert ended.summary["rejected_by_reason"] == {reason: 1}


def test_a_key_that_is_refused_by_400_rejects_nothing(segment: Segment) -> None:
    said = {"success": False, "code": "invalid_request", "message": "An invalid write key"}
    segment.answer = lambda _: Reply(400, said)
    ended = segment.deliver([SCHEMA, *(record(n) for n in range(5)), state("end")])
    assert (ended.exit_code, ended.states, ended.rejects) == (1, [], [])
    assert "refuses this sender" in ended.log
    assert "Check write_key" in ended.log


def test_meltanos_loader_test_passes(segment: Segment) -> None:
    """It takes `error` and `exception` in any line for failure."""
    row = {"type": "RECORD", "stream": "meltano_test_stream", "record": {"id": 1, "name": "x"}}
    ended = segment.command([schema("meltano_test_stream", "id", "name"), row, row, state("end")])
    assert (ended.code, ended.messages, segment.requests) == (0, ["end"], [])
    assert not {"error", "exception"} & {*ended.stderr.lower().split()}
    assert segment.summary()["skipped_by_reason"] == {"loader_test": 2}


@pytest.mark.promise(17)
def test_an_unknown_stream_stops_the_run_with_the_line_to_add(segment: Segment) -> None:
    logins = schema("login_audit", "id", "userId", "event", "hash")
    row = {"type": "RECORD", "stream": "login_audit", "record": {"id": 1, "userId": EMAIL}}
    before = [SCHEMA, record(1, email=None), state("before")]
    lines = [*before, logins, state("no record yet"), row, state("after")]
    ended = segment.deliver(lines)
    assert ended.exit_code == 1
    assert "login_audit: {call: track, user_id: userId, event: event}" in ended.log
    assert {*ended.states} <= {"before", "no record yet"}
    assert EMAIL not in str(segment.messages)
    passed = segment.deliver(lines, streams={"*": {"call": "ignore"}})
    assert (passed.exit_code, passed.states[-1]) == (0, "after")


def test_a_stream_that_segment_has_no_call_for_is_skipped_and_said_once(segment: Segment) -> None:
    companies = schema("users", *PROPERTIES, mark="companies")
    ended = segment.deliver([companies, record(1), companies, record(2), state("end")])
    assert (ended.exit_code, ended.states, segment.requests) == (0, ["end"], [])
    assert ended.log.count("'users' is not sent: each user's call contains the company") == 1
    assert ended.summary["skipped_by_reason"] == {"no_call": 2}


@pytest.mark.parametrize(
    "flattening", [{}, {"flattening_enabled": True, "flattening_max_depth": 3}]
)
@pytest.mark.parametrize(
    "anything", [True, False, {}, None, [], {"properties": None}, {"type": None}]
)
def test_a_propertys_schema_may_be_anything(
    segment: Segment, anything: Any, flattening: dict[str, Any]
) -> None:
    deep = {"properties": {"n": anything}}
    odd = schema("users", *PROPERTIES, mark="users", n=anything, deep=deep)
    ended = segment.deliver([odd, record(1, n=5, deep={"n": 5}), state("end")], **flattening)
    assert (ended.exit_code, ended.states) == (0, ["end"]), ended.log
    [message] = segment.messages
    assert message["traits"]["n"] == 5


@pytest.mark.parametrize("anything", [{}, True, {"properties": None}, {"properties": []}])
def test_a_schema_without_properties_of_an_ignored_stream_stops_nobody(
    segment: Segment, anything: Any
) -> None:
    bare = {"type": "SCHEMA", "stream": "audit", "schema": anything, "key_properties": []}
    row = {"type": "RECORD", "stream": "audit", "record": {"line": "x"}}
    lines = [bare, row, SCHEMA, record(1), state("end")]
    ended = segment.deliver(lines, streams={"audit": {"call": "ignore"}})
    assert (ended.exit_code, ended.states) == (0, ["end"]), ended.log


def test_records_are_validated_where_that_is_wanted(segment: Segment) -> None:
    typed = {name: {"type": ["string", "object", "null"]} for name in PROPERTIES}
    lines = [schema("users", mark="users", **typed), record(1, email=5), record(2)]
    ended = segment.deliver(lines, validate_records=True)
    assert (ended.exit_code, segment.users) == (3, ["user-2"])
    assert ended.summary["rejected_by_reason"] == {"invalid_record": 1}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"INFO log line of {EMAIL}", "not JSON"),
        (json.dumps({"type": "RECORD", "stream": "nobody", "record": {"e": EMAIL}}), "SCHEMA"),
        (json.dumps({"type": "RECORD", "stream": "users", "record": EMAIL}), "record"),
        (json.dumps({"type": "RECORD", "stream": ["users"], "record": {}}), "SCHEMA"),
        (json.dumps({"type": "SCHEMA", "stream": "users"}), "schema"),
        (json.dumps({"type": "SCHEMA", "stream": "users", "schema": []}), "schema"),
        (json.dumps({"type": "STATE"}), "value"),
        (json.dumps({"type": "BATCH", "stream": "users"}), "batch_config"),
    ],
)
def test_a_line_that_is_no_singer_message_ends_the_run_after_what_came_before(
    segment: Segment, line: str, words: str
) -> None:
    before = [SCHEMA, state("before"), record(1)]
    ended = segment.deliver([*before, line + "\n", state("after")])
    assert (ended.exit_code, ended.states) == (1, ["before"])
    assert "Line 4" in ended.log
    assert words in ended.log


def test_a_key_that_cannot_be_verified_is_a_warning(segment: Segment) -> None:
    segment.script.append(Reply(403))
    ended = segment.deliver([SCHEMA, record(1), state(1)], cdn_url=segment.url)
    assert (ended.exit_code, ended.states) == (0, [1])
    assert "could not be verified: HTTP 403" in ended.log
