"""`changed_only`: what was acknowledged is not sent again until it changes."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
from typing import TYPE_CHECKING, Any

import pytest

from commands import feed, next_line, started
from scripted import Reply
from segment_runs import config, deliver, record, schema, scripted_segment, sent, state, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres import Database
    from scripted import ScriptedService

pytestmark = pytest.mark.slow

IDENTIFY = schema("people", "userId", "traits")
TRACK = schema("orders", "userId", "event")
FIRST = ("target-segment", "--config", "first.json")
SHORT_LEASE = """
import singer_delivery.fingerprints.lease as d
import singer_delivery.fingerprints.changes as f
d.LEASE_SECONDS, f.RENEW_BEFORE_SECONDS = 3.0, 2.0
"""


def person(name: str, plan: str) -> dict[str, Any]:
    return record("people", userId=name, traits={"plan": plan})


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


@pytest.fixture(params=["file", "database"])
def changed(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings that send changes only, by each store of fingerprints."""
    if request.param == "file":
        return {"changed_only": True}
    return {"changed_only": True, "fingerprints_path": request.getfixturevalue("database").uri}


def plans(service: ScriptedService, folder: Path, *records: Any, **settings: Any) -> list[str]:
    """Deliver some records; give what arrived of them."""
    service.requests.clear()
    lines = [IDENTIFY, *records, state("end")]
    ended = deliver(service, folder, lines, **settings)
    assert (ended.code, ended.messages) == (0, ["end"]), ended.stderr
    return sorted(f"{m['userId']} {m['traits']['plan']}" for m in sent(service))


def test_only_what_changed_is_sent(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    everyone = [person("a", "free"), person("b", "free")]
    assert plans(segment, tmp_path, *everyone, **changed) == ["a free", "b free"]
    assert plans(segment, tmp_path, *everyone, **changed) == []
    assert summary(tmp_path)["unchanged"] == 2
    assert plans(segment, tmp_path, person("a", "free"), person("b", "paid"), **changed) == [
        "b paid"
    ]
    assert summary(tmp_path)["unchanged"] == 1


def test_what_changes_back_is_no_repeat(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    ids = []
    for plan in ("free", "paid", "free", "paid"):
        plans(segment, tmp_path, person("a", plan), **changed)
        ids += [message["messageId"] for message in sent(segment)]
    assert len({*ids}) == 4


def test_within_one_run_each_change_counts(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    changes = [person("a", plan) for plan in ("free", "free", "paid", "free")]
    assert plans(segment, tmp_path, *changes, lanes=1, **changed) == [*["a free"] * 3, "a paid"]
    first, again, paid, back = [message["messageId"] for message in sent(segment)]
    assert first == again, "a repeat of what nobody has acknowledged yet"
    assert len({first, paid, back}) == 3
    assert plans(segment, tmp_path, person("a", "free"), **changed) == []


def test_a_later_time_and_another_id_alone_are_no_change(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    """Each row of a warehouse's `identifies` has its own."""
    first, again = person("a", "free"), person("a", "free")
    first["record"] |= {"messageId": "m1", "timestamp": "2026-01-01T00:00:00Z"}
    again["record"] |= {"messageId": "m2", "timestamp": "2026-01-02T00:00:00Z"}
    assert plans(segment, tmp_path, first, **changed) == ["a free"]
    assert plans(segment, tmp_path, again, **changed) == []
    again["record"]["traits"] = {"plan": "paid"}
    assert plans(segment, tmp_path, again, **changed) == ["a paid"]
    [message] = sent(segment)
    assert (message["messageId"], message["timestamp"][:10]) == ("m2", "2026-01-02")


def test_a_changed_mapping_sends_again(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    lines = [IDENTIFY, person("a", "free"), state("end")]
    renamed = {"streams": {"people": {"call": "identify", "rename": {"plan": "tier"}}}}
    for settings, expected in (
        ({}, 1),
        ({}, 0),
        ({"integrations": {"Braze": False}}, 1),
        (renamed, 1),
        (renamed, 0),
    ):
        segment.requests.clear()
        assert deliver(segment, tmp_path, lines, **changed, **settings).code == 0
        assert len(sent(segment)) == expected, settings


def test_a_full_refresh_sends_everything_as_something_new(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    """Segment would drop the repeat of an id, and nothing would be refreshed."""
    ids = []
    for refresh in (False, True, True, False):
        plans(segment, tmp_path, person("a", "free"), full_refresh=refresh, **changed)
        ids += [message["messageId"] for message in sent(segment)]
    assert len(ids) == len({*ids}) == 3


def test_nothing_is_held_back_while_no_other_record_comes(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    """Look-ups are made for many records at once, but not waited for."""
    settings = config(segment, **changed, batch_wait_limit_seconds=0.1)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with started("target-segment", "--config", "config.json", cwd=tmp_path) as target:
        for number, plan in enumerate(("free", "paid", "paid")):
            feed(target, IDENTIFY, person("a", plan), state(number))
            assert next_line(target) == number
    assert [message["traits"]["plan"] for message in sent(segment)] == ["free", "paid"]


def test_a_second_run_at_once_says_so_and_stops(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    plans(segment, tmp_path, person("a", "free"), **changed)
    settings = config(segment, **changed)
    (tmp_path / "first.json").write_text(json.dumps(settings))
    with started(*FIRST, cwd=tmp_path, before=SHORT_LEASE) as first:
        feed(first, IDENTIFY, state("begun"))
        assert next_line(first) == "begun"
        lines = [IDENTIFY, person("a", "paid"), state("end")]
        second = deliver(segment, tmp_path, lines, before=SHORT_LEASE, **changed)
        assert (second.code, second.stdout, sent(segment)[1:]) == (1, "", [])
        assert "Another run" in second.stderr
        assert "fingerprints_path" in second.stderr
        assert second.says_plainly()
        dry = deliver(segment, tmp_path, lines, before=SHORT_LEASE, **changed, dry_run=True)
        assert (dry.code, summary(tmp_path)["delivered"]) == (0, 1), dry.stderr
        first.kill()
        first.wait()
    assert plans(segment, tmp_path, person("a", "paid"), before=SHORT_LEASE, **changed) == [
        "a paid"
    ]


def test_a_run_that_was_suspended_and_is_taken_over_sends_and_claims_nothing(
    segment: ScriptedService, tmp_path: Path, database: Database
) -> None:
    changed = {"changed_only": True, "fingerprints_path": database.uri}
    settings = config(segment, **changed, batch_wait_limit_seconds=0.01)
    (tmp_path / "first.json").write_text(json.dumps(settings))
    with started(*FIRST, cwd=tmp_path, before=SHORT_LEASE) as first:
        feed(first, IDENTIFY, person("a", "free"), state("begun"))
        assert next_line(first) == "begun"
        first.send_signal(signal.SIGSTOP)
        feed(first, person("a", "free"), person("b", "free"), state("end"))
        paid = plans(segment, tmp_path, person("a", "paid"), before=SHORT_LEASE, **changed)
        assert paid == ["a paid"]
        segment.requests.clear()
        first.send_signal(signal.SIGCONT)
        stdout, stderr = first.communicate(timeout=60)
    assert (first.returncode, stdout, sent(segment)) == (1, b"", [])
    assert stderr.count(b"has taken over the fingerprints") == 1
    assert b"Traceback" not in stderr
    both = [person("a", "paid"), person("b", "free")]
    assert plans(segment, tmp_path, *both, **changed) == ["b free"]


def test_windows_under_one_lease_deliver_at_once_and_the_next_run_knows_it_all(
    segment: ScriptedService, tmp_path: Path, database: Database
) -> None:
    changed = {"changed_only": True, "fingerprints_path": database.uri}
    shared = {**changed, "fingerprints_lease": "backfill"}
    (tmp_path / "first.json").write_text(json.dumps(config(segment, **shared)))
    with started(*FIRST, cwd=tmp_path, before=SHORT_LEASE) as first:
        feed(first, IDENTIFY, state("begun"))
        assert next_line(first) == "begun"
        assert plans(segment, tmp_path, person("b", "free"), **shared) == ["b free"]
        refused = deliver(segment, tmp_path, [IDENTIFY], before=SHORT_LEASE, **changed)
        assert (refused.code, "Another run" in refused.stderr) == (1, True)
        feed(first, person("a", "free"), state("end"))
        assert first.communicate(timeout=60)[0] == b'"end"\n'
    both = [person("a", "free"), person("b", "free")]
    assert plans(segment, tmp_path, *both, before=SHORT_LEASE, **changed) == []


def test_what_is_not_acknowledged_is_sent_again_with_its_id(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    plans(segment, tmp_path, person("a", "free"), **changed)
    segment.script.append(Reply(403))
    lines = [IDENTIFY, person("a", "paid"), state("end")]
    segment.requests.clear()
    assert deliver(segment, tmp_path, lines, **changed).code == 1
    [failed] = sent(segment)
    assert plans(segment, tmp_path, person("a", "paid"), **changed) == ["a paid"]
    [again] = sent(segment)
    assert again["messageId"] == failed["messageId"]


def test_what_is_refused_is_not_taken_for_known(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    segment.script.append(Reply(400))
    lines = [IDENTIFY, person("a", "free")]
    assert deliver(segment, tmp_path, lines, **changed).code == 1
    assert plans(segment, tmp_path, person("a", "free"), **changed) == ["a free"]


def test_events_are_no_states_and_always_sent(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    lines = [TRACK, record("orders", userId="a", event="Ordered")]
    for _ in range(2):
        segment.requests.clear()
        assert deliver(segment, tmp_path, lines, **changed).code == 0
        assert len(sent(segment)) == 1


def test_two_streams_about_one_user_do_not_undo_each_other(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    other = schema("crm", "userId", "traits")
    lines = [IDENTIFY, person("a", "free"), other, record("crm", userId="a", traits={"n": 1})]
    for expected in (2, 0):
        segment.requests.clear()
        assert deliver(segment, tmp_path, lines, **changed).code == 0
        assert len(sent(segment)) == expected


def test_another_source_has_seen_nothing_yet(
    segment: ScriptedService, tmp_path: Path, changed: dict[str, Any]
) -> None:
    plans(segment, tmp_path, person("a", "free"), **changed)
    assert plans(segment, tmp_path, person("a", "free"), write_key="other", **changed) == ["a free"]


def test_nobody_can_be_read_from_the_file(segment: ScriptedService, tmp_path: Path) -> None:
    plans(segment, tmp_path, person("jane@example.com", "free"), changed_only=True)
    path = tmp_path / ".fingerprints" / "target-segment.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM settled").fetchone() == (1,)
    database.close()
    assert b"jane" not in path.read_bytes()


def test_a_file_that_cannot_be_used_is_said_and_nothing_is_sent(
    segment: ScriptedService, tmp_path: Path
) -> None:
    (tmp_path / "broken").write_text("no database, but a text that is long enough for one")
    lines = [IDENTIFY, person("a", "free"), state("end")]
    settings: dict[str, Any] = {"changed_only": True, "fingerprints_path": "broken"}
    ended = deliver(segment, tmp_path, lines, **settings)
    assert (ended.code, ended.stdout) == (1, "")
    assert "fingerprints_path" in ended.stderr
    assert ended.says_plainly()
    assert not segment.requests
    assert summary(tmp_path)["exit_code"] == 1
