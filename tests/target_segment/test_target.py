"""The installed command, fed lines as a tap feeds it, writing to a scripted Segment."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from commands import Ended, feed, next_line, run, started
from scripted import Reply, Request, ScriptedService
from segment_runs import KEY, config, rejected, scripted_segment, sent, state, summary

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

EMAIL = "jane.canary@example.com"
PROPERTIES = ("id", "modifiedTime", "firstSeenTime", "email", "context")
SCHEMA: dict[str, Any] = {
    "type": "SCHEMA",
    "stream": "users",
    "schema": {
        "$id": "urn:tap-moesif:users",
        "properties": {name: {} for name in PROPERTIES},
    },
    "key_properties": ["id"],
}


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "RECORD",
        "stream": "users",
        "record": {"id": f"user-{number}", "email": EMAIL, **fields},
        "time_extracted": "2026-01-01T00:00:00Z",
    }


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def test_every_record_is_delivered_and_then_the_state_is_written(
    segment: ScriptedService, tmp_path: Path
) -> None:
    lines = [SCHEMA, *(record(n) for n in range(100)), state({"seen": 100})]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert (ended.code, ended.messages) == (0, [{"seen": 100}])
    assert ended.says_plainly(KEY, EMAIL)
    assert sorted(m["userId"] for m in sent(segment)) == sorted(f"user-{n}" for n in range(100))
    assert {request.path for request in segment.requests} == {"/v1/batch"}
    assert summary(tmp_path)["delivered"] == 100
    assert not (tmp_path / "rejects").exists()


def test_a_state_is_written_to_the_byte_as_it_came(
    segment: ScriptedService, tmp_path: Path
) -> None:
    value = '{ "at" : 20260131120000.123456, "tax": 1.10, "name": "\\u00e9é",  "at":1 }'
    lines: list[Any] = [SCHEMA, record(1), f' {{ "type": "STATE", "value": {value} }} ']
    env = {"PYTHONIOENCODING": "ascii"}
    ended = run("target-segment", tmp_path, config(segment), lines=lines, env=env)
    assert (ended.code, ended.stdout) == (0, value + "\n")


def test_a_record_in_another_encoding_costs_only_itself_and_the_reason_says_so(
    segment: ScriptedService, tmp_path: Path
) -> None:
    """Behind a byte order mark, which says nothing."""
    line = json.dumps(record(2, name="caf_")).replace("_", "\udce9")
    lines: list[Any] = ["\ufeff" + json.dumps(SCHEMA), record(1), line, record(3), state(3)]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert (ended.code, ended.stdout) == (3, "3\n")
    assert sorted(message["userId"] for message in sent(segment)) == ["user-1", "user-3"]
    [path] = (tmp_path / "rejects").iterdir()
    _, kept = path.read_bytes().splitlines()
    assert b'"caf\xe9"' in kept
    assert b'"reason":"not_utf8","detail":"A byte in it is not UTF-8' in kept


def test_a_state_of_null_hides_no_other(segment: ScriptedService, tmp_path: Path) -> None:
    lines = [SCHEMA, record(1), state({"seen": 1}), record(2), state(None)]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert (ended.code, ended.messages) == (0, [{"seen": 1}])


def test_as_many_rejects_as_are_allowed_are_no_failure(
    segment: ScriptedService, tmp_path: Path
) -> None:
    lines = [SCHEMA, record(1, id="")]
    codes = [
        run("target-segment", tmp_path, config(segment, max_rejects=n), lines=lines).code
        for n in (0, 1, -1)
    ]
    assert codes == [3, 0, 0]


@contextmanager
def running(
    folder: Path, service: ScriptedService, **settings: Any
) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "config.json").write_text(json.dumps(config(service, **settings)))
    with started("target-segment", "--config", "config.json", cwd=folder) as process:
        yield process


def test_a_state_comes_while_the_tap_is_still_silent(
    segment: ScriptedService, tmp_path: Path
) -> None:
    with running(tmp_path, segment, batch_wait_limit_seconds=0.05) as target:
        feed(target, SCHEMA, record(1), state("early"))
        assert next_line(target) == "early"
        rest, _ = target.communicate(timeout=30)
    assert (target.returncode, rest) == (0, b"")


@pytest.mark.promise(9)
@pytest.mark.fresh_process
@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGTERM], 143),
        ([signal.SIGINT], 130),
        ([signal.SIGTERM, signal.SIGTERM], 143),
    ],
)
def test_a_signal_ends_the_run_with_an_honest_state(
    segment: ScriptedService, tmp_path: Path, signals: list[signal.Signals], code: int
) -> None:
    with running(tmp_path, segment, batch_size_rows=1) as target:
        feed(target, SCHEMA, record(1), state("sent"))
        assert next_line(target) == "sent"
        for number in signals:
            target.send_signal(number)
        rest, stderr = target.communicate(timeout=30)
    assert (target.returncode, rest) == (code, b"")
    assert b"1 delivered" in stderr
    assert b"Traceback" not in stderr
    assert summary(tmp_path)["exit_code"] == code


@pytest.mark.fresh_process
def test_both_signals_at_once_as_meltano_sends_them_end_the_run_once(
    segment: ScriptedService, tmp_path: Path
) -> None:
    with running(tmp_path, segment, batch_size_rows=1) as target:
        feed(target, SCHEMA, record(1), state("sent"))
        assert next_line(target) == "sent"
        target.send_signal(signal.SIGINT)
        target.send_signal(signal.SIGTERM)
        _, stderr = target.communicate(timeout=30)
    assert target.returncode in {130, 143}  # whichever the system delivers first
    assert stderr.count(b"1 delivered") == 1


@pytest.mark.promise(9)
@pytest.mark.parametrize("input_ended", [True, False])
def test_a_signal_while_a_batch_fails_claims_nothing_for_it(
    segment: ScriptedService, tmp_path: Path, *, input_ended: bool
) -> None:
    asked = threading.Event()

    def unavailable(_: Request) -> Reply:
        asked.set()
        return Reply(503)

    segment.answer = unavailable
    with running(tmp_path, segment, batch_size_rows=1) as target:
        feed(target, SCHEMA, record(1), state("never"))
        if input_ended:
            assert target.stdin is not None
            target.stdin.close()
            target.stdin = None
        assert asked.wait(30)
        target.send_signal(signal.SIGTERM)
        stdout, _ = target.communicate(timeout=30)
    assert (target.returncode, stdout) == (143, b"")
    assert summary(tmp_path)["undelivered"] == 1


def test_a_signal_while_sending_waits_for_the_answer_and_sends_nothing_more(
    segment: ScriptedService, tmp_path: Path
) -> None:
    """Two records are on their way, a third waits for its batch to fill."""
    hold, asked = threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        asked.set()
        return Reply(body={"success": True}, hold=hold)

    segment.answer = slow
    with running(tmp_path, segment, lanes=1, batch_size_rows=2) as target:
        feed(target, SCHEMA, record(1), record(2), state("two"), record(3), state("three"))
        assert asked.wait(30)
        target.send_signal(signal.SIGTERM)
        hold.set()
        stdout, _ = target.communicate(timeout=30)
    assert target.returncode == 143
    assert [json.loads(line) for line in stdout.splitlines()] == ["two"]
    assert [message["userId"] for message in sent(segment)] == ["user-1", "user-2"]
    assert summary(tmp_path)["delivered"] == 2


def test_a_signal_while_rejects_are_written_leaves_whole_lines_behind_every_state(
    segment: ScriptedService, tmp_path: Path
) -> None:
    lines = [line for n in range(3000) for line in (record(n, id="", n=n), state(n))]
    with running(tmp_path, segment) as target:
        feed(target, SCHEMA, *lines)
        assert next_line(target) >= 0
        target.send_signal(signal.SIGTERM)
        stdout, _ = target.communicate(timeout=30)
    assert target.returncode in {143, 3}  # 3: all was rejected before the signal came
    reached = max((json.loads(line) for line in stdout.splitlines()), default=0)
    assert {*range(reached + 1)} <= {r["record"]["n"] for r in rejected(tmp_path)[1:]}


def test_a_rejects_file_that_a_kill_has_torn_is_replayed(
    segment: ScriptedService, tmp_path: Path
) -> None:
    run("target-segment", tmp_path, config(segment), lines=[SCHEMA, record(1, id="")])
    [path] = (tmp_path / "rejects").iterdir()
    fixed = path.read_text().replace('"id": ""', '"id": "fixed"')
    path.write_text(fixed + fixed.splitlines()[-1][:40])
    ended = run("target-segment", tmp_path, config(segment), "--input", str(path))
    assert ended.code == 0, ended.stderr
    assert "an incomplete line" in ended.stderr
    assert [message["userId"] for message in sent(segment)] == ["fixed"]


def test_half_a_line_of_a_tap_ends_the_run(segment: ScriptedService, tmp_path: Path) -> None:
    (tmp_path / "input").write_text("\n".join(map(json.dumps, (SCHEMA, record(1)))) + '\n{"type"')
    ended = run("target-segment", tmp_path, config(segment), "--input", "input")
    assert plain_failure(ended, "Line 3", "not JSON")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", r'"\ud83d"'])
def test_a_record_that_json_has_no_word_for_costs_only_itself(
    segment: ScriptedService, tmp_path: Path, text: str
) -> None:
    line = json.dumps(record(1, n=0)).replace('"n": 0', f'"n": {text}')
    ended = run(
        "target-segment", tmp_path, config(segment), lines=[SCHEMA, line, record(2), state(1)]
    )
    assert (ended.code, ended.messages) == (3, [1])
    assert [message["userId"] for message in sent(segment)] == ["user-2"]
    assert rejected(tmp_path)[1]["record"]["_delivery_reject"]["reason"] == "not_json"


def test_a_record_that_is_nested_too_deeply_costs_only_itself(
    segment: ScriptedService, tmp_path: Path
) -> None:
    """How deep is too deep is Python's to say: 3.14 reads deeper than others."""
    line = json.dumps(record(1, n=0)).replace('"n": 0', '"n": ' + "[" * 100_000 + "]" * 100_000)
    ended = run(
        "target-segment", tmp_path, config(segment), lines=[SCHEMA, line, record(2), state(1)]
    )
    assert (ended.code, ended.messages) == (3, [1]), ended.stderr
    assert [message["userId"] for message in sent(segment)] == ["user-2"]
    [path] = (tmp_path / "rejects").iterdir()
    _, kept = path.read_text().splitlines()
    [reason] = {"not_json", "message_too_large"} & {*re.findall(r'"reason":"(\w+)"', kept)}
    again = run("target-segment", tmp_path, config(segment), lines=path.read_text().splitlines())
    assert again.code == 3
    assert path.read_text().count(reason) == 2, "it is kept both times, with one reason"


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        ({}, "id_not_string"),
        ({"stream_maps": {"users": {"email": "md5(email)"}}}, "not_json"),
    ],
)
def test_a_number_that_nothing_can_hold_costs_only_its_record(
    segment: ScriptedService, tmp_path: Path, maps: dict[str, Any], reason: str
) -> None:
    """It stands where it is looked at: in an id, or anywhere where stream maps look."""
    line = json.dumps(record(1, id=0)).replace('"id": 0', '"id": 1e999')
    behind = (record(2), state(1))
    ended = run("target-segment", tmp_path, config(segment, **maps), lines=[SCHEMA, line, *behind])
    assert (ended.code, ended.messages) == (3, [1]), ended.stderr
    assert [message["userId"] for message in sent(segment)] == ["user-2"]
    assert summary(tmp_path)["rejected_by_reason"] == {reason: 1}


def test_streams_in_the_shape_of_calls_are_sent_as_them(
    segment: ScriptedService, tmp_path: Path
) -> None:
    def stream(name: str, *properties: str) -> dict[str, Any]:
        return {**SCHEMA, "stream": name, "schema": {"properties": {p: {} for p in properties}}}

    rows: list[tuple[str, dict[str, Any]]] = [
        ("logins", {"userId": 7, "event": "Logged in", "properties": {"ok": True}}),
        ("teams", {"userId": "u", "groupId": "g", "traits": {"name": "Acme"}}),
        ("people", {"anonymousId": "a", "traits": {"plan": "paid"}}),
    ]
    lines: list[dict[str, Any]] = []
    for name, row in rows:
        lines += [stream(name, *row), {"type": "RECORD", "stream": name, "record": row}]
    routes = {name: {"as": "segment.calls"} for name, _ in rows}
    ended = run("target-segment", tmp_path, config(segment, streams=routes), lines=lines)
    assert ended.code == 0, ended.stderr
    arrived = {m["type"]: m for m in sent(segment)}
    assert arrived["track"]["userId"] == "7"
    assert arrived["group"]["groupId"] == "g"
    assert arrived["identify"]["anonymousId"] == "a"


def test_a_key_that_is_refused_by_400_rejects_nothing(
    segment: ScriptedService, tmp_path: Path
) -> None:
    answer = {"success": False, "code": "invalid_request"}
    segment.answer = lambda _: Reply(
        400, {**answer, "message": "An invalid write key was provided"}
    )
    lines = [SCHEMA, *(record(n) for n in range(5)), state("end")]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert plain_failure(ended, "refuses this sender", "write_key", "127.0.0.1")
    assert ended.stdout == ""
    assert summary(tmp_path)["rejected"] == 0
    assert not (tmp_path / "rejects").exists()


@pytest.mark.parametrize(
    ("settings", "answers", "code"),
    [({"max_rejects": -1}, [400, 400], 0), ({}, [400, 200], 3), ({}, [200, 400], 3)],
)
def test_state_moves_where_rejects_are_allowed_or_something_arrived(
    segment: ScriptedService,
    tmp_path: Path,
    settings: dict[str, Any],
    answers: list[int],
    code: int,
) -> None:
    segment.script += [Reply(status, {"success": status == 200}) for status in answers]
    settings = config(segment, lanes=1, batch_size_rows=1, **settings)
    lines = [SCHEMA, record(1), record(2), state("end")]
    ended = run("target-segment", tmp_path, settings, lines=lines)
    assert (ended.code, ended.messages) == (code, ["end"])


def test_a_service_that_refuses_everything_alike_stops_the_run(
    segment: ScriptedService, tmp_path: Path
) -> None:
    segment.answer = lambda _: Reply(400, {"message": f"nothing of {KEY} today"})
    lines = [SCHEMA, *(record(n) for n in range(500)), state("end")]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert plain_failure(ended, "20 records in a row", "max_rejects")
    assert ended.stdout == ""
    found = summary(tmp_path)
    assert (found["rejected"], found["delivered"]) == (20, 0)


def test_meltanos_loader_test_passes(segment: ScriptedService, tmp_path: Path) -> None:
    """It takes `error` and `exception` in any line for failure."""
    stream = {"stream": "meltano_test_stream"}
    schema = {**SCHEMA, **stream, "schema": {"properties": {"id": {}, "name": {}}}}
    row = {"type": "RECORD", **stream, "record": {"id": 1, "name": "x"}}
    lines = [schema, row, row, state("end")]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert (ended.code, ended.messages, segment.requests) == (0, ["end"], [])
    assert not {"error", "exception"} & {*ended.stderr.lower().split()}
    assert summary(tmp_path)["skipped_by_reason"] == {"loader_test": 2}


@pytest.mark.promise(17)
def test_an_unknown_stream_stops_the_run_with_the_line_to_add(
    segment: ScriptedService, tmp_path: Path
) -> None:
    logins = {**SCHEMA, "stream": "login_audit"}
    logins["schema"] = {"properties": {name: {} for name in ("id", "userId", "event", "hash")}}
    row = {"type": "RECORD", "stream": "login_audit", "record": {"id": 1, "userId": EMAIL}}
    before = [SCHEMA, record(1, email=None), state("before")]
    lines = [*before, logins, state("no record yet"), row, state("after")]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert plain_failure(ended, "login_audit: {call: track, user_id: userId, event: event}")
    assert {*ended.messages} <= {"before", "no record yet"}
    assert EMAIL not in str(sent(segment))
    ignored = {"*": {"call": "ignore"}}
    passed = run("target-segment", tmp_path, config(segment, streams=ignored), lines=lines)
    assert (passed.code, passed.messages[-1]) == (0, "after")


def test_a_stream_that_segment_has_no_call_for_is_skipped_and_said_once(
    segment: ScriptedService, tmp_path: Path
) -> None:
    schema = {**SCHEMA, "schema": {**SCHEMA["schema"], "$id": "urn:tap-moesif:companies"}}
    lines = [schema, record(1), schema, record(2), state("end")]
    ended = run("target-segment", tmp_path, config(segment), lines=lines)
    assert (ended.code, ended.messages, segment.requests) == (0, ["end"], [])
    assert ended.stderr.count("'users' is not sent: each user's call contains the company") == 1
    assert summary(tmp_path)["skipped_by_reason"] == {"no_call": 2}


@pytest.mark.parametrize(
    "flattening", [{}, {"flattening_enabled": True, "flattening_max_depth": 3}]
)
@pytest.mark.parametrize(
    "anything", [True, False, {}, None, [], {"properties": None}, {"type": None}]
)
def test_a_propertys_schema_may_be_anything(
    segment: ScriptedService, tmp_path: Path, anything: Any, flattening: dict[str, Any]
) -> None:
    schema = json.loads(json.dumps(SCHEMA))
    schema["schema"]["properties"] |= {"n": anything, "deep": {"properties": {"n": anything}}}
    lines = [schema, record(1, n=5, deep={"n": 5}), state("end")]
    ended = run("target-segment", tmp_path, config(segment, **flattening), lines=lines)
    assert (ended.code, ended.messages) == (0, ["end"]), ended.stderr
    [message] = sent(segment)
    assert message["traits"]["n"] == 5


@pytest.mark.parametrize("anything", [{}, True, {"properties": None}, {"properties": []}])
def test_a_schema_without_properties_of_an_ignored_stream_stops_nobody(
    segment: ScriptedService, tmp_path: Path, anything: Any
) -> None:
    bare = {"type": "SCHEMA", "stream": "audit", "schema": anything, "key_properties": []}
    row = {"type": "RECORD", "stream": "audit", "record": {"line": "x"}}
    routes = {"audit": {"call": "ignore"}}
    ended = run(
        "target-segment",
        tmp_path,
        config(segment, streams=routes),
        lines=[bare, row, SCHEMA, record(1), state("end")],
    )
    assert (ended.code, ended.messages) == (0, ["end"]), ended.stderr


def test_stream_maps_work_before_anything_is_sent(segment: ScriptedService, tmp_path: Path) -> None:
    maps = {"users": {"email": "md5(email)", "__filter__": "id != 'user-2'"}}
    lines = [SCHEMA, record(1), record(2), state("end")]
    ended = run("target-segment", tmp_path, config(segment, stream_maps=maps), lines=lines)
    assert (ended.code, ended.messages) == (0, ["end"])
    [message] = sent(segment)
    assert message["userId"] == "user-1"
    assert len(message["traits"]["email"]) == 32
    assert summary(tmp_path)["skipped"] == 1


def test_records_are_validated_where_that_is_wanted(
    segment: ScriptedService, tmp_path: Path
) -> None:
    typed = {name: {"type": ["string", "object", "null"]} for name in PROPERTIES}
    schema = {**SCHEMA, "schema": {**SCHEMA["schema"], "properties": typed}}
    lines = [schema, record(1, email=5), record(2)]
    ended = run("target-segment", tmp_path, config(segment, validate_records=True), lines=lines)
    assert ended.code == 3
    assert [m["userId"] for m in sent(segment)] == ["user-2"]
    assert summary(tmp_path)["rejected_by_reason"] == {"invalid_record": 1}


def plain_failure(ended: Ended, *words: str) -> bool:
    return (
        ended.code == 1
        and ended.says_plainly(KEY, EMAIL)
        and all(word in ended.stderr for word in words)
    )


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
    segment: ScriptedService, tmp_path: Path, line: str, words: str
) -> None:
    before, after = [SCHEMA, state("before"), record(1)], [state("after")]
    ended = run("target-segment", tmp_path, config(segment), lines=[*before, line, *after])
    assert plain_failure(ended, "Line 4", words)
    assert ended.messages == ["before"]


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"write_key": None}, "write_key"),
        ({"write_key": ""}, "write_key"),
        ({"write_key": [KEY]}, "write_key"),
        ({"region": "mars"}, "region"),
        ({"lanes": 0}, "lanes"),
    ],
)
def test_a_wrong_setting_is_named(
    segment: ScriptedService, tmp_path: Path, settings: dict[str, Any], word: str
) -> None:
    wrong = {k: v for k, v in config(segment, **settings).items() if v is not None}
    ended = run("target-segment", tmp_path, wrong, lines=[SCHEMA, record(1), state(1)])
    assert plain_failure(ended, word)
    assert (ended.stdout, segment.requests) == ("", [])


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


def test_an_unreachable_service_stops_the_run_in_time(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
    settings = {"write_key": KEY, "host": host, "retry_max_seconds": 0}
    ended = run("target-segment", tmp_path, settings, lines=[SCHEMA, record(1), state(1)])
    assert plain_failure(ended, "connection refused", "retry_max_seconds")
    assert ended.stdout == ""


def test_an_unknown_key_is_found_before_anything_is_lost(
    segment: ScriptedService, tmp_path: Path
) -> None:
    segment.answer = lambda _: Reply(404)
    settings = config(segment, cdn_url=segment.url)
    ended = run("target-segment", tmp_path, settings, lines=[SCHEMA, record(1), state(1)])
    assert plain_failure(ended, "write_key")
    assert ended.stdout == ""
    assert [request.method for request in segment.requests] == ["GET"]


def test_a_key_that_cannot_be_verified_is_a_warning(
    segment: ScriptedService, tmp_path: Path
) -> None:
    segment.script.append(Reply(403))
    settings = config(segment, cdn_url=segment.url)
    ended = run("target-segment", tmp_path, settings, lines=[SCHEMA, record(1), state(1)])
    assert (ended.code, ended.messages) == (0, [1])
    assert "could not be verified: HTTP 403" in ended.stderr


@pytest.mark.parametrize("setting", ["rejects_path", "summary_path"])
def test_a_place_that_cannot_be_written_is_said(
    segment: ScriptedService, tmp_path: Path, setting: str
) -> None:
    (tmp_path / "file").write_text("")
    settings = config(segment, **{setting: "file/below"})
    lines = [SCHEMA, record(1, id=""), state("end")]
    ended = run("target-segment", tmp_path, settings, lines=lines)
    assert ended.says_plainly(KEY, EMAIL)
    assert setting in ended.stderr
    assert ended.code == (1 if setting == "rejects_path" else 3)
    assert ended.messages == ([] if setting == "rejects_path" else ["end"])


def test_a_standard_output_that_nobody_reads_is_said(
    segment: ScriptedService, tmp_path: Path
) -> None:
    with running(tmp_path, segment) as target:
        assert target.stdout is not None
        target.stdout.close()
        feed(target, SCHEMA, record(1), state("end"))
        _, stderr = target.communicate(timeout=30)
    assert target.returncode == 1
    assert b"Standard output cannot be written" in stderr
    assert b"Traceback" not in stderr
    assert b"BrokenPipe" not in stderr


def test_the_input_can_be_a_file(segment: ScriptedService, tmp_path: Path) -> None:
    lines = [json.dumps(line) for line in (SCHEMA, record(1), state("end"))]
    (tmp_path / "input.jsonl").write_text("\n".join(lines))
    ended = run("target-segment", tmp_path, config(segment), "--input", "input.jsonl")
    assert (ended.code, ended.messages) == (0, ["end"])


def test_a_key_is_not_told_even_to_somebody_who_debugs(
    segment: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    settings = config(segment, cdn_url=segment.url)
    ended = run("target-segment", tmp_path, settings, lines=[SCHEMA, record(1), state("end")])
    assert ended.code == 0
    assert "DEBUG" in ended.stderr
    assert ended.says_plainly(KEY, EMAIL)


def test_about_marks_the_key_as_secret_and_describes_every_setting(tmp_path: Path) -> None:
    ended = run("target-segment", tmp_path, {}, "--about", "--format=json")
    settings = json.loads(ended.stdout)["settings"]["properties"]
    assert [name for name, s in settings.items() if s.get("secret")] == ["write_key"]
    assert [name for name, s in settings.items() if not s.get("description")] == []
