"""`changed_only`: what was acknowledged is not sent again until it changes."""

from __future__ import annotations

import json
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

    from scripted import ScriptedService

IDENTIFY = schema("people", "userId", "traits")
TRACK = schema("orders", "userId", "event")


def person(name: str, plan: str) -> dict[str, Any]:
    return record("people", userId=name, traits={"plan": plan})


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def plans(service: ScriptedService, folder: Path, *records: Any, **settings: Any) -> list[str]:
    """Deliver some records; give what arrived of them."""
    service.requests.clear()
    lines = [IDENTIFY, *records, state("end")]
    ended = deliver(service, folder, lines, changed_only=True, **settings)
    assert (ended.code, ended.messages) == (0, ["end"]), ended.stderr
    return sorted(f"{m['userId']} {m['traits']['plan']}" for m in sent(service))


def test_only_what_changed_is_sent(segment: ScriptedService, tmp_path: Path) -> None:
    everyone = [person("a", "free"), person("b", "free")]
    assert plans(segment, tmp_path, *everyone) == ["a free", "b free"]
    assert plans(segment, tmp_path, *everyone) == []
    assert summary(tmp_path)["unchanged"] == 2
    assert plans(segment, tmp_path, person("a", "free"), person("b", "paid")) == ["b paid"]
    assert summary(tmp_path)["unchanged"] == 1


def test_what_changes_back_is_no_repeat(segment: ScriptedService, tmp_path: Path) -> None:
    ids = []
    for plan in ("free", "paid", "free", "paid"):
        plans(segment, tmp_path, person("a", plan))
        ids += [message["messageId"] for message in sent(segment)]
    assert len({*ids}) == 4


def test_within_one_run_each_change_counts(segment: ScriptedService, tmp_path: Path) -> None:
    changes = [person("a", plan) for plan in ("free", "free", "paid", "free")]
    assert plans(segment, tmp_path, *changes, lanes=1) == [*["a free"] * 3, "a paid"]
    first, again, paid, back = [message["messageId"] for message in sent(segment)]
    assert first == again, "a repeat of what nobody has acknowledged yet"
    assert len({first, paid, back}) == 3
    assert plans(segment, tmp_path, person("a", "free")) == []


def test_a_later_time_and_another_id_alone_are_no_change(
    segment: ScriptedService, tmp_path: Path
) -> None:
    """Each row of a warehouse's `identifies` has its own."""
    first, again = person("a", "free"), person("a", "free")
    first["record"] |= {"messageId": "m1", "timestamp": "2026-01-01T00:00:00Z"}
    again["record"] |= {"messageId": "m2", "timestamp": "2026-01-02T00:00:00Z"}
    assert plans(segment, tmp_path, first) == ["a free"]
    assert plans(segment, tmp_path, again) == []
    again["record"]["traits"] = {"plan": "paid"}
    assert plans(segment, tmp_path, again) == ["a paid"]
    [message] = sent(segment)
    assert (message["messageId"], message["timestamp"][:10]) == ("m2", "2026-01-02")


def test_a_changed_mapping_sends_again(segment: ScriptedService, tmp_path: Path) -> None:
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
        assert deliver(segment, tmp_path, lines, changed_only=True, **settings).code == 0
        assert len(sent(segment)) == expected, settings


def test_a_full_refresh_sends_everything_as_something_new(
    segment: ScriptedService, tmp_path: Path
) -> None:
    """Segment would drop the repeat of an id, and nothing would be refreshed."""
    ids = []
    for refresh in (False, True, True, False):
        plans(segment, tmp_path, person("a", "free"), full_refresh=refresh)
        ids += [message["messageId"] for message in sent(segment)]
    assert len(ids) == len({*ids}) == 3


def test_nothing_is_held_back_while_no_other_record_comes(
    segment: ScriptedService, tmp_path: Path
) -> None:
    """Look-ups are made for many records at once, but not waited for."""
    settings = config(segment, changed_only=True, batch_wait_limit_seconds=0.1)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with started("target-segment", "--config", "config.json", cwd=tmp_path) as target:
        for number, plan in enumerate(("free", "paid", "paid")):
            feed(target, IDENTIFY, person("a", plan), state(number))
            assert next_line(target) == number
    assert [message["traits"]["plan"] for message in sent(segment)] == ["free", "paid"]


def test_a_second_run_at_once_says_so_and_stops(segment: ScriptedService, tmp_path: Path) -> None:
    plans(segment, tmp_path, person("a", "free"))
    settings = config(segment, changed_only=True)
    (tmp_path / "first.json").write_text(json.dumps(settings))
    with started("target-segment", "--config", "first.json", cwd=tmp_path) as first:
        feed(first, IDENTIFY, state("begun"))
        assert next_line(first) == "begun"
        lines = [IDENTIFY, person("a", "paid"), state("end")]
        second = deliver(segment, tmp_path, lines, changed_only=True)
        assert (second.code, second.stdout, sent(segment)[1:]) == (1, "", [])
        assert "Another run" in second.stderr
        assert "fingerprints_path" in second.stderr
        assert second.says_plainly()
        dry = deliver(segment, tmp_path, lines, changed_only=True, dry_run=True)
        assert (dry.code, summary(tmp_path)["delivered"]) == (0, 1), dry.stderr
        first.kill()
        first.wait()
    assert plans(segment, tmp_path, person("a", "paid")) == ["a paid"]


def test_what_is_not_acknowledged_is_sent_again_with_its_id(
    segment: ScriptedService, tmp_path: Path
) -> None:
    plans(segment, tmp_path, person("a", "free"))
    segment.script.append(Reply(403))
    lines = [IDENTIFY, person("a", "paid"), state("end")]
    segment.requests.clear()
    assert deliver(segment, tmp_path, lines, changed_only=True).code == 1
    [failed] = sent(segment)
    assert plans(segment, tmp_path, person("a", "paid")) == ["a paid"]
    [again] = sent(segment)
    assert again["messageId"] == failed["messageId"]


def test_what_is_refused_is_not_taken_for_known(segment: ScriptedService, tmp_path: Path) -> None:
    segment.script.append(Reply(400))
    lines = [IDENTIFY, person("a", "free")]
    assert deliver(segment, tmp_path, lines, changed_only=True).code == 1
    assert plans(segment, tmp_path, person("a", "free")) == ["a free"]


def test_events_are_no_states_and_always_sent(segment: ScriptedService, tmp_path: Path) -> None:
    lines = [TRACK, record("orders", userId="a", event="Ordered")]
    for _ in range(2):
        segment.requests.clear()
        assert deliver(segment, tmp_path, lines, changed_only=True).code == 0
        assert len(sent(segment)) == 1


def test_two_streams_about_one_user_do_not_undo_each_other(
    segment: ScriptedService, tmp_path: Path
) -> None:
    other = schema("crm", "userId", "traits")
    lines = [IDENTIFY, person("a", "free"), other, record("crm", userId="a", traits={"n": 1})]
    for expected in (2, 0):
        segment.requests.clear()
        assert deliver(segment, tmp_path, lines, changed_only=True).code == 0
        assert len(sent(segment)) == expected


def test_another_source_has_seen_nothing_yet(segment: ScriptedService, tmp_path: Path) -> None:
    plans(segment, tmp_path, person("a", "free"))
    assert plans(segment, tmp_path, person("a", "free"), write_key="other") == ["a free"]


def test_nobody_can_be_read_from_the_file(segment: ScriptedService, tmp_path: Path) -> None:
    plans(segment, tmp_path, person("jane@example.com", "free"))
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
    settings = {"changed_only": True, "fingerprints_path": "broken"}
    ended = deliver(segment, tmp_path, lines, **settings)
    assert (ended.code, ended.stdout) == (1, "")
    assert "fingerprints_path" in ended.stderr
    assert ended.says_plainly()
    assert not segment.requests
    assert summary(tmp_path)["exit_code"] == 1
