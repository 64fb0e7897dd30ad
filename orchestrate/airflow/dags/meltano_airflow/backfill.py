"""A first load in windows: the settings of each window's run, and the final state; pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from meltano_airflow.errors import MeltanoError, NonRetryableError
from meltano_airflow.runs import setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    Bookmarks = Mapping[str, Mapping[str, Any]]

DATES = ("start_date", "end_date")


def moment(text: str) -> str:
    """Return a time in UTC, in tap-moesif's format.

    Raises:
        NonRetryableError: It is not a time.
    """
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise NonRetryableError(
            f"{text!r} is not a time; use a form such as 2026-01-31T00:00:00Z."
        ) from error
    utc = time.astimezone(timezone.utc) if time.tzinfo else time
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def dates(start: str | None, end: str | None, began: str) -> dict[str, str]:
    """Return the start and end dates of the backfill.

    Args:
        start: Start, inclusive; None for everything.
        end: End, exclusive; None for the start of the backfill itself.
        began: When the backfill started.

    Raises:
        NonRetryableError: The start is not before the end.
    """
    found = {"end_date": moment(end or began)}
    if start:
        found["start_date"] = moment(start)
        if found["start_date"] >= found["end_date"]:
            raise NonRetryableError("There is nothing to read: start is not before end.")
    return found


def settings(tap: str, window: Mapping[str, Any], queries: int) -> dict[str, str]:
    """Return the environment variables for reading a window, with its share of the queries."""
    given = {name: window[name] for name in DATES if window.get(name)}
    given["requests_per_minute"] = queries
    return {setting(tap, name): str(value) for name, value in given.items()}


def check_settings_reach_tap(tap: str, plan: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Check that the tap receives the settings of its windows.

    Meltano passes on only settings declared in `meltano.yml`; without them each window would read
    everything.

    Raises:
        NonRetryableError: A setting does not reach the tap.
    """
    received = {setting(tap, name): str(value) for name, value in plan["settings"].items()}
    missing = [name for name, value in given.items() if received.get(name) != value]
    if missing:
        raise NonRetryableError(
            f"{tap} does not receive {' and '.join(missing)}. Declare them in meltano.yml."
        )


def suffix(run_id: str, number: int, cleared: int) -> str:
    """Return the suffix of a window's state ID, unique in each run of the backfill.

    A retry continues with the same state; a window that is cleared by hand gets a new one and is
    read again.

    Args:
        run_id: Airflow's id of the run.
        number: Number of the window.
        cleared: Number of tries before it was last cleared.
    """
    again = f"-{cleared}" if cleared else ""
    return f"{_name(run_id)}-{number}{again}"


def changes(loader: str, run_id: str, *, wanted: bool) -> dict[str, str]:
    """Return the environment variables by which a window's loader sends only changes, or all.

    Args:
        loader: Name of the loader.
        run_id: Airflow's id of the run, whose windows share a lease on the fingerprints.
        wanted: Whether to send only changes.
    """
    if not wanted:  # concurrent windows cannot share a file of fingerprints
        return {setting(loader, "changed_only"): "false"}
    return {
        setting(loader, "changed_only"): "true",
        setting(loader, "fingerprints_lease"): _name(run_id),
    }


def _name(run_id: str) -> str:
    return f"backfill-{re.sub('[^A-Za-z0-9]+', '-', run_id)}"


def state_of(suffix: str, printed: str) -> str:
    """Find the state ID with a suffix in the output of `meltano state list`.

    Raises:
        NonRetryableError: There is none.
    """
    for line in printed.splitlines():
        if line.strip().endswith(f":{suffix}"):
            return line.strip()
    raise NonRetryableError(
        "There is no state of the windows here. Set MELTANO_ENVIRONMENT, and MELTANO_DATABASE_URI "
        "to one database for all machines."
    )


def final_state(
    existing: Mapping[str, Any],
    planned: Bookmarks,
    window: Bookmarks,
    start: str | None,
) -> dict[str, Any]:
    """Return the state from which the job continues without a gap after all windows.

    Later bookmarks of the job are kept. If the windows had a start, all of its bookmarks are kept,
    because only the job itself reads the changes between them and that start.

    Args:
        existing: The job's state.
        planned: The bookmarks at the end of the windows.
        window: The bookmarks of a window, with the streams that were read.
        start: Start of the first window.

    Raises:
        MeltanoError: A window was not read completely.
    """
    unread = [stream for stream, progress in window.items() if progress.get("unfinished")]
    if unread:
        raise MeltanoError(f"A window of {' and '.join(unread)} was not read completely.")
    bookmarks = dict(existing.get("bookmarks") or {})
    for stream in [stream for stream in planned if stream in window]:
        now, then = (of.get(stream, {}).get("replication_key_value") for of in (bookmarks, planned))
        if not (now and (start or now >= then)):
            bookmarks[stream] = planned[stream]
    return {**existing, "bookmarks": bookmarks}
