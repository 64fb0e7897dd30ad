from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meltano.core.utils import merge

from tap_moesif.records.times import utc
from tap_moesif.sync import Scan, StateError, StreamState

T0 = datetime(2026, 1, 1, tzinfo=timezone.utc)
TIMES = ("modifiedTime", "lastSeenTime")


def at(hours: int) -> str:
    return utc((T0 + timedelta(hours=hours)).isoformat())


def walk(began: int, **latest: int) -> Scan:
    made = Scan(started_at=at(began))
    for name, hours in latest.items():
        made.observe(name, [at(hours)])
    return made


def hours() -> st.SearchStrategy[int]:
    return st.integers(-100, 100)


@given(st.lists(st.tuples(hours(), hours(), hours())))
def test_a_bookmark_never_goes_back(walks: list[tuple[int, int, int]]) -> None:
    progress = StreamState()
    for began, modified, seen in walks:
        before = StreamState.read(progress.write())
        made = walk(began, modifiedTime=modified, lastSeenTime=seen)
        progress.move(made, TIMES[0])
        assert (progress.replication_key_value or "") >= (before.replication_key_value or "")
        for name, time in before.others.items():
            assert progress.others[name] >= time


@given(hours(), hours())
def test_a_bookmark_is_never_after_the_beginning_of_its_walk(began: int, modified: int) -> None:
    progress = StreamState()
    progress.move(walk(began, modifiedTime=modified), TIMES[0])

    assert (progress.replication_key_value or "") <= at(began)


@given(st.lists(hours(), min_size=1), hours())
def test_a_bookmark_is_the_latest_time_that_is_not_ahead(times: list[int], began: int) -> None:
    made = walk(began)
    made.observe("modifiedTime", map(at, times))

    assert made.latest.get("modifiedTime") == max(
        (at(time) for time in times if time <= began), default=None
    )


def test_without_a_document_no_bookmark_moves() -> None:
    progress = StreamState("modifiedTime", at(0))
    progress.move(walk(100), TIMES[0])

    assert progress == StreamState("modifiedTime", at(0))


def test_each_kind_of_time_has_its_own_bookmark_and_stands_in_for_the_other() -> None:
    both = StreamState("modifiedTime", at(1), {"lastSeenTime": at(2)})
    modified = StreamState("modifiedTime", at(1))
    seen = StreamState(others={"lastSeenTime": at(2)})

    assert [both.bookmark(name) for name in TIMES] == [at(1), at(2)]
    assert [modified.bookmark(name) for name in TIMES] == [at(1), at(1)]
    assert [seen.bookmark(name) for name in TIMES] == [at(2), at(2)]
    assert [StreamState().bookmark(name) for name in TIMES] == [None, None]


def unfinished() -> StreamState:
    made = walk(5, modifiedTime=1, lastSeenTime=2)
    made.after, made.count = ["u5"], 6
    return StreamState("modifiedTime", at(0), {}, at(-1), [made])


def test_what_is_written_is_read_again() -> None:
    for progress in (StreamState(), unfinished()):
        assert StreamState.read(json.loads(json.dumps(progress.write()))) == progress


def test_meltano_merges_a_later_state_over_an_unfinished_one() -> None:
    """So it does with the state of a run that was told to read everything again."""
    finished = StreamState("modifiedTime", at(9), {"lastSeenTime": at(9)})
    for older, newer in ((unfinished(), finished), (finished, unfinished())):
        merged: dict[str, Any] = merge(newer.write(), older.write())  # type: ignore[no-untyped-call]
        assert StreamState.read(merged).unfinished == newer.unfinished


def test_a_walk_is_gone_on_with_between_the_same_dates_only() -> None:
    made = Scan("A", "B")
    progress = StreamState(unfinished=[made])

    assert progress.resume("A", "B", full=False) is made
    assert progress.resume("A", "B", full=True) is made
    assert progress.resume("A", None, full=False) is None
    assert progress.resume(None, "B", full=False) is None


def test_a_walk_for_changes_is_none_for_everything() -> None:
    progress = StreamState(unfinished=[Scan(since={"modifiedTime": at(0)})])

    assert progress.resume(None, None, full=True) is None
    assert progress.resume(None, None, full=False) is progress.unfinished[0]


@pytest.mark.parametrize("bookmark", ["lately", "", 5, [], {}])
def test_a_bookmark_that_is_no_time_is_refused(bookmark: Any) -> None:
    with pytest.raises(StateError, match="not a time"):
        StreamState.read({"replication_key_value": bookmark})
