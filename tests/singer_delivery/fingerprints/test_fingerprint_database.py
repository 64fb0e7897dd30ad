"""The tables of fingerprints in PostgreSQL: the lease, the format, and a server that is gone."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest

from fingerprint_runs import deliver, end_leases, message, no_wait, opened, send
from singer_delivery.errors import (
    FingerprintsDatabaseError,
    FingerprintsInUseError,
    Interrupted,
    LeaseLostError,
)
from singer_delivery.fingerprints.changes import RENEW_BEFORE_SECONDS, Fingerprints
from singer_delivery.fingerprints.identity_database import DatabaseIdentities
from singer_delivery.fingerprints.lease import LEASE_SECONDS
from singer_delivery.fingerprints.postgres import CREATION, FORMAT, connected, place_of, prepare
from singer_delivery.fingerprints.stores import fingerprint_database, store_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postgres import Database

LEASES = "SELECT name FROM singer_fingerprint_leases ORDER BY name"


def run(database: Database, statement: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(database.uri, autocommit=True) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def create_identities(connection: psycopg.Connection[Any]) -> None:
    @contextmanager
    def begin() -> Iterator[psycopg.Cursor[Any]]:
        with connection.transaction(), connection.cursor() as cursor:
            yield cursor

    DatabaseIdentities(begin).open()


SOME_RUN_WAITS: LiteralString = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.mark.parametrize("create", [prepare, create_identities])
def test_runs_that_start_at_once_create_the_tables_once(
    database: Database, create: Callable[[psycopg.Connection[Any]], None]
) -> None:
    """The second one has seen that there are none, and waits for the first."""
    with (
        connected(database.uri) as first,
        connected(database.uri) as second,
        ThreadPoolExecutor() as pool,
    ):
        with first.transaction():
            first.execute("SELECT pg_advisory_xact_lock(%s)", (CREATION,))
            created = pool.submit(create, second)
            while not run(database, SOME_RUN_WAITS):
                assert not created.done()
            create(first)
        created.result(30)


def test_a_run_that_was_killed_is_taken_over_when_its_lease_has_ended(database: Database) -> None:
    run_before = opened(database.uri)
    deliver(run_before, message(1, "A"))
    run_before.flush()
    run_before.store._disconnect()  # type: ignore[attr-defined]  # its lease is not released
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            end_leases(database)

    with closing(opened(database.uri, wait=wait)) as after:
        assert deliver(after, message(1, "A")) == []
    assert len(waits) == 3
    assert all(0 < seconds <= 1 for seconds in waits)


NOTE_HOW_IT_IS_COMMITTED: tuple[LiteralString, ...] = (
    "CREATE TABLE seen (number serial, how text)",
    """CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen (how) VALUES (current_setting('synchronous_commit')); RETURN NULL;
    END $$""",
    """CREATE CONSTRAINT TRIGGER note AFTER INSERT ON singer_fingerprint_log
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()""",
)
"""Deferred, so that it runs at the end of the transaction."""


def test_what_is_sent_is_on_the_server_s_disk_before_and_what_is_acknowledged_soon_after(
    database: Database,
) -> None:
    clock = iter(range(100))
    store = fingerprint_database(database.uri, "target", ["k"], wait=no_wait)
    store._lease._clock = lambda: float(next(clock))
    fingerprints = Fingerprints(store)
    fingerprints.open()
    for statement in NOTE_HOW_IT_IS_COMMITTED:
        run(database, statement)
    first, second = message(1, "A"), message(2, "A")
    send(fingerprints, first)
    fingerprints.before_batch()
    ends = [store.lease_ends_at]
    fingerprints.resolve(first, acknowledged=True)
    fingerprints.flush()
    ends.append(store.lease_ends_at)
    send(fingerprints, second)
    fingerprints.resolve(second, acknowledged=True)
    fingerprints.flush()
    ends.append(store.lease_ends_at)
    assert run(database, "SELECT how FROM seen ORDER BY number") == [("on",), ("off",), ("on",)]
    assert ends[0] == ends[1], "a renewal that a power cut may undo does not count"
    assert ends[1] != ends[2]
    fingerprints.close()


def test_a_run_that_waits_for_a_lease_can_be_stopped(database: Database) -> None:
    def interrupt(_seconds: float) -> None:
        raise Interrupted(15)

    with closing(opened(database.uri)), pytest.raises(Interrupted):
        opened(database.uri, wait=interrupt)


def test_who_has_lost_the_lease_stores_nothing_and_claims_nothing(database: Database) -> None:
    first = opened(database.uri)
    deliver(first, message(1, "A"))
    first.flush()
    end_leases(database)
    with closing(opened(database.uri)) as second:
        assert deliver(second, message(1, "B"), message(2, "B")) == [1, 0]
        assert send(first, message(3, "A")) == 0
        with pytest.raises(LeaseLostError, match="writes no more state"):
            first.before_batch()
        first._unstored.clear()
        with pytest.raises(LeaseLostError):
            first.flush()  # as before each STATE, with nothing to store
        with pytest.raises(LeaseLostError):
            first.store.merge({1: first._recent[1]})
        first.store.close()
        assert len(run(database, LEASES)) == 1, "the other's is left alone"
    with closing(opened(database.uri)) as third:
        assert deliver(third, message(1, "B"), message(2, "B")) == []


def test_a_lease_that_ended_and_that_nobody_wanted_is_renewed(database: Database) -> None:
    with closing(opened(database.uri)) as only:
        end_leases(database)
        only.flush()
        [(left,)] = run(
            database,
            "SELECT extract(epoch FROM ends_at - clock_timestamp())::int"
            " FROM singer_fingerprint_leases",
        )
        assert left in range(int(LEASE_SECONDS) - 20, int(LEASE_SECONDS) + 1)


def test_a_lease_is_renewed_in_time_and_not_at_each_turn(database: Database) -> None:
    now = 1_000.0
    store = fingerprint_database(database.uri, "target", ["key"], wait=no_wait)
    store._lease._clock = lambda: now
    with closing(Fingerprints(store)) as fingerprints:
        fingerprints.open()
        first_end = store.lease_ends_at
        assert first_end == now + LEASE_SECONDS
        now = first_end - RENEW_BEFORE_SECONDS - 0.1
        fingerprints.renew_lease(now)
        assert store.lease_ends_at == first_end
        now += 0.1
        fingerprints.renew_lease(now)
        assert store.lease_ends_at == now + LEASE_SECONDS
    assert store.lease_ends_at is None


def test_each_target_and_key_has_a_lease_of_its_own(database: Database) -> None:
    owners = [("target-segment", "a"), ("target-segment", "b"), ("target-moesif", "a")]
    with ExitStack() as stack:
        for target, key in owners:
            store = fingerprint_database(database.uri, target, [key], wait=no_wait)
            stack.callback(store.close)
            store.open()
        names = [str(name) for (name,) in run(database, LEASES)]
    assert [name.split()[0] for name in names] == ["target-moesif", *["target-segment"] * 2]
    assert not run(database, LEASES), "they were released"


def test_the_log_of_another_key_is_left_to_its_own_runs(database: Database) -> None:
    other = fingerprint_database(database.uri, "target", ["other"], wait=no_wait)
    other.open()
    mine = opened(database.uri)
    deliver(mine, message(1, "A"))
    mine.flush()
    mine.store.close()
    other.close()
    with closing(fingerprint_database(database.uri, "target", ["other"], wait=no_wait)) as o:
        o.open()
    assert run(database, "SELECT count(*) FROM singer_fingerprint_log") == [(1,)]
    assert run(database, "SELECT count(*) FROM singer_fingerprints") == [(0,)]
    with closing(opened(database.uri)) as again:
        assert deliver(again, message(1, "A")) == []


def test_reading_only_makes_no_table(database: Database) -> None:
    with closing(opened(database.uri, writable=False)) as beside:
        assert deliver(beside, message(1, "A"), message(1, "A")) == [0]
    assert run(database, "SELECT to_regclass('singer_fingerprints')") == [(None,)]


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize(
    ("comment", "said"),
    [("of something else", "another program"), (f"{FORMAT}0", "a newer version")],
)
def test_tables_of_something_else_are_left_alone(
    database: Database, comment: str, said: str, writable: bool
) -> None:
    database.run("CREATE TABLE singer_fingerprints (a int);")
    database.run(f"COMMENT ON TABLE singer_fingerprints IS '{comment}'")
    with pytest.raises(FingerprintsDatabaseError, match=said):
        opened(database.uri, writable=writable)
    assert run(database, "SELECT to_regclass('singer_fingerprint_log')") == [(None,)]


def test_a_log_that_is_torn_is_said(database: Database) -> None:
    first = opened(database.uri)
    deliver(first, message(1, "A"))
    first.flush()
    run(database, "UPDATE singer_fingerprint_log SET entries = '\\x00'")
    first.store.close()
    with pytest.raises(FingerprintsDatabaseError, match="fingerprints_path"):
        opened(database.uri)


def test_a_server_that_goes_away_is_said(database: Database) -> None:
    first = opened(database.uri)
    deliver(first, message(1, "A"))
    run(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    with pytest.raises(FingerprintsDatabaseError, match="Check fingerprints_path"):
        first.flush()
    with pytest.raises(FingerprintsDatabaseError):
        first.close()


def test_a_role_that_may_not_write_is_said(database: Database) -> None:
    opened(database.uri).close()
    run(database, "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    try:
        uri = database.uri.replace("postgres@", "reader@")
        with pytest.raises(FingerprintsDatabaseError, match="permission denied"):
            opened(uri)
        opened(uri, writable=False).close()
    finally:
        run(database, "DROP OWNED BY reader; DROP ROLE reader")


JANE = "jane:CANARY@127.0.0.1:1/shared"


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        (f"postgresql://{JANE}?options=CANARY", "postgresql://127.0.0.1:1/shared"),
        (f"postgres://{JANE.replace('@', '%zz@')}", "postgresql://…"),
        ("postgresql:///shared?password=CANARY&host=/nowhere", "postgresql:///nowhere/shared"),
        ("postgresql://127.0.0.1:1/?passwort=CANARY", "postgresql://…"),
    ],
)
def test_a_place_is_named_without_its_password(uri: str, place: str) -> None:
    assert place_of(uri) == place
    for writable in (True, False):
        with pytest.raises(FingerprintsDatabaseError) as raised:
            opened(uri, writable=writable)
        assert place in str(raised.value)
        assert "CANARY" not in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_check_tries_everything_and_leaves_nothing(database: Database) -> None:
    def check() -> None:
        fingerprint_database(database.uri, "target", ["key-CANARY"], wait=no_wait).check()

    check()
    assert run(database, "SELECT to_regclass('singer_fingerprints')") == [(None,)]
    with closing(opened(database.uri)), pytest.raises(FingerprintsInUseError):
        check()
    check()
    assert not run(database, LEASES)


def test_without_its_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    config = {"changed_only": True, "fingerprints_path": "postgresql://there/shared"}
    [said] = store_errors(config, "target-segment")
    assert "Install target-segment[postgres]" in said
    assert not [*store_errors({**config, "changed_only": False}, "target-segment")]
    assert not [*store_errors({**config, "fingerprints_path": "file"}, "target-segment")]


def test_nobody_can_be_read_from_the_tables(database: Database) -> None:
    with closing(opened(database.uri)) as first:
        deliver(first, message(1, "A"))
    dumped = str(run(database, "SELECT * FROM singer_fingerprint_leases, singer_fingerprints"))
    assert "CANARY" not in dumped


def test_runs_that_share_a_lease_work_at_once_and_see_what_the_others_stored(
    database: Database,
) -> None:
    one = opened(database.uri, shared="backfill")
    with closing(opened(database.uri, shared="backfill")) as other:
        assert deliver(one, message(1, "A")) == [0]
        one.flush()
        assert deliver(other, message(1, "A"), message(2, "A")) == [0]
        other.flush()
        assert deliver(one, message(2, "A")) == []
        one.close()
        assert deliver(other, message(3, "A")) == [0], "the lease is still theirs"
    assert len(run(database, LEASES)) == 1, "others may go on"

    def end(_seconds: float) -> None:
        end_leases(database)

    with closing(opened(database.uri, wait=end)) as scheduled:
        assert deliver(scheduled, *(message(number, "A") for number in (1, 2, 3))) == []


@pytest.mark.parametrize("shared", [None, "another"])
def test_a_shared_lease_keeps_all_other_runs_off(database: Database, shared: str | None) -> None:
    with closing(opened(database.uri, shared="backfill")) as window:

        def wait(_seconds: float) -> None:
            window.flush()

        with pytest.raises(FingerprintsInUseError):
            opened(database.uri, shared=shared, wait=wait)


def test_a_window_that_was_killed_goes_on_at_once_with_what_it_had_stored(
    database: Database,
) -> None:
    killed = opened(database.uri, shared="backfill")
    deliver(killed, message(1, "A"))
    assert send(killed, message(2, "A")) == 0
    killed.before_batch()
    with closing(opened(database.uri, shared="backfill")) as again:
        assert deliver(again, message(1, "A")) == []
        assert send(again, message(2, "A")) == 0, "the repeat has the same id"
        assert deliver(again, message(1, "B"), message(2, "B")) == [1, 1]
    killed.store.close()


def test_windows_that_were_taken_over_store_nothing(database: Database) -> None:
    windows = [opened(database.uri, shared="backfill") for _ in range(2)]
    end_leases(database)
    with closing(opened(database.uri)):
        for window in windows:
            assert send(window, message(1, "A")) == 0
            with pytest.raises(LeaseLostError):
                window.before_batch()
            window.store.close()
        assert run(database, "SELECT count(*) FROM singer_fingerprints") == [(0,)]


def test_what_a_killed_run_left_is_merged_by_the_first_of_the_windows(database: Database) -> None:
    alone = opened(database.uri)
    deliver(alone, message(1, "A"))
    alone.flush()
    end_leases(database)
    with closing(opened(database.uri, shared="backfill")) as first:
        assert deliver(first, message(1, "B")) == [1]
        first.flush()
        with closing(opened(database.uri, shared="backfill")) as second:
            assert deliver(second, message(1, "B")) == []
    alone.store.close()


def test_a_file_has_no_lease_to_share() -> None:
    config = {"changed_only": True, "fingerprints_lease": "backfill", "fingerprints_path": "file"}
    [said] = store_errors(config, "target-segment")
    assert said.startswith("Setting fingerprints_lease: ")
