"""`changed_only`: what was acknowledged is not sent again until it changes.

What each store promises is shown in tests/singer_delivery/fingerprints.
"""

from __future__ import annotations

import signal
import sqlite3
import stat
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from commands import feed, next_line
from fingerprint_runs import end_leases, no_wait
from scripted import Reply
from segment_runs import KEY, Segment, record, schema, state
from singer_delivery.fingerprints.stores import fingerprint_database
from singer_delivery.testing import deliver
from target_segment import TargetSegment

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from postgres import Database

pytestmark = pytest.mark.slow

IDENTIFY = schema("people", "userId", "traits")


def person(name: str, plan: str) -> dict[str, Any]:
    return record("people", userId=name, traits={"plan": plan})


@pytest.fixture
def segment(segment: Segment) -> Segment:
    segment.settings["changed_only"] = True
    return segment


@pytest.fixture
def shared(segment: Segment, database: Database) -> Segment:
    """The same, with fingerprints in a database."""
    segment.settings["fingerprints_path"] = database.uri
    return segment


def plans(segment: Segment, *records: Any, **settings: Any) -> list[str]:
    """Deliver some records; give what arrived of them."""
    ended = segment.deliver([IDENTIFY, *records, state("end")], **settings)
    assert (ended.exit_code, ended.states) == (0, ["end"]), ended.log
    return sorted(f"{m['userId']} {m['traits']['plan']}" for m in segment.messages)


@pytest.mark.parametrize("store", ["segment", "shared"])
def test_only_what_changed_is_sent(store: str, request: pytest.FixtureRequest) -> None:
    segment: Segment = request.getfixturevalue(store)
    everyone = [person("a", "free"), person("b", "free")]
    assert plans(segment, *everyone) == ["a free", "b free"]
    assert plans(segment, *everyone) == []
    assert segment.summary()["unchanged"] == 2
    assert plans(segment, person("a", "free"), person("b", "paid")) == ["b paid"]
    assert segment.summary()["unchanged"] == 1


def test_within_one_run_each_change_counts(segment: Segment) -> None:
    changes = [person("a", plan) for plan in ("free", "free", "paid", "free")]
    assert plans(segment, *changes, lanes=1) == [*["a free"] * 3, "a paid"]
    first, again, paid, back = [message["messageId"] for message in segment.messages]
    assert first == again, "a repeat of what nobody has acknowledged yet"
    assert len({first, paid, back}) == 3
    assert plans(segment, person("a", "free")) == []


def test_a_later_time_and_another_id_alone_are_no_change(segment: Segment) -> None:
    """Each row of a warehouse's `identifies` has its own."""
    first, again = person("a", "free"), person("a", "free")
    first["record"] |= {"messageId": "m1", "timestamp": "2026-01-01T00:00:00Z"}
    again["record"] |= {"messageId": "m2", "timestamp": "2026-01-02T00:00:00Z"}
    assert plans(segment, first) == ["a free"]
    assert plans(segment, again) == []
    again["record"]["traits"] = {"plan": "paid"}
    assert plans(segment, again) == ["a paid"]
    [message] = segment.messages
    assert (message["messageId"], message["timestamp"][:10]) == ("m2", "2026-01-02")


def test_a_changed_mapping_sends_again(segment: Segment) -> None:
    renamed = {"streams": {"people": {"call": "identify", "rename": {"plan": "tier"}}}}
    for settings, expected in (
        ({}, 1),
        ({}, 0),
        ({"integrations": {"Braze": False}}, 1),
        (renamed, 1),
        (renamed, 0),
    ):
        segment.deliver([IDENTIFY, person("a", "free"), state("end")], **settings)
        assert len(segment.messages) == expected, settings


def test_a_full_refresh_sends_everything_as_something_new(segment: Segment) -> None:
    """Segment would drop the repeat of an id, and nothing would be refreshed."""
    ids = []
    for refresh in (False, True, True, False):
        plans(segment, person("a", "free"), full_refresh=refresh)
        ids += [message["messageId"] for message in segment.messages]
    assert len(ids) == len({*ids}) == 3


def test_nothing_is_held_back_while_no_other_record_comes(segment: Segment) -> None:
    """Look-ups are made for many records at once, but not waited for."""
    with segment.started(batch_wait_limit_seconds=0.05) as target:
        for number, plan in enumerate(("free", "paid", "paid")):
            feed(target, IDENTIFY, person("a", plan), state(number))
            assert next_line(target) == number
    assert [message["traits"]["plan"] for message in segment.messages] == ["free", "paid"]


@contextmanager
def running(segment: Segment, *lines: Any, **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run that has delivered some lines, and waits for more."""
    with segment.started(batch_wait_limit_seconds=0.01, **settings) as target:
        feed(target, IDENTIFY, *lines, state("begun"))
        assert next_line(target) == "begun"
        yield target


def test_a_second_run_at_once_says_so_and_stops_until_the_first_is_killed(
    segment: Segment,
) -> None:
    plans(segment, person("a", "free"))
    with running(segment):
        lines = [IDENTIFY, person("a", "paid"), state("end")]
        second = segment.deliver(lines)
        assert (second.exit_code, second.states, segment.requests) == (1, [], [])
        assert "Another run" in second.log
        assert "fingerprints_path" in second.log
        dry = segment.deliver(lines, dry_run=True)
        assert (dry.exit_code, dry.summary["delivered"]) == (0, 1)
    assert plans(segment, person("a", "paid")) == ["a paid"]


def test_a_run_that_was_suspended_and_is_taken_over_sends_and_claims_nothing(
    shared: Segment, database: Database
) -> None:
    with running(shared, person("a", "free")) as first:
        first.send_signal(signal.SIGSTOP)
        feed(first, person("a", "free"), person("b", "free"), state("end"))
        end_leases(database)
        assert plans(shared, person("a", "paid")) == ["a paid"]
        shared.requests.clear()
        first.send_signal(signal.SIGCONT)
        stdout, stderr = first.communicate(timeout=60)
    assert (first.returncode, stdout, shared.requests) == (1, b"", [])
    assert stderr.count(b"has taken over the fingerprints") == 1
    assert b"Traceback" not in stderr
    assert plans(shared, person("a", "paid"), person("b", "free")) == ["b free"]


@pytest.mark.timeout(30)  # the lease lasts longer
@pytest.mark.promise(9)
def test_a_run_that_waits_for_the_fingerprints_of_another_is_ended_by_a_signal(
    shared: Segment, database: Database
) -> None:
    other = fingerprint_database(database.uri, "target-segment", [KEY], wait=no_wait)
    other.open()
    with closing(other):
        ended = deliver(
            TargetSegment,
            shared.settings,
            [IDENTIFY, person("a", "free"), state("end")],
            shared.folder,
            on_start=lambda target: target.stop(signal.SIGTERM),
        )
    assert (ended.exit_code, ended.states, shared.requests) == (143, [], [])


def test_windows_under_one_lease_deliver_at_once_and_the_next_run_knows_it_all(
    shared: Segment, database: Database
) -> None:
    with running(shared, fingerprints_lease="backfill") as first:
        assert plans(shared, person("b", "free"), fingerprints_lease="backfill") == ["b free"]
        feed(first, person("a", "free"), state("end"))
        assert first.communicate(timeout=60)[0] == b'"end"\n'
    end_leases(database)
    assert plans(shared, person("a", "free"), person("b", "free")) == []


@pytest.mark.parametrize("status", [403, 400])
def test_what_is_not_acknowledged_is_sent_again_with_its_id(segment: Segment, status: int) -> None:
    plans(segment, person("a", "free"))
    segment.script.append(Reply(status))
    ended = segment.deliver([IDENTIFY, person("a", "paid"), state("end")])
    assert (ended.exit_code, ended.states) == (1, [])
    [failed] = segment.messages
    assert plans(segment, person("a", "paid")) == ["a paid"]
    [again] = segment.messages
    assert again["messageId"] == failed["messageId"]


def test_events_are_no_states_and_always_sent(segment: Segment) -> None:
    lines = [schema("orders", "userId", "event"), record("orders", userId="a", event="Ordered")]
    for _ in range(2):
        segment.deliver(lines)
        assert len(segment.messages) == 1


def test_two_streams_about_one_user_do_not_undo_each_other(segment: Segment) -> None:
    crm = [schema("crm", "userId", "traits"), record("crm", userId="a", traits={"n": 1})]
    for expected in (2, 0):
        segment.deliver([IDENTIFY, person("a", "free"), *crm])
        assert len(segment.messages) == expected


def test_another_source_has_seen_nothing_yet(segment: Segment) -> None:
    plans(segment, person("a", "free"))
    assert plans(segment, person("a", "free"), write_key="other") == ["a free"]


def test_nobody_can_be_read_from_the_file(segment: Segment) -> None:
    plans(segment, person("jane@example.com", "free"))
    path = segment.folder / "fingerprints.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM settled").fetchone() == (1,)
    database.close()
    assert b"jane" not in path.read_bytes()


def test_a_file_that_cannot_be_used_is_said_and_nothing_is_sent(segment: Segment) -> None:
    (segment.folder / "fingerprints.sqlite").write_text("no database, but a text of some length")
    ended = segment.deliver([IDENTIFY, person("a", "free"), state("end")])
    assert (ended.exit_code, ended.states, segment.requests) == (1, [], [])
    assert "fingerprints_path" in ended.log
