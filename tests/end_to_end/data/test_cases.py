"""Small inputs on which a user would be surprised, and what becomes of them at both targets."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from commands import run, started
from singer_delivery.routing.shapes import is_raw_call
from targets import BOTH_TARGETS, MOESIF, SEGMENT, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).parents[2] / "cases"
WAREHOUSE = {"*": {"as": "segment.warehouse"}}
PEOPLE = {"people": {"call": "identify", "user_id": "id"}}


class Run(NamedTuple):
    """What a target made of an input."""

    code: int
    states: list[str]
    log: str
    sent: list[dict[str, Any]]
    summary: dict[str, Any]
    rejects: list[dict[str, Any]]


def deliver(target: Target, folder: Path, case: str, streams: dict[str, Any] | None = None) -> Run:
    """Run a target on a case's file."""
    files = {"summary_path": "summary", "rejects_path": "rejects"}
    with target.service() as service:
        config = target.config(service.url, streams=streams or {}, lanes=1, **files)
        (folder / "config.json").write_text(json.dumps(config))
        with started(target.name, "--config", "config.json", cwd=folder) as process:
            [path] = CASES.glob(f"{case}*")
            stdout, stderr = process.communicate(path.read_bytes(), timeout=60)
    rejects = folder / "rejects"
    lines = rejects.read_bytes().splitlines() if rejects.exists() else []
    kept = [line.decode(errors="replace") for line in lines if b"_delivery_reject" in line]
    return Run(
        process.returncode,
        stdout.decode().splitlines(),
        stderr.decode(),
        target.sent(service),
        json.loads((folder / "summary").read_text()),
        [json.loads(line) for line in kept],
    )


def reasons(run: Run) -> list[str]:
    return [line["record"]["_delivery_reject"]["reason"] for line in run.rejects]


@BOTH_TARGETS
@pytest.mark.parametrize("kind", ["alias", "page", "screen"])
def test_raw_calls_of_one_type_become_their_call(target: Target, kind: str, tmp_path: Path) -> None:
    run = deliver(target, tmp_path, f"09-{kind}")
    assert run.code == 0, run.log
    if target is SEGMENT:
        assert {message["type"] for message in run.sent} == {kind}
    elif kind == "alias":
        assert run.summary["skipped_by_reason"] == {"alias": run.summary["read"]}
        assert run.log.count("Skipping alias calls") == 1
    else:
        assert all(action["action_name"].startswith("Viewed") for action in run.sent)


@BOTH_TARGETS
@pytest.mark.parametrize("case", ["11-sparse", "12-mixed"])
def test_nothing_of_a_raw_calls_envelope_is_content(
    target: Target, case: str, tmp_path: Path
) -> None:
    run = deliver(target, tmp_path, case)
    assert run.code == 0, run.log
    assert {*run.summary["skipped_by_reason"]} <= {"alias", "anonymous_identify", "not_for_moesif"}
    for each in run.sent:
        for content in ("traits", "properties", "metadata"):
            assert not {*each.get(content, {})} & {
                *("writeKey", "projectId", "channel", "version", "receivedAt", "_metadata"),
                *("originalTimestamp", "sentAt", "type", "messageId"),
            }
    assert "SECRETwri" not in json.dumps(run.sent)


@BOTH_TARGETS
@pytest.mark.parametrize("case", ["13-upper-case", "16-few-columns"])
def test_a_warehouse_is_stopped_at_and_right_once_it_is_routed(
    target: Target, case: str, tmp_path: Path
) -> None:
    unrouted = deliver(target, tmp_path, case)
    assert (unrouted.code, unrouted.states, unrouted.sent) == (1, [], [])
    assert "*': {as: segment.warehouse}" in unrouted.log
    run = deliver(target, tmp_path, case, WAREHOUSE)
    ids = {each.get("userId") or each.get("user_id") for each in run.sent}
    assert not any(str(each).startswith("ajs-") for each in ids), "no user is made of a message id"
    text = json.dumps(run.sent)
    assert "CONTEXT_" not in text
    assert '"EMAIL"' not in text
    if case == "16-few-columns":
        assert reasons(run) == ["no_user_anon_id"]
        assert ids == {"u1", "u2"}


@pytest.mark.promise(17)
@BOTH_TARGETS
@pytest.mark.parametrize("case", ["19-foreign-a", "19-foreign-b", "19-foreign-c"])
def test_an_applications_table_is_never_sent_unasked(
    target: Target, case: str, tmp_path: Path
) -> None:
    run = deliver(target, tmp_path, case)
    assert (run.code, run.states, run.sent) == (1, [], [])
    assert "Add under streams in the settings: " in run.log


@BOTH_TARGETS
def test_times_that_can_be_one_thing_only_are_understood(target: Target, tmp_path: Path) -> None:
    route = {"call": "track", "user_id": "id", "event": {"literal": "E"}, "timestamp": "ts"}
    run = deliver(target, tmp_path, "20-times", {"c": route})
    assert (run.code, {*reasons(run)}) == (3, {"timestamp_invalid"})
    rejected = [line["record"]["ts"] for line in run.rejects]
    assert rejected == ["", "Sat, 28 Nov 2026 07:00:00 GMT", "28/11/2026"]
    assert len(run.sent) == 11


@BOTH_TARGETS
def test_calls_that_say_so_are_kept_from_moesif(target: Target, tmp_path: Path) -> None:
    run = deliver(target, tmp_path, "25-loop-guard")
    assert run.code == 0
    assert len(run.sent) == (3 if target is SEGMENT else 0)
    if target is MOESIF:
        assert run.summary["skipped_by_reason"] == {"not_for_moesif": 3}


@BOTH_TARGETS
def test_a_number_becomes_text_wherever_an_id_is_asked_for(target: Target, tmp_path: Path) -> None:
    route = {
        "call": "track",
        "user_id": "customer.id",
        "event": "kind",
        "timestamp": "placed_at",
        "message_id": "order_id",
    }
    run = deliver(target, tmp_path, "31", {"orders": route})
    assert (run.code, len(run.sent)) == (0, 2), run.log
    if target is SEGMENT:
        assert [message["messageId"] for message in run.sent] == ["5001", "5002"]


@BOTH_TARGETS
def test_a_state_is_written_to_the_digit(target: Target, tmp_path: Path) -> None:
    run = deliver(target, tmp_path, "32", PEOPLE)
    assert run.code == 0
    assert "20260131120000.127" in run.states[-1]
    assert set(run.states) <= set(states_in("32"))


def states_in(case: str) -> Iterator[str]:
    [path] = CASES.glob(f"{case}*")
    for line in path.read_text().splitlines():
        if '"STATE"' in line:
            yield line.partition('"value":')[2].strip().removesuffix("}")


@BOTH_TARGETS
def test_a_deleted_row_is_left_out_whatever_its_letter_case(target: Target, tmp_path: Path) -> None:
    streams = {"CRM-CUSTOMERS": {"call": "identify", "user_id": "ID"}}
    run = deliver(target, tmp_path, "33", streams)
    assert (run.code, run.summary["skipped_by_reason"]) == (0, {"deleted": 1})
    assert "_SDC_" not in json.dumps(run.sent)
    assert "gone@x.example" not in json.dumps(run.sent)


@BOTH_TARGETS
def test_a_trait_that_is_missing_once_is_not_sent_once(target: Target, tmp_path: Path) -> None:
    streams = {"people": {"call": "identify", "user_id": "id", "traits": ["email", "bio"]}}
    run = deliver(target, tmp_path, "34", streams)
    assert (run.code, len(run.sent)) == (0, 3)


@BOTH_TARGETS
def test_a_line_in_another_encoding_costs_itself(target: Target, tmp_path: Path) -> None:
    run = deliver(target, tmp_path, "35", PEOPLE)
    assert (run.code, reasons(run)) == (3, ["not_utf8"])
    assert len(run.sent) == 2


@BOTH_TARGETS
def test_a_byte_order_mark_is_read(target: Target, tmp_path: Path) -> None:
    run = deliver(target, tmp_path, "36", PEOPLE)
    assert (run.code, len(run.sent)) == (0, 1), run.log


@BOTH_TARGETS
@pytest.mark.parametrize("stream", ["users", "crm"])
def test_bookkeeping_is_no_change(target: Target, stream: str, tmp_path: Path) -> None:
    known = {"$id": "urn:tap-moesif:users"} if stream == "users" else {}
    columns = ("id", "name", "_sdc_batched_at", "_SDC_Sequence")
    properties: dict[str, Any] = {name: {} for name in columns}
    head = {"type": "SCHEMA", "stream": stream, "schema": {**known, "properties": properties}}
    unchanged = []
    for number, name in enumerate(("Ann", "Ann", "Ann B.")):
        row = {"id": "u", "name": name, "_sdc_batched_at": f"now {number}", "_SDC_Sequence": number}
        lines = [head, {"type": "RECORD", "stream": stream, "record": row}]
        with target.service() as service:
            streams = {"crm": {"call": "identify", "user_id": "id"}}
            settings = {"changed_only": True, "summary_path": "summary"}
            config = target.config(service.url, streams=streams, **settings)
            assert run(target.name, tmp_path, config, lines=lines).code == 0
            assert "now" not in repr([request.body for request in service.requests])
        unchanged.append(json.loads((tmp_path / "summary").read_text())["unchanged"])
    assert unchanged == [0, 1, 0]


KNOWN_STREAM: tuple[dict[str, Any], ...] = (
    {
        "type": "SCHEMA",
        "stream": "users",
        "schema": {"$id": "urn:tap-moesif:users", "properties": {"id": {}}},
        "key_properties": ["id"],
    },
    {"type": "RECORD", "stream": "users", "record": {"id": "u1"}},
    {"type": "STATE", "value": "before"},
)
COLUMNS = st.one_of(
    st.sampled_from(
        [
            *("id", "ID", "userId", "user_id", "anonymousId", "type", "event", "groupId", "email"),
            *("traits", "properties", "context", "received_at", "sent_at", "timestamp", "name"),
            *("requestTime", "eventType", "actionName", "metadata", "modifiedTime", "company"),
            *("password_hash", "_sdc_batched_at", "context_ip", "integrations", "writeKey"),
        ]
    ),
    st.text(min_size=1, max_size=10),
)
TABLES = st.sampled_from(
    [
        *("users", "companies", "events", "subscriptions", "identifies", "tracks", "pages"),
        *("web-identifies", "login_audit", "page", "calls", "usage"),
    ]
) | st.text(min_size=1, max_size=10)


@pytest.mark.promise(17)
@BOTH_TARGETS
@settings(max_examples=25, deadline=None)
@given(
    stream=TABLES,
    columns=st.sets(COLUMNS, min_size=1, max_size=8),
    nested=st.booleans(),
    ignored=st.booleans(),
    after=st.booleans(),
)
def test_no_field_of_an_unrouted_stream_is_ever_in_a_request(
    target: Target, stream: str, columns: set[str], nested: bool, ignored: bool, after: bool
) -> None:
    assume(not is_raw_call(columns))
    assume(not (after and stream == "users"))
    values = {name: f"canary-{number}" for number, name in enumerate(columns)}
    fields: dict[str, Any] = {
        name: {"inner": value} if nested else value for name, value in values.items()
    }
    properties: dict[str, Any] = {name: {} for name in columns}
    unrouted: list[dict[str, Any]] = [
        {"type": "SCHEMA", "stream": stream, "schema": {"properties": properties}},
        {"type": "RECORD", "stream": stream, "record": fields},
        {"type": "STATE", "value": "behind"},
    ]
    lines = [*KNOWN_STREAM, *unrouted] if after else [*unrouted, *KNOWN_STREAM]
    everything_else = {"*": {"call": "ignore"}} if ignored else {}
    with TemporaryDirectory() as folder, target.service() as service:
        streams = {"other": {"call": "track"}, **everything_else}
        config = target.config(service.url, streams=streams, batch_size_rows=1)
        ended = run(target.name, Path(folder), config, lines=lines)
        requests = [(each.path, each.headers, each.body) for each in service.requests]
        files = [path for path in Path(folder).rglob("*.jsonl") if path.is_file()]
    assert "canary" not in repr(requests)
    assert "canary" not in ended.stdout + ended.stderr
    assert not files, "it is not rejected either"
    if ignored:
        assert ended.code == 0, ended.stderr
    else:
        assert ended.code == 1
        assert "behind" not in ended.stdout
