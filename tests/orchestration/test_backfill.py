from __future__ import annotations

from typing import Any

import pytest

from meltano_airflow.backfill import (
    changes,
    check_settings_reach_tap,
    dates,
    final_state,
    moment,
    settings,
    state_of,
    suffix,
)
from meltano_airflow.errors import MeltanoError, NonRetryableError

RUN = "manual__2026-11-25T03:09:46.558187+00:00"
END = "2026-11-25T03:00:00.000Z"
BEFORE, AFTER = "2026-11-01T00:00:00.000Z", "2026-11-26T00:00:00.000Z"
PLANNED = {stream: {"replication_key_value": END} for stream in ("users", "companies", "events")}
WINDOW: dict[str, dict[str, Any]] = {
    "users": {"replication_key_value": BEFORE, "unfinished": []},
    "companies": {"unfinished": []},
    "cohorts": {},
}


def handed(existing: dict[str, Any], start: str | None = None) -> Any:
    return final_state({"bookmarks": existing}, PLANNED, WINDOW, start)["bookmarks"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T12:00:00", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.500Z", "2026-01-31T12:00:00.500Z"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000Z"),
        ("2026-11-25T03:09:46.558187+00:00", "2026-11-25T03:09:46.558Z"),
    ],
)
def test_times_are_written_as_the_tap_does(text: str, expected: str) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(NonRetryableError, match="is not a time"):
        moment(text)


def test_everything_is_read_up_to_when_the_backfill_began_unless_told_otherwise() -> None:
    began = "2026-11-25T03:00:00+00:00"
    assert dates(None, None, began) == {"end_date": END}
    assert dates("2026-11-01T00:00:00Z", None, began) == {"start_date": BEFORE, "end_date": END}
    assert dates(None, "2026-11-01T00:00:00Z", began) == {"end_date": BEFORE}
    for start, end in (("2026-11-25T03:00:00Z", None), (END, "2026-11-01T00:00:00Z")):
        with pytest.raises(NonRetryableError, match="start is not before end"):
            dates(start, end, began)


def test_a_window_comes_to_the_tap_by_variables() -> None:
    window = {"number": 2, "start_date": BEFORE, "end_date": END, "users": 7}
    assert settings("tap-moesif", window, 125) == {
        "TAP_MOESIF_START_DATE": BEFORE,
        "TAP_MOESIF_END_DATE": END,
        "TAP_MOESIF_REQUESTS_PER_MINUTE": "125",
    }
    assert "TAP_MOESIF_START_DATE" not in settings("tap-moesif", {"end_date": END}, 125)


def test_a_tap_that_does_not_hear_its_settings_is_not_run() -> None:
    given = settings("tap-moesif", {"start_date": BEFORE, "end_date": END}, 125)
    heard = {"start_date": BEFORE, "end_date": END, "requests_per_minute": 125}
    check_settings_reach_tap("tap-moesif", {"settings": heard}, given)
    for name, value in (("end_date", None), ("start_date", END), ("requests_per_minute", 500)):
        with pytest.raises(NonRetryableError, match=f"TAP_MOESIF_{name.upper()}.*meltano.yml"):
            check_settings_reach_tap("tap-moesif", {"settings": {**heard, name: value}}, given)


def test_a_windows_state_is_its_own_and_a_retrys_is_the_same() -> None:
    assert suffix(RUN, 3, 0) == "backfill-manual-2026-11-25T03-09-46-558187-00-00-3"
    assert suffix(RUN, 3, 0) != suffix(RUN, 3, 1), "cleared by hand, it is read anew"
    assert len({suffix(RUN, number, again) for number in (1, 2, 11) for again in (0, 1)}) == 6


def test_windows_send_everything_or_changes_under_one_lease() -> None:
    assert changes("target-segment", RUN, wanted=False) == {"TARGET_SEGMENT_CHANGED_ONLY": "false"}
    assert changes("target-segment", RUN, wanted=True) == {
        "TARGET_SEGMENT_CHANGED_ONLY": "true",
        "TARGET_SEGMENT_FINGERPRINTS_LEASE": "backfill-manual-2026-11-25T03-09-46-558187-00-00",
    }


def test_the_state_of_a_window_is_found_and_no_others() -> None:
    states = [f"prod:a-to-b:{suffix(RUN, number, 0)}" for number in (11, 1)]
    printed = "\n".join(["prod:a-to-b", *states, "prod:a-to-b:1", ""])
    assert state_of(suffix(RUN, 1, 0), printed) == states[1]
    with pytest.raises(NonRetryableError, match="MELTANO_ENVIRONMENT"):
        state_of(suffix(RUN, 2, 0), printed)


def test_a_job_that_has_no_state_goes_on_from_the_end_of_the_windows() -> None:
    assert handed({}) == {"users": PLANNED["users"], "companies": PLANNED["companies"]}
    assert final_state({}, PLANNED, WINDOW, BEFORE)["bookmarks"].keys() == {"users", "companies"}


def test_a_stream_that_the_windows_did_not_read_keeps_what_it_has() -> None:
    events = {"replication_key_value": BEFORE}
    assert handed({"events": events})["events"] == events
    assert "events" not in handed({})


def test_a_bookmark_only_moves_forward() -> None:
    assert handed({"users": {"replication_key_value": BEFORE}})["users"] == PLANNED["users"]
    further = {"replication_key_value": AFTER, "others": {"lastSeenTime": AFTER}}
    assert handed({"users": further})["users"] == further


def test_a_bookmark_stays_where_the_windows_had_a_start() -> None:
    """Who changed between the bookmark and that start would be missed otherwise."""
    old = {"replication_key_value": BEFORE}
    assert handed({"users": old}, start="2026-11-20T00:00:00.000Z")["users"] == old


def test_a_first_load_that_was_broken_off_is_replaced() -> None:
    broken_off = {"unfinished": [{"began": BEFORE, "after": [1, "u"]}]}
    assert handed({"users": broken_off}, start=BEFORE)["users"] == PLANNED["users"]


def test_a_window_that_is_not_read_to_its_end_is_noticed() -> None:
    window = {"users": {"unfinished": [{"began": END}]}}
    with pytest.raises(MeltanoError, match="A window of users was not read"):
        final_state({}, PLANNED, window, None)
