"""How far a stream has been read: what its STATE says, and what follows for the next run; pure.

A run scans everything its query finds. The query's bounds are fixed when the scan begins and the
bookmarks move when it is complete, so nothing falls between two runs. Until then STATE holds the
scan itself, and a run after a kill resumes from there.

A bookmark is the latest of the documents' own times, each kind for itself, so that no two clocks
are compared. Times after the beginning of the scan, on Moesif's clock, do not count: such a
document is ahead of its time, or changed while it was read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.records import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_AHEAD = timedelta(days=1)
"""A bookmark further ahead of Moesif's clock was not made of Moesif's times in good order."""


class StateError(ValueError):
    """A state is not one that this tap has written; the message says in what way."""


class Scan(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A sync of a stream under way.

    Attributes:
        start: The user's `start_date`.
        end: The user's `end_date`.
        since: From when on each kind of time is searched for, where an earlier run has set that.
        started_at: When it began, on Moesif's clock.
        after: The sort values of the last hit that was emitted.
        count: How many hits were read.
        latest: The bookmarks to be, by the name of their time.
        version: The version that its records carry, if it reads a full table.
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
        """Take the documents' times of one kind into account."""
        observed = [time for time in times if time and time <= self.started_at]
        if observed:
            self.latest[name] = max(self.latest.get(name, ""), *observed)


class StreamState(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What STATE holds of one stream.

    Attributes:
        replication_key: The record's time that is bookmarked, for Singer.
        replication_key_value: The latest of these.
        others: The latest of the document's other times, by name.
        rolled_up: When the sync began that last rolled up usage, on Moesif's clock.
        unfinished: The scan under way, if any: in a list, because Meltano merges an older
            state's objects into a newer state, and replaces lists.
        version: The version of the last full table, if one was read.
        starting_replication_value: What singer-sdk wrote for version 0.1.0 of this tap.
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
        """Read a stream's state, also that of version 0.1.0, which is a bookmark alone.

        Raises:
            StateError: It is neither.
        """
        try:
            found = msgspec.convert(state, cls)
        except msgspec.ValidationError as error:
            raise StateError(f"is of a form that this version does not know ({error})") from error
        found.starting_replication_value = None
        if found.replication_key_value is not None:
            found.replication_key_value = _utc(found.replication_key_value)
        found.others = {name: _utc(time) for name, time in found.others.items()}
        return found

    def write(self) -> dict[str, Any]:
        """Return what STATE is to hold."""
        state: dict[str, Any] = {**msgspec.to_builtins(self)}
        state["unfinished"] = msgspec.to_builtins(self.unfinished)
        return state

    def bookmark(self, name: str) -> str | None:
        """Return the bookmark of one kind of time; without one, that of another kind."""
        own = self.replication_key_value if name == self.replication_key else self.others.get(name)
        return own or self.replication_key_value or next(iter(self.others.values()), None)

    def resume(self, start: str | None, end: str | None, *, full: bool) -> Scan | None:
        """Return the scan to resume, if there is one between the same dates.

        Args:
            start: The user's `start_date`.
            end: The user's `end_date`.
            full: Whether everything is to be read, whatever changed.
        """
        for scan in self.unfinished:
            if (scan.start, scan.end) == (start, end) and not (full and scan.since):
                return scan
        return None

    def move(self, scan: Scan, replication_key: str) -> None:
        """Move the bookmarks to the latest times of a complete scan, never back."""
        for name, latest in scan.latest.items():
            if name == replication_key:
                self.replication_key = name
                self.replication_key_value = max(self.replication_key_value or "", latest)
            else:
                self.others[name] = max(self.others.get(name, ""), latest)


def earlier(time: str, by: timedelta) -> str:
    """Return a time so much before another.

    Raises:
        StateError: There is none.
    """
    try:
        return utc((datetime.fromisoformat(time.rstrip("Z")) - by).isoformat())
    except OverflowError as error:
        raise StateError("holds a bookmark that is no time of Moesif's") from error


def check_not_ahead(since: Mapping[str, str], now: str) -> None:
    """See that a run does not search for the future, and so find nothing ever after.

    Raises:
        StateError: It does.
    """
    if max(since.values(), default="") > earlier(now, -MOST_AHEAD):
        raise StateError("holds a bookmark in the future")


def _utc(value: object) -> str:
    try:
        return utc(value)
    except (ValueError, OverflowError) as error:
        raise StateError("holds a bookmark that is no time") from error
