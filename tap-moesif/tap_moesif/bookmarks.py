"""How far a stream has been read: what its STATE says, and what follows for the next run; pure.

A run walks through everything its query finds. The query's bounds are fixed when the walk begins
and the bookmarks move when it is complete, so nothing falls between two runs; until then STATE
holds the walk itself, and a run that was killed is gone on with from there.

A bookmark is the latest of the documents' own times, each kind for itself, so that no two clocks
are compared. Times after the beginning of the walk, on Moesif's clock, do not count: such a
document is ahead of its time, or changed while it was read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_AHEAD = timedelta(days=1)
"""A bookmark further ahead of Moesif's clock was not made of Moesif's times in good order."""


class StateError(ValueError):
    """A state is none that this tap has written; the message says in what."""


class Walk(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A sync under way.

    Attributes:
        start: The user's `start_date`.
        end: The user's `end_date`.
        since: Where each kind of time is asked for from, where an earlier run has set that.
        began: When it began, on Moesif's clock.
        after: The sort values of the last hit that was emitted.
        count: How many hits were read.
        latest: The bookmarks to be.
    """

    start: str | None = None
    end: str | None = None
    since: dict[str, str] = {}
    began: str = ""
    after: list[Any] = []
    count: int = 0
    latest: dict[str, str] = {}

    def see(self, name: str, times: Iterable[str | None]) -> None:
        """Take in the documents' times of one kind."""
        seen = [time for time in times if time and time <= self.began]
        if seen:
            self.latest[name] = max(self.latest.get(name, ""), *seen)


class Progress(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What STATE holds of one stream.

    Attributes:
        replication_key: The record's time that is bookmarked, for Singer.
        replication_key_value: The latest of these.
        others: The latest of the document's other times, by name.
        rolled_up: When the sync began that last rolled up usage, on Moesif's clock.
        unfinished: The walk under way, if any: in a list, because Meltano merges an older
            state's objects into a newer state, and replaces lists.
        starting_replication_value: What singer-sdk wrote for version 0.1.0 of this tap.
    """

    replication_key: str | None = None
    replication_key_value: Any = None
    others: dict[str, str] = {}
    rolled_up: str | None = None
    unfinished: list[Walk] = []
    starting_replication_value: Any = None

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> Progress:
        """Read a stream's state, also that of version 0.1.0, which is a bookmark alone.

        Raises:
            StateError: It is neither.
        """
        try:
            progress = msgspec.convert(state, cls)
        except msgspec.ValidationError as error:
            raise StateError(f"is of a form that this version does not know ({error})") from error
        progress.starting_replication_value = None
        if progress.replication_key_value is not None:
            progress.replication_key_value = _utc(progress.replication_key_value)
        progress.others = {name: _utc(time) for name, time in progress.others.items()}
        return progress

    def write(self) -> dict[str, Any]:
        """Give what STATE is to hold."""
        state: dict[str, Any] = {**msgspec.to_builtins(self)}
        state["unfinished"] = msgspec.to_builtins(self.unfinished)
        return state

    def bookmark(self, name: str) -> str | None:
        """Give the bookmark of one kind of time; without one, that of another kind."""
        own = self.replication_key_value if name == self.replication_key else self.others.get(name)
        return own or self.replication_key_value or next(iter(self.others.values()), None)

    def resume(self, start: str | None, end: str | None, *, full: bool) -> Walk | None:
        """Give the walk to go on with, if there is one between the same dates.

        Args:
            start: The user's `start_date`.
            end: The user's `end_date`.
            full: Whether everything is to be read, whatever changed.
        """
        for walk in self.unfinished:
            if (walk.start, walk.end) == (start, end) and not (full and walk.since):
                return walk
        return None

    def move(self, walk: Walk, replication_key: str) -> None:
        """Move the bookmarks to where a walk has come, never back."""
        for name, latest in walk.latest.items():
            if name == replication_key:
                self.replication_key = name
                self.replication_key_value = max(self.replication_key_value or "", latest)
            else:
                self.others[name] = max(self.others.get(name, ""), latest)


def earlier(time: str, by: timedelta) -> str:
    """Give a time so much before another.

    Raises:
        StateError: There is none.
    """
    try:
        return utc((datetime.fromisoformat(time.rstrip("Z")) - by).isoformat())
    except OverflowError as error:
        raise StateError("holds a bookmark that is no time of Moesif's") from error


def check_not_ahead(since: Mapping[str, str], now: str) -> None:
    """See that a run does not ask for the future, and so for nothing ever after.

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
