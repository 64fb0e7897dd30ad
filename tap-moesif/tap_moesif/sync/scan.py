"""The state of a stream: its bookmarks and the scan in progress; pure.

A run scans everything its query finds. The query's bounds are fixed when the scan starts, and the
bookmarks move when it is complete, so nothing is missed between two runs. Until then STATE contains
the scan itself, and the run after a kill resumes it.

A bookmark is the latest time in the documents, separately for each kind of time, so different
clocks are never compared. Times after the start of the scan, on Moesif's clock, are ignored: such a
document has a time in the future, or was changed during the scan.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.records import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_AHEAD = timedelta(days=1)
"""A bookmark further ahead of Moesif's clock is invalid."""


class StateError(ValueError):
    """The state is invalid; the message completes the sentence "The state of 'users' …"."""


class Scan(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A scan of a stream in progress.

    Attributes:
        start: The user's `start_date`.
        end: The user's `end_date`.
        since: Lower bound for each kind of time, from the bookmarks; empty without any.
        started_at: When the scan started, on Moesif's clock.
        after: Sort values of the last hit that was emitted.
        count: Number of hits read.
        latest: The new bookmarks, by the name of their time.
        version: The version of the records, if a full table is read.
    """

    start: str | None = None
    end: str | None = None
    since: dict[str, str] = {}
    started_at: str = msgspec.field(default="", name="began")
    after: list[Any] = []
    count: int = 0
    latest: dict[str, str] = {}
    version: int | None = None

    def observe(self, name: str, times: Iterable[str | None]) -> None:
        """Update the new bookmark of one kind of time."""
        observed = [time for time in times if time and time <= self.started_at]
        if observed:
            self.latest[name] = max(self.latest.get(name, ""), *observed)


class StreamState(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The state of one stream.

    Attributes:
        replication_key: Name of the replication key.
        replication_key_value: Its bookmark.
        others: Bookmarks of the other kinds of time, by name.
        rolled_up: Start of the last sync that rolled up usage, on Moesif's clock.
        unfinished: The scan in progress, if any; in a list, because Meltano merges objects of an
            older state into a newer one, but replaces lists.
        version: The version of the last full table, if any.
        starting_replication_value: Written by singer-sdk for version 0.1.0 of this tap.
    """

    replication_key: str | None = None
    replication_key_value: Any = None
    others: dict[str, str] = {}
    rolled_up: str | None = None
    unfinished: list[Scan] = []
    version: int | None = None
    starting_replication_value: Any = None

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> StreamState:
        """Read a stream's state, in the current form or that of version 0.1.0.

        Raises:
            StateError: It is in neither form.
        """
        try:
            found = msgspec.convert(state, cls)
        except msgspec.ValidationError as error:
            raise StateError(f"has a form that this version does not support ({error})") from error
        found.starting_replication_value = None
        if found.replication_key_value is not None:
            found.replication_key_value = _utc(found.replication_key_value)
        found.others = {name: _utc(time) for name, time in found.others.items()}
        return found

    def write(self) -> dict[str, Any]:
        """Return the state as JSON."""
        state: dict[str, Any] = {**msgspec.to_builtins(self)}
        state["unfinished"] = msgspec.to_builtins(self.unfinished)
        return state

    def bookmark(self, name: str) -> str | None:
        """Return the bookmark of a kind of time, or else of another kind."""
        own = self.replication_key_value if name == self.replication_key else self.others.get(name)
        return own or self.replication_key_value or next(iter(self.others.values()), None)

    def resume(self, start: str | None, end: str | None, *, full: bool) -> Scan | None:
        """Return the scan to resume, if there is one with the same dates.

        Args:
            start: The user's `start_date`.
            end: The user's `end_date`.
            full: Whether the full table is read.
        """
        for scan in self.unfinished:
            if (scan.start, scan.end) == (start, end) and not (full and scan.since):
                return scan
        return None

    def move(self, scan: Scan, replication_key: str) -> None:
        """Move the bookmarks to the latest times of a complete scan, never backwards."""
        for name, latest in scan.latest.items():
            if name == replication_key:
                self.replication_key = name
                self.replication_key_value = max(self.replication_key_value or "", latest)
            else:
                self.others[name] = max(self.others.get(name, ""), latest)


def earlier(time: str, by: timedelta) -> str:
    """Subtract a duration from a time, ISO 8601 in UTC.

    Raises:
        StateError: The result is out of range.
    """
    try:
        return utc((datetime.fromisoformat(time.rstrip("Z")) - by).isoformat())
    except OverflowError as error:
        raise StateError("has a bookmark that is out of range") from error


def check_not_ahead(since: Mapping[str, str], now: str) -> None:
    """Check that no bookmark is in the future: nothing would be found from then on.

    Raises:
        StateError: A bookmark is.
    """
    if max(since.values(), default="") > earlier(now, -MAX_AHEAD):
        raise StateError("has a bookmark in the future")


def _utc(value: object) -> str:
    try:
        return utc(value)
    except (ValueError, OverflowError) as error:
        raise StateError("has a bookmark that is not a time") from error
