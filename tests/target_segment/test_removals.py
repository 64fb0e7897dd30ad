"""`on_removed`: who is no longer in a complete read is told to Segment."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from fingerprint_runs import end_leases
from scripted import Reply
from segment_runs import KEY, SUCCESS, Segment, record, schema, state
from singer_delivery.reading.mapped import MappedStream
from singer_delivery.reading.selection import Selection
from target_runs import activate, complete_read
from target_segment import TargetSegment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from postgres import Database
    from singer_delivery.testing import Ended

pytestmark = pytest.mark.slow

Line = dict[str, Any]

TEN = [f"user-{letter}" for letter in "abcdefghij"]
NINE = TEN[1:]
PEOPLE = {**schema("people", "id", "userId", "traits", "_sdc_deleted_at"), "key_properties": ["id"]}
END = activate("people", 2)


def person(name: str, version: Any = 2, **fields: Any) -> Line:
    mine = {"id": name, "userId": name, "traits": {"plan": "free"}}
    line = record("people", **{**mine, **fields})
    return line if version is None else {**line, "version": version}


def people(names: Iterable[str], version: Any = 2) -> list[Line]:
    return [person(name, version) for name in names]


def table(names: Iterable[str], version: int, stream: str = "people") -> list[Line]:
    """Give the lines of a complete read."""
    rows = [person(name)["record"] for name in names]
    return complete_read({**PEOPLE, "stream": stream}, rows, version)


class Removing(Segment):
    """A Segment that is told who is gone."""

    secrets = (KEY, *TEN)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings |= {"changed_only": True, "on_removed": "event"}
        self.settings["streams"] = {"*": {"as": "segment.calls"}}

    @override
    def deliver(self, lines: Iterable[Mapping[str, Any] | str], **settings: Any) -> Ended:
        return super().deliver([*lines, state("end")], **settings)

    def removed(self, lines: Iterable[Line], **settings: Any) -> list[str]:
        """Deliver some lines; give whose removal was told."""
        ended = self.deliver(lines, **settings)
        assert (ended.exit_code, ended.states) == (0, ["end"]), ended.log
        assert ended.summary["removed"] == len(self.events)
        return sorted(event["userId"] for event in self.events)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == "track"]

    @property
    def nulled(self) -> dict[str, Any]:
        """The traits that were set to null, by the users."""
        return {m["userId"]: m["traits"] for m in self.messages if m["type"] != "track"}


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Removing]:
    """Segment, with fingerprints in a file."""
    with Removing(tmp_path) as segment:
        yield segment


@pytest.fixture
def with_ten(segment: Removing) -> Removing:
    """Segment, which has ten users by a complete read of version 1."""
    segment.deliver(table(TEN, 1))
    return segment


@pytest.fixture(params=["file", "database"])
def any_store(segment: Removing, request: pytest.FixtureRequest) -> Removing:
    """Segment, with each store of fingerprints."""
    if request.param == "database":
        segment.settings["fingerprints_path"] = request.getfixturevalue("database").uri
    return segment


# What a complete read is.


def test_who_is_missing_in_a_complete_read_is_told_once(any_store: Removing) -> None:
    segment = any_store
    assert segment.removed(table(TEN, 1)) == []
    ended = segment.deliver(table(NINE, 2))
    [event] = segment.events
    assert (event["event"], event["userId"]) == ("User Removed", TEN[0])
    assert (ended.exit_code, ended.states) == (0, ["end"])
    found = ended.summary
    assert (found["removed"], found["unchanged"], found["read"]) == (1, 9, 9)
    assert found["streams"]["people"]["removed"] == 1
    assert "1 removed" in ended.log
    assert segment.removed(table(NINE, 3)) == []


def test_who_comes_back_is_sent_anew_with_another_id(any_store: Removing) -> None:
    ids = []
    for version, names in enumerate([TEN, NINE, TEN, NINE, TEN], 1):
        any_store.deliver(table(names, version))
        ids += [m["messageId"] for m in any_store.messages if m["userId"] == TEN[0]]
    assert len(ids) == len({*ids}) == 5


NOT_COMPLETE: dict[str, list[Line]] = {
    "an incremental run": [PEOPLE, person(TEN[3], None)],
    "a read that was stopped": [PEOPLE, *people(NINE)],
    # Some taps activate a version first, so that a target shows its records at once.
    "activated before its records": [PEOPLE, END, *people(NINE)],
    "activated among its records": [PEOPLE, person(TEN[1]), END, *people(TEN[2:])],
    # singer-sdk's taps activate the version before each partition, behind a SCHEMA.
    "partitions": [*(line for each in people(NINE) for line in (PEOPLE, END, each)), PEOPLE, END],
    "another version is activated": [PEOPLE, *people(NINE), activate("people", 3)],
    # An incremental run of tap-mysql that has found no change.
    "its version is activated again": [PEOPLE, activate("people", 1)],
    "an earlier version is activated": [PEOPLE, activate("people", 0)],
    **{
        f"a record of version {other}": [PEOPLE, person(NINE[0], other), *people(NINE), END]
        for other in (None, 1, 3, "2", 2.5, 1 << 63)
    },
    "records of another version": [PEOPLE, *people(NINE, 3), END],
    "a stream without a schema": [activate("other", 2), PEOPLE, *people(NINE)],
}


@pytest.mark.parametrize("lines", NOT_COMPLETE.values(), ids=NOT_COMPLETE)
def test_what_is_no_complete_read_removes_nothing(with_ten: Removing, lines: list[Line]) -> None:
    assert with_ten.removed(lines) == []


def test_why_an_activated_stream_is_not_compared_is_said(with_ten: Removing) -> None:
    ended = with_ten.deliver([PEOPLE, END, *people(NINE)])
    assert "Nothing is removed from stream 'people': no ACTIVATE_VERSION with" in ended.log


COMPLETE: dict[str, list[Line]] = {
    "activated first and last": [PEOPLE, END, *people(NINE), END],
    "activated twice": [PEOPLE, *people(NINE), END, END],
    "a record's id has changed": [
        *(PEOPLE, *people(NINE)),
        *(person("1", id=TEN[0], userId="user-new"), END),
    ],
}


@pytest.mark.parametrize("lines", COMPLETE.values(), ids=COMPLETE)
def test_of_a_complete_read_the_missing_are_removed(with_ten: Removing, lines: list[Line]) -> None:
    assert with_ten.removed(lines) == [TEN[0]]


def test_ids_from_an_incremental_run_are_compared(segment: Removing) -> None:
    segment.deliver([PEOPLE, *people(TEN, None)])
    assert segment.removed(table(NINE, 1)) == [TEN[0]]


def test_a_read_goes_on_over_runs_by_its_version(any_store: Removing) -> None:
    any_store.deliver(table(TEN, 1))
    assert any_store.removed([PEOPLE, *people(TEN[:5])]) == []
    rest = [PEOPLE, *people(TEN[5:9]), END]
    assert any_store.deliver(rest, dry_run=True).summary["removed"] == 1
    assert any_store.removed(rest) == [TEN[9]]


def test_a_read_that_begins_anew_lacks_what_the_stopped_one_had(with_ten: Removing) -> None:
    with_ten.deliver([PEOPLE, person(TEN[0])])
    assert with_ten.removed(table(NINE, 3)) == [TEN[0]]


def test_an_empty_table_is_stopped_by_the_cap(with_ten: Removing) -> None:
    ended = with_ten.deliver([PEOPLE, END])
    assert (ended.exit_code, ended.states, with_ten.messages) == (1, [], [])
    assert "10 of the 10" in ended.log
    assert "max_removed (10 %)" in ended.log
    assert with_ten.removed([PEOPLE, activate("people", 3)], max_removed=100) == TEN


def test_the_cap_of_one_stream_stops_before_anything_is_removed(any_store: Removing) -> None:
    segment, others = any_store, [name.upper() for name in TEN]
    segment.deliver([*table(TEN, 1), *table(others, 1, "crm")])
    lines = [*table(TEN[2:], 2), state("between"), *table(others[1:], 2, "crm")]
    ended = segment.deliver([PEOPLE, person("new"), state("before"), *lines[1:]])
    assert (ended.exit_code, ended.states) == (1, ["before"]), "no STATE behind the activation"
    assert [message["type"] for message in segment.messages] == ["identify"]
    assert ended.summary["removed"] == 0
    assert len(segment.removed(lines, max_removed=20)) == 3


def test_as_many_as_the_cap_says_may_go(with_ten: Removing) -> None:
    assert with_ten.deliver(table(NINE, 2), max_removed=9.9).exit_code == 1
    assert with_ten.removed(table(NINE, 3), max_removed=10) == [TEN[0]]
    assert with_ten.deliver(table(NINE[1:], 4), max_removed=0).exit_code == 1


# What was read and not sent.


def test_a_rejected_record_was_read(with_ten: Removing) -> None:
    ended = with_ten.deliver([PEOPLE, *people(NINE), person(TEN[0], traits=5), END])
    assert (ended.exit_code, ended.summary["removed"]) == (3, 0)
    assert with_ten.removed(table(NINE, 3)) == [TEN[0]]


def test_a_record_that_segment_refuses_was_read(with_ten: Removing) -> None:
    with_ten.answer = lambda request: Reply(400) if b"bad" in request.body else SUCCESS
    ended = with_ten.deliver([PEOPLE, *people(NINE), person(TEN[0], traits={"plan": "bad"}), END])
    assert (ended.exit_code, ended.summary["removed"], ended.states) == (1, 0, [])


def test_a_record_that_cannot_be_read_was_read_all_the_same(with_ten: Removing) -> None:
    broken = json.dumps(person(TEN[0])).replace('"free"', "NaN") + "\n"
    ended = with_ten.deliver([PEOPLE, *people(TEN[2:]), broken, END])
    assert (ended.exit_code, [event["userId"] for event in with_ten.events]) == (3, [TEN[1]])


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"id": "a"}, "a"),
        ({"id": 5}, "5"),
        ({"id": "a\ufffd"}, None),
        ({"id": 5.0}, None),
        ({"id": True}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_key_of_a_record_that_cannot_be_read_is_only_taken_if_it_is_certain(
    record: object, key: str | None
) -> None:
    assert MappedStream("s", [], None, ["id"]).key_of(record) == key
    assert MappedStream("s", [], None, ["id", "other"]).key_of(record) is None


def test_what_a_stream_map_leaves_out_was_read(with_ten: Removing) -> None:
    maps = {"people": {"__filter__": "id[-1] != 'a'"}}
    assert with_ten.removed(table(TEN, 2), stream_maps=maps) == []
    assert with_ten.removed(table(NINE, 3), stream_maps=maps) == [TEN[0]]


def test_without_keys_a_record_that_is_not_sent_could_be_any(segment: Removing) -> None:
    keyless = {**PEOPLE, "key_properties": []}
    segment.deliver([keyless, *table(TEN, 1)[1:]])
    ended = segment.deliver([keyless, *people(NINE), person("bad", traits=5), END], max_rejects=1)
    assert ended.summary["removed"] == 0
    assert "a record that was not sent has no key" in ended.log
    assert segment.removed([keyless, *table(NINE, 3)[1:]]) == [TEN[0]]


# Where else they are known.


def test_a_user_of_two_streams_is_removed_when_both_lack_it(segment: Removing) -> None:
    segment.deliver([*table(TEN, 1), *table(TEN, 1, "crm")])
    ended = segment.deliver(table(NINE, 2))
    assert (ended.exit_code, segment.events) == (0, [])
    assert "1 users or companies are missing from stream 'people' but" in ended.log
    assert segment.removed(table(NINE, 2, "crm")) == [TEN[0]]


def test_a_user_that_two_streams_lack_at_once_is_told_once_and_sent_anew_by_both(
    segment: Removing,
) -> None:
    segment.deliver([*table(TEN, 1), *table(TEN, 1, "crm")])
    assert segment.removed([*table(NINE, 2), *table(NINE, 2, "crm")]) == [TEN[0]]
    segment.deliver([*table(TEN, 3), *table(TEN, 3, "crm")])
    assert segment.users == [TEN[0]] * 2


def test_two_streams_under_one_name_are_told_apart(segment: Removing) -> None:
    segment.settings["stream_maps"] = {"crm": {"__alias__": "people"}}
    segment.deliver([*table(TEN[:9], 1), *table(TEN[1:], 1, "crm")])
    assert segment.removed(table(TEN[:9], 2)) == []
    assert segment.removed(table(TEN[1:9], 3), max_removed=20) == [TEN[0]]
    assert segment.removed(table(TEN[2:], 2, "crm")) == []


def test_another_write_key_has_its_own_users(with_ten: Removing) -> None:
    assert with_ten.removed(table(NINE, 2), write_key="another") == []
    assert with_ten.removed(table(NINE, 3)) == [TEN[0]]


# Stores.


def test_what_was_known_before_has_no_ids_until_a_complete_read(any_store: Removing) -> None:
    segment = any_store
    segment.deliver(table(TEN, 1), on_removed="ignore")
    ended = segment.deliver(table(NINE, 2))
    assert (ended.exit_code, segment.messages) == (0, [])
    assert "stored without their ids" in ended.log
    ended = segment.deliver(table(NINE[1:], 3), max_removed=20)
    assert [event["userId"] for event in segment.events] == [NINE[0]]
    assert "stored without their ids" not in ended.log, "it is said once"


def test_a_read_that_a_run_without_on_removed_took_part_in_is_not_compared(
    any_store: Removing,
) -> None:
    any_store.deliver(table(TEN, 1))
    any_store.deliver([PEOPLE, *people(TEN[:5])], on_removed="ignore")
    rest = [PEOPLE, *people(TEN[5:]), END]
    ended = any_store.deliver(rest)
    assert (ended.exit_code, any_store.messages) == (0, [])
    assert "a run without on_removed may have been part of" in ended.log
    assert any_store.deliver(rest).exit_code == 0
    assert any_store.removed(table(NINE, 3)) == [TEN[0]]


def test_nothing_is_kept_of_ids_without_on_removed(segment: Removing) -> None:
    segment.deliver(table(TEN, 1), on_removed="ignore")
    path = segment.folder / "fingerprints.sqlite"
    with closing(sqlite3.connect(path)) as file:
        tables = {name for [name] in file.execute("SELECT name FROM sqlite_master")}
    assert tables == {"settled", "log"}
    assert TEN[0].encode() not in path.read_bytes()


def test_who_is_removed_leaves_no_id_behind(with_ten: Removing) -> None:
    with_ten.deliver(table(NINE, 2))
    with closing(sqlite3.connect(with_ten.folder / "fingerprints.sqlite")) as file:
        ids = {id_ for [id_] in file.execute("SELECT id FROM singer_fingerprint_identities")}
    assert ids == {f"u{name}" for name in NINE}
    held = b"".join(path.read_bytes() for path in with_ten.folder.glob("fingerprints.sqlite*"))
    assert TEN[0].encode() not in held
    assert NINE[0].encode() in held


def test_windows_of_a_backfill_remove_nothing(segment: Removing, database: Database) -> None:
    segment.settings["fingerprints_path"] = database.uri
    segment.deliver(table(TEN, 1))
    ended = segment.deliver(table(NINE, 2), fingerprints_lease="backfill")
    assert (ended.exit_code, segment.messages) == (0, [])
    end_leases(database)
    assert segment.removed(table(NINE, 3)) == [TEN[0]]


def test_sending_a_few_records_removes_nothing(
    with_ten: Removing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TargetSegment, "selection", Selection(None, frozenset({NINE[0]})))
    with_ten.deliver(table(NINE, 2))
    assert not with_ten.events


# What goes wrong.


def refuses(words: bytes, reply: Reply) -> Any:
    """Answer thus to what holds some words, and else with success."""
    return lambda request: reply if words in request.body else SUCCESS


def test_a_removal_that_was_not_acknowledged_holds_state_and_is_repeated(
    with_ten: Removing,
) -> None:
    with_ten.answer = refuses(b"Removed", Reply(503))
    ended = with_ten.deliver([*table(NINE, 2), state("after")], retry_max_seconds=0)
    first = {event["messageId"] for event in with_ten.events}
    assert (ended.exit_code, ended.states, ended.summary["removed"]) == (1, [], 0)
    with_ten.answer = lambda _: SUCCESS
    assert with_ten.removed(table(NINE, 3)) == [TEN[0]]
    assert {event["messageId"] for event in with_ten.events} == first, "Segment drops the repeat"


def test_who_came_back_before_the_removal_was_acknowledged_is_sent_anew(
    with_ten: Removing,
) -> None:
    with_ten.answer = lambda _: Reply(503)
    with_ten.deliver(table(NINE, 2), retry_max_seconds=0)
    with_ten.answer = lambda _: SUCCESS
    with_ten.deliver(table(TEN, 3))
    assert [(m["type"], m["userId"]) for m in with_ten.messages] == [("identify", TEN[0])]


def test_a_rejected_removal_can_be_replayed(any_store: Removing) -> None:
    segment = any_store
    segment.deliver(table(TEN, 1))
    segment.answer = refuses(b"Removed", Reply(400, {"code": "bad"}))
    ended = segment.deliver([PEOPLE, *people(NINE), person("new"), END])
    assert (ended.exit_code, ended.states) == (3, ["end"])
    assert (ended.summary["removals_rejected"], ended.summary["rejected"]) == (1, 0)
    assert ended.rejects[-1]["record"]["_delivery_reject"]["reason"] == "refused_by_service"
    first = {event["messageId"] for event in segment.events}

    segment.answer = lambda _: SUCCESS
    assert segment.removed(ended.rejects) == [TEN[0]]
    assert {event["messageId"] for event in segment.events} == first
    assert segment.deliver(ended.rejects).summary["removed"] == 0, "it is known"
    assert segment.removed(table([*NINE, "new"], 3)) == []


def test_a_replay_without_on_removed_leaves_removals_out(segment: Removing) -> None:
    removal = {"stream": "people", "id": f"u{TEN[0]}", "entity_keys": [1]}
    line = record("people", _delivery_removal=removal)
    ended = segment.deliver([PEOPLE, line], on_removed="ignore")
    assert (ended.exit_code, ended.summary["skipped_by_reason"]) == (0, {"removal": 1})
    line = record("people", _delivery_removal={"id": 5})
    assert segment.deliver([PEOPLE, line]).summary["rejected_by_reason"] == {"not_json": 1}


def test_an_input_that_ends_early_removes_nothing(with_ten: Removing) -> None:
    ended = with_ten.deliver([*table(NINE, 2), {"type": "NONSENSE"}])
    assert (ended.exit_code, with_ten.events, ended.states) == (1, [], [])


def test_state_passes_where_an_activation_was_no_end(segment: Removing) -> None:
    """A tap that activates first may not hold STATE for the whole read."""
    ended = segment.deliver([PEOPLE, END, state(0), person(TEN[0]), state(1)])
    assert ended.states[-1] == "end"


# Rows that are marked as deleted.

DELETED: dict[str, Any] = {"_sdc_deleted_at": "2026-01-01T00:00:00Z"}
GONE = [PEOPLE, person(TEN[0], None, **DELETED)]


def test_a_row_that_is_marked_as_deleted_tells_it_itself(with_ten: Removing) -> None:
    assert with_ten.removed(GONE) == [TEN[0]]
    ended = with_ten.deliver(GONE)
    assert (ended.summary["removed"], ended.summary["unchanged"]) == (0, 1)
    with_ten.deliver([PEOPLE, person(TEN[0], None)])
    assert [m["type"] for m in with_ten.messages] == ["identify"]
    assert with_ten.removed(GONE) == [TEN[0]]
    assert with_ten.removed(table(NINE, 2)) == [], "it is known already"


def test_a_deleted_row_in_a_complete_read_was_read(with_ten: Removing) -> None:
    assert with_ten.removed([PEOPLE, *people(NINE), person(TEN[0], **DELETED), END]) == [TEN[0]]
    assert with_ten.removed(table(NINE, 3)) == []


def test_without_on_removed_a_deleted_row_is_skipped(segment: Removing) -> None:
    ended = segment.deliver(GONE, on_removed="ignore")
    assert ended.summary["skipped_by_reason"] == {"deleted": 1}


def test_a_deleted_row_without_an_id_is_rejected(segment: Removing) -> None:
    ended = segment.deliver([PEOPLE, person(TEN[0], userId=None, **DELETED)])
    assert ended.summary["rejected_by_reason"] == {"no_user_anon_id": 1}


def test_deleted_rows_of_events_are_skipped(segment: Removing) -> None:
    orders = schema("orders", "userId", "event", "_sdc_deleted_at")
    ended = segment.deliver([orders, record("orders", userId="u", event="Buy", **DELETED)])
    assert ended.summary["skipped_by_reason"] == {"deleted": 1}


# What is told.


def test_the_event_has_the_name_and_the_destinations_of_the_settings(segment: Removing) -> None:
    segment.settings |= {"removed_event": "{kind} is gone", "integrations": {"Braze": False}}
    segment.deliver(table(TEN, 1))
    segment.deliver(table(NINE, 2))
    [event] = segment.events
    assert (event["event"], event["integrations"]) == ("User is gone", {"Braze": False})


def test_what_came_from_moesif_does_not_return_to_it(segment: Removing) -> None:
    users = schema("users", "id", "email", mark="users")
    segment.settings["streams"] = {}
    for version, names in enumerate((TEN, NINE), 1):
        rows = [{"id": name, "email": "x"} for name in names]
        segment.deliver(complete_read(users, rows, version))
    [event] = segment.events
    assert (event["userId"], event["integrations"]) == (TEN[0], {"Moesif API Analytics": False})


COMPANIES = schema("companies", "id", "lastSeenUserId", "companyDomain", mark="companies")


def test_a_company_is_told_through_its_user_once_no_row_has_it(any_store: Removing) -> None:
    segment = any_store
    segment.settings |= {"streams": {}, "company_groups": True, "max_removed": 50}

    def read(users: dict[str, str | None], version: int) -> None:
        rows = [{"id": company, "lastSeenUserId": user} for company, user in users.items()]
        segment.deliver(complete_read(COMPANIES, rows, version))

    read({"c1": TEN[0], "c2": TEN[1]}, 1)
    for version, user in enumerate((TEN[2], None), 2):
        read({"c1": user, "c2": TEN[1]}, version)
        assert not segment.events, "the company is there, through another user or none"
    read({"c2": TEN[1]}, 4)
    [event] = segment.events
    assert (event["event"], event["context"]["groupId"]) == ("Company Removed", "c1")
    assert event["userId"] == TEN[2]


def test_the_company_of_a_user_is_not_removed_with_the_user(segment: Removing) -> None:
    users = schema("users", "id", "company", mark="users")
    segment.settings |= {"streams": {}, "company_groups": True}
    for version, names in enumerate((TEN, NINE), 1):
        rows = [{"id": name, "company": {"id": name}} for name in names]
        segment.deliver(complete_read(users, rows, version))
    assert [event["event"] for event in segment.events] == ["User Removed"]


def test_an_anonymous_user_is_told_as_such(segment: Removing) -> None:
    anonymous = schema("people", "anonymousId", "traits")
    for version, names in enumerate((TEN, NINE), 1):
        rows = [{"anonymousId": name, "traits": {}} for name in names]
        segment.deliver(complete_read(anonymous, rows, version))
    [event] = segment.events
    assert event["anonymousId"] == TEN[0]
    assert "userId" not in event


# What is reported.


def test_a_dry_run_lists_who_would_be_removed_and_changes_nothing(
    any_store: Removing, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = any_store
    segment.deliver(table(TEN, 1))
    bodies = segment.folder / "bodies.jsonl"
    for _ in range(2):
        ended = segment.deliver(table(NINE, 2), dry_run=True, dry_run_path=str(bodies))
        assert (ended.exit_code, segment.messages) == (0, [])
        [body] = [json.loads(line) for line in bodies.read_text().splitlines()]
        [event] = body["batch"]
        assert (event["event"], event["userId"]) == ("User Removed", TEN[0])
        shown = capsys.readouterr().err
        assert "people  removed: track      1" in shown
        assert TEN[0] not in shown
    ended = segment.deliver(table(TEN[2:], 2), dry_run=True)
    assert ended.exit_code == 1
    assert "max_removed" in ended.log
    assert segment.removed(table(NINE, 2)) == [TEN[0]]


def test_outcomes_history_and_metrics_name_removals(with_ten: Removing) -> None:
    folder = with_ten.folder
    paths = {name: str(folder / f"{name}.out") for name in ("outcomes", "history", "metrics")}
    with_ten.deliver(table(NINE, 2), **{f"{name}_path": path for name, path in paths.items()})

    def rows_in(name: str) -> list[dict[str, Any]]:
        lines = map(json.loads, Path(paths[name]).read_text().splitlines())
        return [line["record"] for line in lines if line["type"] == "RECORD"]

    rows = rows_in("outcomes")
    assert [row["outcome"] for row in rows] == [*["unchanged"] * 9, "removed"]
    assert rows[-1]["key"] == TEN[0]
    assert rows[-1]["record"] == 10
    assert rows[-1]["call"] == "track"
    [run] = rows_in("history")
    assert (run["removed"], run["removals_rejected"]) == (1, 0)
    assert "singer_delivery_run_removed{" in Path(paths["metrics"]).read_text()


def test_without_changed_only_there_is_nothing_to_compare_with() -> None:
    config = {"write_key": KEY, "on_removed": "event"}
    with pytest.raises(ConfigValidationError) as refused:
        TargetSegment(config=config)
    [error] = refused.value.errors
    assert error.startswith("Setting on_removed:")
    assert "changed_only: true" in error


# Traits that are set to null.


@pytest.fixture
def nulling(segment: Removing) -> Removing:
    segment.settings["on_removed"] = "null_traits"
    return segment


@pytest.mark.usefixtures("any_store")
def test_the_traits_that_were_sent_are_set_to_null(nulling: Removing) -> None:
    segment = nulling
    first = person(TEN[0], 1, traits={"plan": "free", "seats": 3, "email": None})
    second = person(TEN[1], 1, traits={"city": "Bern", "id": "x"})
    segment.deliver([*table(TEN[2:], 1)[:-1], first, second, activate("people", 1)])
    ended = segment.deliver(table(TEN[2:], 2), max_removed=20)
    assert (ended.exit_code, ended.summary["removed"], segment.events) == (0, 2, [])
    assert segment.nulled == {TEN[0]: {"plan": None, "seats": None}, TEN[1]: {"city": None}}
    assert all(message["context"]["active"] is False for message in segment.messages)
    assert segment.deliver(table(TEN[2:], 3)).summary["removed"] == 0


@pytest.mark.usefixtures("any_store")
def test_traits_that_were_sent_once_are_remembered(nulling: Removing) -> None:
    for version, traits in enumerate(({"a": 1}, {"b": 2}, {"b": 2}), 1):
        lines = [*table(NINE, version)[:-1], person(TEN[0], version, traits=traits)]
        nulling.deliver([*lines, activate("people", version)])
    nulling.deliver(table(NINE, 4))
    assert nulling.nulled == {TEN[0]: {"a": None, "b": None}}


def test_who_comes_back_after_nulls_is_sent_anew(nulling: Removing) -> None:
    ids = []
    for version, names in enumerate([TEN, NINE, TEN, NINE], 1):
        nulling.deliver(table(names, version))
        ids += [m["messageId"] for m in nulling.messages if m["userId"] == TEN[0]]
    assert len(ids) == len({*ids}) == 4


def test_of_a_deleted_row_all_traits_that_it_has_are_set_to_null(nulling: Removing) -> None:
    nulling.deliver(table(TEN, 1))
    gone = person(TEN[0], None, traits={"plan": None, "email": None}, **DELETED)
    assert nulling.deliver([PEOPLE, gone]).summary["removed"] == 1
    assert nulling.nulled == {TEN[0]: {"plan": None, "email": None}}


def test_more_traits_than_bits_are_set_to_null_together(nulling: Removing) -> None:
    names = [f"t{number:02d}" for number in range(70)]
    few, many, rest = (dict.fromkeys(some, 1) for some in (names[:2], names[2:64], names[64:]))
    mine = [person(name, 1, traits=t) for name, t in zip(TEN, (few, many, rest), strict=False)]
    nulling.deliver([*table(TEN[3:], 1)[:-1], *mine, activate("people", 1)])
    nulling.deliver(table(TEN[3:], 2), max_removed=100)
    found = {user: {*traits} for user, traits in nulling.nulled.items()}
    assert found[TEN[0]] == {*few}
    assert {*many} <= found[TEN[1]] <= {*many, *rest, "plan"}
    assert {*rest} <= found[TEN[2]]
    assert not {*few} & (found[TEN[1]] | found[TEN[2]])


def test_a_company_loses_its_traits_through_its_user(nulling: Removing) -> None:
    nulling.settings |= {"streams": {}, "company_groups": True}
    fields = {"lastSeenUserId": "carrier", "companyDomain": "a.example"}
    for version, names in enumerate((TEN, NINE), 1):
        rows = [{"id": name, **fields} for name in names]
        nulling.deliver(complete_read(COMPANIES, rows, version))
    [group] = nulling.messages
    assert (group["type"], group["groupId"], group["userId"]) == ("group", TEN[0], "carrier")
    assert group["traits"] == {"companyDomain": None}
    assert group["integrations"] == {"Moesif API Analytics": False}


def test_a_rejected_removal_keeps_its_traits_for_the_replay(nulling: Removing) -> None:
    nulling.deliver(table(TEN, 1))
    nulling.answer = refuses(b'"plan":null', Reply(400))
    ended = nulling.deliver([PEOPLE, *people(NINE), person("new"), END])
    nulling.answer = lambda _: SUCCESS
    nulling.deliver(ended.rejects)
    assert nulling.nulled == {TEN[0]: {"plan": None}}
