"""`on_removed`: who is no longer in a complete read is told to Segment."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from singer_sdk.exceptions import ConfigValidationError

from scripted import Reply
from segment_runs import KEY, SUCCESS, record, schema, scripted_segment, sent, state
from singer_delivery.reading.mapped import MappedStream
from singer_delivery.reading.selection import Selection
from singer_delivery.testing import Ended, deliver
from target_segment import TargetSegment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scripted import Request, ScriptedService

pytestmark = pytest.mark.slow

Line = dict[str, Any]

TEN = [f"user-{letter}" for letter in "abcdefghij"]
NINE = TEN[1:]
PEOPLE = {**schema("people", "id", "userId", "traits", "_sdc_deleted_at"), "key_properties": ["id"]}


def person(name: str, version: int | None = 1, stream: str = "people", **fields: Any) -> Line:
    mine = {"id": name, "userId": name, "traits": {"plan": "free"}}
    line = record(stream, **{**mine, **fields})
    return line if version is None else {**line, "version": version}


def activate(version: int, stream: str = "people") -> Line:
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def table(names: Iterable[str], version: int, stream: str = "people") -> list[Line]:
    """Give the lines of a complete read."""
    people = [person(name, version, stream) for name in names]
    return [{**PEOPLE, "stream": stream}, *people, activate(version, stream)]


class Segment:
    """A Segment, and runs of the target that deliver to it."""

    def __init__(self, service: ScriptedService, folder: Path, settings: dict[str, Any]) -> None:
        self.service = service
        self.folder = folder
        self._settings = {
            "write_key": KEY,
            "host": service.url,
            "changed_only": True,
            "on_removed": "event",
            "fingerprints_path": str(folder / "fingerprints.sqlite"),
            "streams": {"*": {"as": "segment.calls"}},
            **settings,
        }

    def run(self, lines: Iterable[Line | str], **settings: Any) -> Ended:
        """Deliver some lines, and forget the requests of earlier runs."""
        self.service.requests.clear()
        ended = deliver(
            TargetSegment, {**self._settings, **settings}, [*lines, state("end")], self.folder
        )
        assert not any(name in ended.log for name in TEN), "no user's id is logged"
        return ended

    def removed(self, lines: Iterable[Line], **settings: Any) -> list[str]:
        """Deliver some lines; give whose removal was told."""
        ended = self.run(lines, **settings)
        assert (ended.exit_code, ended.states) == (0, ["end"]), ended.log
        assert ended.summary["removed"] == len(self.events)
        return sorted(event["userId"] for event in self.events)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return sent(self.service)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == "track"]


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


@pytest.fixture(params=["file", "database"])
def segment(service: ScriptedService, tmp_path: Path, request: pytest.FixtureRequest) -> Segment:
    """Segment, with each store of fingerprints."""
    if request.param == "file":
        return Segment(service, tmp_path, {})
    return Segment(
        service, tmp_path, {"fingerprints_path": request.getfixturevalue("database").uri}
    )


@pytest.fixture
def with_file(service: ScriptedService, tmp_path: Path) -> Segment:
    return Segment(service, tmp_path, {})


# What a complete read is.


def test_who_is_missing_in_a_complete_read_is_told_once(segment: Segment) -> None:
    assert segment.removed(table(TEN, 1)) == []
    ended = segment.run(table(NINE, 2))
    [event] = segment.events
    assert (event["event"], event["userId"]) == ("User Removed", TEN[0])
    assert (ended.exit_code, ended.states) == (0, ["end"])
    found = ended.summary
    assert (found["removed"], found["unchanged"], found["read"]) == (1, 9, 9)
    assert found["streams"]["people"]["removed"] == 1
    assert "1 removed" in ended.log
    assert segment.removed(table(NINE, 3)) == []


def test_who_comes_back_is_sent_anew_with_another_id(segment: Segment) -> None:
    ids = []
    for version, names in enumerate([TEN, NINE, TEN, NINE, TEN], 1):
        segment.run(table(names, version))
        ids += [m["messageId"] for m in segment.messages if m["userId"] == TEN[0]]
    assert len(ids) == len({*ids}) == 5


def test_an_incremental_run_removes_nothing(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    assert segment.removed([PEOPLE, person(TEN[3], None)]) == []
    assert segment.removed([PEOPLE, *(person(name, 2) for name in NINE)]) == [], "it was stopped"


def test_ids_from_an_incremental_run_are_compared(segment: Segment) -> None:
    segment.run([PEOPLE, *(person(name, None) for name in TEN)])
    assert segment.removed(table(NINE, 1)) == [TEN[0]]


def test_a_read_goes_on_over_runs_by_its_version(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    assert segment.removed([PEOPLE, *(person(name, 2) for name in TEN[:5])]) == []
    assert segment.removed([PEOPLE, *(person(name, 2) for name in TEN[5:9]), activate(2)]) == [
        TEN[9]
    ]


def test_a_read_that_begins_anew_lacks_what_the_stopped_one_had(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    segment.run([PEOPLE, person(TEN[0], 2)])
    assert segment.removed(table(NINE, 3)) == [TEN[0]]


def test_who_comes_after_an_activation_is_not_removed(segment: Segment) -> None:
    """Some taps activate a version first, so that a target shows its records at once."""
    segment.run(table(TEN, 1))
    people = [person(name, 2) for name in NINE]
    assert segment.removed([PEOPLE, activate(2), *people]) == []
    assert segment.removed([PEOPLE, people[0], activate(2), *people[1:]]) == []
    assert segment.removed([PEOPLE, activate(3), *table(NINE, 3)[1:]]) == [TEN[0]], "first and last"


def test_partitions_of_a_stream_are_no_whole(with_file: Segment) -> None:
    """singer-sdk's taps activate the version before each, behind a SCHEMA."""
    with_file.run(table(TEN, 1))
    parts = [line for name in NINE for line in (PEOPLE, activate(2), person(name, 2))]
    assert with_file.removed([*parts, PEOPLE, activate(2)]) == []
    ended = with_file.run([PEOPLE, activate(3), *(person(name, 3) for name in NINE)])
    assert "Nothing is removed from stream 'people': no ACTIVATE_VERSION with" in ended.log


def test_a_second_activation_changes_nothing(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    assert segment.removed([*table(NINE, 2), activate(2)]) == [TEN[0]]


@pytest.mark.parametrize("other", [None, 1, 3, "2", 2.5, 1 << 63])
def test_a_record_of_another_version_makes_a_read_no_whole(with_file: Segment, other: Any) -> None:
    with_file.run(table(TEN, 1))
    lines = [PEOPLE, *(person(name, 2) for name in NINE), activate(2)]
    assert with_file.removed([lines[0], {**person(NINE[0]), "version": other}, *lines[1:]]) == []
    assert with_file.removed([PEOPLE, *(person(name, other) for name in NINE), activate(2)]) == []


def test_another_version_than_the_records_have_is_no_end(with_file: Segment) -> None:
    with_file.run(table(TEN, 1))
    assert with_file.removed([*table(NINE, 2)[:-1], activate(3)]) == []
    assert with_file.removed([*table(NINE, 4), activate(5)]) == []


def test_a_version_that_is_activated_again_without_records_is_no_empty_table(
    with_file: Segment,
) -> None:
    """An incremental run of tap-mysql that has found no change."""
    with_file.run(table(TEN, 7))
    for version in (7, 6):
        assert with_file.removed([PEOPLE, activate(version)]) == []


def test_an_empty_table_is_stopped_by_the_cap(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    ended = segment.run([PEOPLE, activate(2)])
    assert (ended.exit_code, ended.states, segment.messages) == (1, [], [])
    assert "10 of the 10" in ended.log
    assert "max_removed (10 %)" in ended.log
    assert segment.removed([PEOPLE, activate(3)], max_removed=100) == TEN


def test_the_cap_of_one_stream_stops_before_anything_is_removed(segment: Segment) -> None:
    others = [name.upper() for name in TEN]
    segment.run([*table(TEN, 1), *table(others, 1, "crm")])
    lines = [*table(TEN[2:], 2), state("between"), *table(others[1:], 2, "crm")]
    ended = segment.run([lines[0], person("new", 2), state("before"), *lines[1:]])
    assert (ended.exit_code, ended.states) == (1, ["before"]), "no STATE behind the activation"
    assert [message["type"] for message in segment.messages] == ["identify"]
    assert ended.summary["removed"] == 0
    assert len(segment.removed(lines, max_removed=20)) == 3


def test_as_many_as_the_cap_says_may_go(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    assert segment.run(table(NINE, 2), max_removed=9.9).exit_code == 1
    assert segment.removed(table(NINE, 3), max_removed=10) == [TEN[0]]
    assert segment.run(table(NINE[1:], 4), max_removed=0).exit_code == 1


# What was read and not sent.


def test_a_rejected_record_was_read(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    lines = table(NINE, 2)
    ended = segment.run([*lines[:-1], person(TEN[0], 2, traits=5), lines[-1]])
    assert (ended.exit_code, ended.summary["removed"]) == (3, 0)
    assert segment.removed(table(NINE, 3)) == [TEN[0]]


def test_a_record_that_segment_refuses_was_read(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    segment.service.answer = lambda request: Reply(400) if b"bad" in request.body else SUCCESS
    lines = table(NINE, 2)
    ended = segment.run([*lines[:-1], person(TEN[0], 2, traits={"plan": "bad"}), lines[-1]])
    assert (ended.exit_code, ended.summary["removed"], ended.states) == (1, 0, [])


def test_a_record_that_cannot_be_read_was_read_all_the_same(with_file: Segment) -> None:
    with_file.run(table(TEN, 1))
    broken = json.dumps(person(TEN[0], 2)).replace('"free"', "NaN")
    lines: list[Line | str] = [*table(TEN[2:], 2)[:-1], broken + "\n", activate(2)]
    ended = with_file.run(lines)
    assert (ended.exit_code, [event["userId"] for event in with_file.events]) == (3, [TEN[1]])


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


def test_an_activation_of_a_stream_without_a_schema_means_nothing(with_file: Segment) -> None:
    assert with_file.removed([activate(1, "other"), *table(TEN, 1)]) == []


def test_what_a_stream_map_leaves_out_was_read(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    maps = {"people": {"__filter__": "id[-1] != 'a'"}}
    assert segment.removed(table(TEN, 2), stream_maps=maps) == []
    assert segment.removed(table(NINE, 3), stream_maps=maps) == [TEN[0]]


def test_without_keys_a_record_that_is_not_sent_could_be_any(with_file: Segment) -> None:
    keyless = [{**PEOPLE, "key_properties": []}, *table(NINE, 2)[1:]]
    with_file.run([keyless[0], *table(TEN, 1)[1:]])
    bad = person("bad", 2, traits=5)
    ended = with_file.run([*keyless[:-1], bad, keyless[-1]], max_rejects=1)
    assert ended.summary["removed"] == 0
    assert "a record that was not sent has no key" in ended.log
    assert with_file.removed([keyless[0], *table(NINE, 3)[1:]]) == [TEN[0]]


def test_a_record_whose_id_changes_leaves_the_old_one(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    lines = [*table(NINE, 2)[:-1], person("1", 2, id=TEN[0], userId="user-new"), activate(2)]
    assert segment.removed(lines) == [TEN[0]]


# Where else they are known.


def test_a_user_of_two_streams_is_removed_when_both_lack_it(segment: Segment) -> None:
    segment.run([*table(TEN, 1), *table(TEN, 1, "crm")])
    ended = segment.run(table(NINE, 2))
    assert (ended.exit_code, segment.events) == (0, [])
    assert "1 users or companies are missing from stream 'people' but" in ended.log
    assert segment.removed(table(NINE, 2, "crm")) == [TEN[0]]


def test_a_user_that_two_streams_lack_at_once_is_told_once_and_sent_anew_by_both(
    segment: Segment,
) -> None:
    both = [*table(TEN, 1), *table(TEN, 1, "crm")]
    segment.run(both)
    assert segment.removed([*table(NINE, 2), *table(NINE, 2, "crm")]) == [TEN[0]]
    segment.run([*table(TEN, 3), *table(TEN, 3, "crm")])
    assert [message["userId"] for message in segment.messages] == [TEN[0]] * 2


def test_two_streams_under_one_name_are_told_apart(segment: Segment) -> None:
    maps = {"crm": {"__alias__": "people"}}
    segment.run([*table(TEN[:9], 1), *table(TEN[1:], 1, "crm")], stream_maps=maps)
    assert segment.removed(table(TEN[:9], 2), stream_maps=maps) == []
    assert segment.removed(table(TEN[1:9], 3), stream_maps=maps, max_removed=20) == [TEN[0]]
    assert segment.removed(table(TEN[2:], 2, "crm"), stream_maps=maps) == []


def test_another_write_key_has_its_own_users(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    assert segment.removed(table(NINE, 2), write_key="another") == []
    assert segment.removed(table(NINE, 3)) == [TEN[0]]


# Stores.


def test_what_was_known_before_has_no_ids_until_a_complete_read(segment: Segment) -> None:
    segment.run(table(TEN, 1), on_removed="ignore")
    ended = segment.run(table(NINE, 2))
    assert (ended.exit_code, segment.messages) == (0, [])
    assert "stored without their ids" in ended.log
    ended = segment.run(table(NINE[1:], 3), max_removed=20)
    assert [event["userId"] for event in segment.events] == [NINE[0]]
    assert "stored without their ids" not in ended.log, "it is said once"


def test_a_read_that_a_run_without_on_removed_took_part_in_is_not_compared(
    segment: Segment,
) -> None:
    segment.run(table(TEN, 1))
    segment.run([PEOPLE, *(person(name, 2) for name in TEN[:5])], on_removed="ignore")
    rest = [PEOPLE, *(person(name, 2) for name in TEN[5:]), activate(2)]
    ended = segment.run(rest)
    assert (ended.exit_code, segment.messages) == (0, [])
    assert "a run without on_removed may have been part of" in ended.log
    assert segment.run(rest).exit_code == 0
    assert segment.removed(table(NINE, 3)) == [TEN[0]]


def test_nothing_is_kept_of_ids_without_on_removed(with_file: Segment) -> None:
    with_file.run(table(TEN, 1), on_removed="ignore")
    with closing(sqlite3.connect(with_file.folder / "fingerprints.sqlite")) as file:
        tables = {name for [name] in file.execute("SELECT name FROM sqlite_master")}
        assert tables == {"settled", "log"}
    assert TEN[0].encode() not in (with_file.folder / "fingerprints.sqlite").read_bytes()


def test_who_is_removed_leaves_no_id_behind(with_file: Segment) -> None:
    with_file.run(table(TEN, 1))
    with_file.run(table(NINE, 2))
    with closing(sqlite3.connect(with_file.folder / "fingerprints.sqlite")) as file:
        ids = {id_ for [id_] in file.execute("SELECT id FROM singer_fingerprint_identities")}
    assert ids == {f"u{name}" for name in NINE}
    held = b"".join(path.read_bytes() for path in with_file.folder.glob("fingerprints.sqlite*"))
    assert TEN[0].encode() not in held
    assert NINE[0].encode() in held


def test_windows_of_a_backfill_remove_nothing(
    service: ScriptedService, tmp_path: Path, database: Any
) -> None:
    segment = Segment(service, tmp_path, {"fingerprints_path": database.uri})
    segment.run(table(TEN, 1))
    ended = segment.run(table(NINE, 2), fingerprints_lease="backfill")
    assert (ended.exit_code, segment.messages) == (0, [])
    with psycopg.connect(database.uri, autocommit=True) as connection:
        connection.execute("DELETE FROM singer_fingerprint_leases")  # or it would end by itself
    assert segment.removed(table(NINE, 3)) == [TEN[0]]


def test_sending_a_few_records_removes_nothing(with_file: Segment) -> None:
    with_file.run(table(TEN, 1))

    def only_one(target: TargetSegment) -> None:
        target.selection = Selection(None, {NINE[0]})

    deliver(
        TargetSegment,
        {**with_file._settings},
        table(NINE, 2),
        with_file.folder,
        on_start=only_one,  # type: ignore[arg-type]
    )
    assert not with_file.events


# What goes wrong.


def test_a_removal_that_was_not_acknowledged_holds_state_and_is_repeated(
    segment: Segment,
) -> None:
    segment.run(table(TEN, 1))

    def answer(request: Request) -> Reply:
        return Reply(503) if b"Removed" in request.body else SUCCESS

    segment.service.answer = answer
    ended = segment.run([*table(NINE, 2), state("after")], retry_max_seconds=0)
    first = {event["messageId"] for event in segment.events}
    assert (ended.exit_code, ended.states, ended.summary["removed"]) == (1, [], 0)
    segment.service.answer = lambda _: SUCCESS
    assert segment.removed(table(NINE, 3)) == [TEN[0]]
    assert {event["messageId"] for event in segment.events} == first, "Segment drops the repeat"


def test_who_came_back_before_the_removal_was_acknowledged_is_sent_anew(
    segment: Segment,
) -> None:
    segment.run(table(TEN, 1))
    segment.service.answer = lambda _: Reply(503)
    segment.run(table(NINE, 2), retry_max_seconds=0)
    segment.service.answer = lambda _: SUCCESS
    segment.run(table(TEN, 3))
    assert [(m["type"], m["userId"]) for m in segment.messages] == [("identify", TEN[0])]


def test_a_rejected_removal_can_be_replayed(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    segment.service.answer = lambda request: (
        Reply(400, {"code": "bad"}) if b"Removed" in request.body else SUCCESS
    )
    new = person("new", 2)
    lines = table(NINE, 2)
    ended = segment.run([*lines[:-1], new, lines[-1]])
    assert (ended.exit_code, ended.states) == (3, ["end"])
    assert (ended.summary["removals_rejected"], ended.summary["rejected"]) == (1, 0)
    assert ended.rejects[-1]["record"]["_delivery_reject"]["reason"] == "refused_by_service"
    first = {event["messageId"] for event in segment.events}

    segment.service.answer = lambda _: SUCCESS
    assert segment.removed(ended.rejects) == [TEN[0]]
    assert {event["messageId"] for event in segment.events} == first
    assert segment.run(ended.rejects).summary["removed"] == 0, "it is known"
    assert segment.removed([*table(NINE, 3)[:-1], person("new", 3), activate(3)]) == []


def test_a_replay_without_on_removed_leaves_removals_out(with_file: Segment) -> None:
    removal = {"stream": "people", "id": f"u{TEN[0]}", "entity_keys": [1]}
    line = record("people", _delivery_removal=removal)
    ended = with_file.run([PEOPLE, line], on_removed="ignore")
    assert (ended.exit_code, ended.summary["skipped_by_reason"]) == (0, {"removal": 1})
    line = record("people", _delivery_removal={"id": 5})
    assert with_file.run([PEOPLE, line]).summary["rejected_by_reason"] == {"not_json": 1}


def test_an_input_that_ends_early_removes_nothing(with_file: Segment) -> None:
    with_file.run(table(TEN, 1))
    ended = with_file.run([*table(NINE, 2), {"type": "NONSENSE"}])
    assert (ended.exit_code, with_file.events, ended.states) == (1, [], [])


def test_state_passes_where_an_activation_was_no_end(with_file: Segment) -> None:
    """A tap that activates first may not hold STATE for the whole read."""
    ended = with_file.run([PEOPLE, activate(1), state(0), person(TEN[0]), state(1)])
    assert ended.states[-1] == "end"


# Rows that are marked as deleted.

DELETED: dict[str, Any] = {"_sdc_deleted_at": "2026-01-01T00:00:00Z"}


def test_a_row_that_is_marked_as_deleted_tells_it_itself(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    gone = person(TEN[0], None, **DELETED)
    assert segment.removed([PEOPLE, gone]) == [TEN[0]]
    ended = segment.run([PEOPLE, gone])
    assert (ended.summary["removed"], ended.summary["unchanged"]) == (0, 1)
    segment.run([PEOPLE, person(TEN[0], None)])
    assert [m["type"] for m in segment.messages] == ["identify"]
    assert segment.removed([PEOPLE, gone]) == [TEN[0]]
    assert segment.removed(table(NINE, 2)) == [], "it is known already"


def test_a_deleted_row_in_a_complete_read_was_read(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    lines = table(NINE, 2)
    assert segment.removed([*lines[:-1], person(TEN[0], 2, **DELETED), lines[-1]]) == [TEN[0]]
    assert segment.removed(table(NINE, 3)) == []


def test_without_on_removed_a_deleted_row_is_skipped(with_file: Segment) -> None:
    ended = with_file.run([PEOPLE, person(TEN[0], **DELETED)], on_removed="ignore")
    assert ended.summary["skipped_by_reason"] == {"deleted": 1}


def test_a_deleted_row_without_an_id_is_rejected(with_file: Segment) -> None:
    ended = with_file.run([PEOPLE, person(TEN[0], userId=None, **DELETED)])
    assert ended.summary["rejected_by_reason"] == {"no_user_anon_id": 1}


def test_deleted_rows_of_events_are_skipped(with_file: Segment) -> None:
    orders = schema("orders", "userId", "event", "_sdc_deleted_at")
    ended = with_file.run([orders, record("orders", userId="u", event="Buy", **DELETED)])
    assert ended.summary["skipped_by_reason"] == {"deleted": 1}


# What is told.


def test_the_event_has_the_name_and_the_destinations_of_the_settings(with_file: Segment) -> None:
    with_file.run(table(TEN, 1))
    more = {"removed_event": "{kind} is gone", "integrations": {"Braze": False}}
    with_file.run(table(NINE, 2), **more)
    [event] = with_file.events
    assert event["event"] == "User is gone"
    assert event["integrations"] == {"Braze": False}


def test_what_came_from_moesif_does_not_return_to_it(with_file: Segment) -> None:
    users = schema("users", "id", "email", mark="users")

    def read(names: list[str], version: int) -> list[Line]:
        rows = [{**record("users", id=name, email="x"), "version": version} for name in names]
        return [users, *rows, activate(version, "users")]

    with_file.run(read(TEN, 1), streams={})
    with_file.run(read(NINE, 2), streams={})
    [event] = with_file.events
    assert (event["userId"], event["integrations"]) == (TEN[0], {"Moesif API Analytics": False})


def test_a_company_is_told_through_its_user_once_no_row_has_it(segment: Segment) -> None:
    companies = schema("companies", "id", "lastSeenUserId", mark="companies")

    def read(users: dict[str, str | None], version: int) -> list[Line]:
        rows = [
            {**record("companies", id=company, lastSeenUserId=user), "version": version}
            for company, user in users.items()
        ]
        return [companies, *rows, activate(version, "companies")]

    settings = {"streams": {}, "company_groups": True, "max_removed": 50}
    segment.run(read({"c1": TEN[0], "c2": TEN[1]}, 1), **settings)
    still: list[dict[str, str | None]] = [{"c1": TEN[2]}, {"c1": None}]
    for version, users in enumerate(still, 2):
        segment.run(read({**users, "c2": TEN[1]}, version), **settings)
        assert not segment.events, "the company is there, through another user or none"
    segment.run(read({"c2": TEN[1]}, 4), **settings)
    [event] = segment.events
    assert (event["event"], event["context"]["groupId"]) == ("Company Removed", "c1")
    assert event["userId"] == TEN[2]


def test_the_company_of_a_user_is_not_removed_with_the_user(with_file: Segment) -> None:
    users = schema("users", "id", "company", mark="users")

    def read(names: list[str], version: int) -> list[Line]:
        rows = [
            {**record("users", id=name, company={"id": name}), "version": version} for name in names
        ]
        return [users, *rows, activate(version, "users")]

    settings = {"streams": {}, "company_groups": True}
    with_file.run(read(TEN, 1), **settings)
    with_file.run(read(NINE, 2), **settings)
    assert [event["event"] for event in with_file.events] == ["User Removed"]


def test_an_anonymous_user_is_told_as_such(with_file: Segment) -> None:
    anonymous = schema("people", "anonymousId", "traits")

    def read(names: list[str], version: int) -> list[Line]:
        rows = [
            {**record("people", anonymousId=name, traits={}), "version": version} for name in names
        ]
        return [anonymous, *rows, activate(version)]

    with_file.run(read(TEN, 1))
    with_file.run(read(NINE, 2))
    [event] = with_file.events
    assert event["anonymousId"] == TEN[0]
    assert "userId" not in event


# What is reported.


def test_a_dry_run_lists_who_would_be_removed_and_changes_nothing(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    bodies = segment.folder / "bodies.jsonl"
    for _ in range(2):
        ended = segment.run(table(NINE, 2), dry_run=True, dry_run_path=str(bodies))
        assert (ended.exit_code, segment.messages) == (0, [])
        [body] = [json.loads(line) for line in bodies.read_text().splitlines()]
        [event] = body["batch"]
        assert (event["event"], event["userId"]) == ("User Removed", TEN[0])
    ended = segment.run(table(TEN[2:], 2), dry_run=True)
    assert ended.exit_code == 1
    assert "max_removed" in ended.log
    assert segment.removed(table(NINE, 2)) == [TEN[0]]


def test_a_dry_run_knows_a_read_that_goes_on(segment: Segment) -> None:
    segment.run(table(TEN, 1))
    segment.run([PEOPLE, *(person(name, 2) for name in TEN[:5])])
    rest = [PEOPLE, *(person(name, 2) for name in TEN[5:9]), activate(2)]
    assert segment.run(rest, dry_run=True).summary["removed"] == 1


def test_the_table_of_a_dry_run_counts_removals(
    with_file: Segment, capsys: pytest.CaptureFixture[str]
) -> None:
    with_file.run(table(TEN, 1))
    with_file.run(table(NINE, 2), dry_run=True)
    shown = capsys.readouterr().err
    assert "people  removed: track      1" in shown
    assert TEN[0] not in shown


def test_outcomes_history_and_metrics_name_removals(with_file: Segment) -> None:
    with_file.run(table(TEN, 1))
    folder = with_file.folder
    paths = {name: str(folder / f"{name}.out") for name in ("outcomes", "history", "metrics")}
    with_file.run(table(NINE, 2), **{f"{name}_path": path for name, path in paths.items()})

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

NULLS: dict[str, Any] = {"on_removed": "null_traits"}


def nulled(segment: Segment) -> list[tuple[str, dict[str, Any]]]:
    return [
        (message["userId"], message["traits"])
        for message in segment.messages
        if message["type"] != "track"
    ]


def test_the_traits_that_were_sent_are_set_to_null(segment: Segment) -> None:
    lines = table(TEN[2:], 1)
    first = person(TEN[0], 1, traits={"plan": "free", "seats": 3, "email": None})
    second = person(TEN[1], 1, traits={"city": "Bern", "id": "x"})
    segment.run([*lines[:-1], first, second, lines[-1]], **NULLS)
    ended = segment.run(table(TEN[2:], 2), **NULLS, max_removed=20)
    assert (ended.exit_code, ended.summary["removed"], segment.events) == (0, 2, [])
    assert sorted(nulled(segment), key=str) == [
        (TEN[0], {"plan": None, "seats": None}),
        (TEN[1], {"city": None}),
    ]
    assert all(message["context"]["active"] is False for message in segment.messages)
    assert segment.run(table(TEN[2:], 3), **NULLS).summary["removed"] == 0


def test_traits_that_were_sent_once_are_remembered(segment: Segment) -> None:
    lines = table(NINE, 1)
    for version, traits in enumerate(({"a": 1}, {"b": 2}, {"b": 2}), 1):
        lines = [*table(NINE, version)[:-1], person(TEN[0], version, traits=traits)]
        segment.run([*lines, activate(version)], **NULLS)
    segment.run(table(NINE, 4), **NULLS)
    assert nulled(segment) == [(TEN[0], {"a": None, "b": None})]


def test_who_comes_back_after_nulls_is_sent_anew(segment: Segment) -> None:
    ids = []
    for version, names in enumerate([TEN, NINE, TEN, NINE], 1):
        segment.run(table(names, version), **NULLS)
        ids += [m["messageId"] for m in segment.messages if m["userId"] == TEN[0]]
    assert len(ids) == len({*ids}) == 4


def test_of_a_deleted_row_all_traits_that_it_has_are_set_to_null(segment: Segment) -> None:
    segment.run(table(TEN, 1), **NULLS)
    gone = person(TEN[0], None, traits={"plan": None, "email": None}, **DELETED)
    assert segment.run([PEOPLE, gone], **NULLS).summary["removed"] == 1
    assert nulled(segment) == [(TEN[0], {"plan": None, "email": None})]


def test_more_traits_than_bits_are_set_to_null_together(with_file: Segment) -> None:
    names = [f"t{number:02d}" for number in range(70)]
    lines = table(TEN[3:], 1)
    few, many, rest = (dict.fromkeys(some, 1) for some in (names[:2], names[2:64], names[64:]))
    people = [person(name, 1, traits=t) for name, t in zip(TEN, (few, many, rest), strict=False)]
    with_file.run([*lines[:-1], *people, lines[-1]], **NULLS)
    with_file.run(table(TEN[3:], 2), **NULLS, max_removed=100)
    found = {user: {*traits} for user, traits in nulled(with_file)}
    assert found[TEN[0]] == {*few}
    assert {*many} <= found[TEN[1]] <= {*many, *rest, "plan"}
    assert {*rest} <= found[TEN[2]]
    assert not {*few} & (found[TEN[1]] | found[TEN[2]])


def test_a_company_loses_its_traits_through_its_user(with_file: Segment) -> None:
    companies = schema("companies", "id", "lastSeenUserId", "companyDomain", mark="companies")

    def read(names: list[str], version: int) -> list[Line]:
        fields = {"lastSeenUserId": "carrier", "companyDomain": "a.example"}
        rows = [{**record("companies", id=name, **fields), "version": version} for name in names]
        return [companies, *rows, activate(version, "companies")]

    settings = {"streams": {}, "company_groups": True, **NULLS}
    with_file.run(read(TEN, 1), **settings)
    with_file.run(read(NINE, 2), **settings)
    [group] = with_file.messages
    assert (group["type"], group["groupId"], group["userId"]) == ("group", TEN[0], "carrier")
    assert group["traits"] == {"companyDomain": None}
    assert group["integrations"] == {"Moesif API Analytics": False}


def test_a_rejected_removal_keeps_its_traits_for_the_replay(with_file: Segment) -> None:
    with_file.run(table(TEN, 1), **NULLS)
    with_file.service.answer = lambda request: (
        Reply(400) if b'"plan":null' in request.body else SUCCESS
    )
    lines = table(NINE, 2)
    ended = with_file.run([*lines[:-1], person("new", 2), lines[-1]], **NULLS)
    with_file.service.answer = lambda _: SUCCESS
    with_file.run(ended.rejects, **NULLS)
    assert nulled(with_file) == [(TEN[0], {"plan": None})]
