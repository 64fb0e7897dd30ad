"""`changed_only`: what was acknowledged is not sent again until it changes."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING, Any

import pytest

from scripted import Reply
from segment_runs import deliver, record, schema, scripted_segment, sent, state, summary

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
    assert deliver(segment, tmp_path, lines, changed_only=True).code == 3
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
