"""A first load in windows: what each window's run is given, and what the job goes on with; pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from meltano_airflow.errors import MeltanoError, UselessRetryError
from meltano_airflow.runs import setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    Bookmarks = Mapping[str, Mapping[str, Any]]

DATES = ("start_date", "end_date")


def moment(text: str) -> str:
    """Write a time as tap-moesif does, in UTC.

    Raises:
        UselessRetryError: It is none.
    """
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise UselessRetryError(
            f"{text!r} is no time: write it as 2026-01-31T00:00:00Z."
        ) from error
    utc = time.astimezone(timezone.utc) if time.tzinfo else time
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def dates(start: str | None, end: str | None, began: str) -> dict[str, str]:
    """Give the dates between which everything is to be read.

    Args:
        start: The first date; None is the beginning.
        end: The date after the last; None is the time when the backfill began.
        began: The time when the backfill began.

    Raises:
        UselessRetryError: There is no time between.
    """
    found = {"end_date": moment(end or began)}
    if start:
        found["start_date"] = moment(start)
        if found["start_date"] >= found["end_date"]:
            raise UselessRetryError("Nothing is to be read: start is not before end.")
    return found


def settings(tap: str, window: Mapping[str, Any], queries: int) -> dict[str, str]:
    """Give the variables with which a tap reads a window, within its part of the queries."""
    given = {name: window[name] for name in DATES if window.get(name)}
    given["requests_per_minute"] = queries
    return {setting(tap, name): str(value) for name, value in given.items()}


def check_heard(tap: str, plan: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """See that the tap hears the variables that its windows come by.

    Meltano passes on only settings that `meltano.yml` declares; without them each window would be
    everything.

    Raises:
        UselessRetryError: It does not.
    """
    heard = {setting(tap, name): str(value) for name, value in plan["settings"].items()}
    deaf = [name for name, value in given.items() if heard.get(name) != value]
    if deaf:
        raise UselessRetryError(
            f"{tap} does not get {' and '.join(deaf)}: declare these settings of it in meltano.yml."
        )


def suffix(run_id: str, number: int, cleared: int) -> str:
    """Name the state of a window, which is its own in each run of the backfill.

    A window that is cleared by hand, so as to be read again, has a new one; a retry goes on with
    the one it has.

    Args:
        run_id: Airflow's, of the run.
        number: Of the window.
        cleared: After how many tries it was cleared the last time.
    """
    again = f"-{cleared}" if cleared else ""
    return f"{_name(run_id)}-{number}{again}"


def changes(loader: str, run_id: str, *, wanted: bool) -> dict[str, str]:
    """Give the variables by which a window's loader sends changes only, or everything.

    Args:
        loader: The loader.
        run_id: Airflow's, of the run. Its windows share a lease on the loader's fingerprints.
        wanted: Whether to send changes only.
    """
    if not wanted:  # windows at once would want the same file of fingerprints
        return {setting(loader, "changed_only"): "false"}
    return {
        setting(loader, "changed_only"): "true",
        setting(loader, "fingerprints_lease"): _name(run_id),
    }


def _name(run_id: str) -> str:
    return f"backfill-{re.sub('[^A-Za-z0-9]+', '-', run_id)}"


def state_of(suffix: str, printed: str) -> str:
    """Find the state with a suffix in what `meltano state list` prints.

    Raises:
        UselessRetryError: It is not there.
    """
    for line in printed.splitlines():
        if line.strip().endswith(f":{suffix}"):
            return line.strip()
    raise UselessRetryError(
        "The windows have left no state here: set an environment for Meltano, MELTANO_ENVIRONMENT, "
        "and one database for all machines, MELTANO_DATABASE_URI."
    )


def handed_over(
    existing: Mapping[str, Any],
    planned: Bookmarks,
    window: Bookmarks,
    start: str | None,
) -> dict[str, Any]:
    """Give the state from which the job goes on, without a gap, when all windows are read.

    A bookmark that is further on stays. So does any, if the windows had a start: what changed
    between it and that start is nobody's but the job's.

    Args:
        existing: The state that the job has.
        planned: The bookmarks that a run leaves that has read everything up to the windows' end.
        window: Those of a window, which has the streams that were read, and no others.
        start: Of the first window.

    Raises:
        MeltanoError: A window is not read to its end.
    """
    unread = [stream for stream, progress in window.items() if progress.get("unfinished")]
    if unread:
        raise MeltanoError(f"A window of {' and '.join(unread)} is not read to its end.")
    bookmarks = dict(existing.get("bookmarks") or {})
    for stream in [stream for stream in planned if stream in window]:
        now, then = (of.get(stream, {}).get("replication_key_value") for of in (bookmarks, planned))
        if not (now and (start or now >= then)):
            bookmarks[stream] = planned[stream]
    return {**existing, "bookmarks": bookmarks}
