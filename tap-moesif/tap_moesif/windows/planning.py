"""The plan for a first load in windows: `tap-moesif --windows 8`.

Each window is read by its own run, on any machine, with its `start_date` and `end_date`. The
printed state has its bookmarks at the end of the last window. A job that continues from it misses
nothing: whatever changes while the windows are read is modified after that end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_moesif.errors import NothingToPlanError
from tap_moesif.records import utc
from tap_moesif.records.times import EPOCH_MILLIS_FROM
from tap_moesif.service import MoesifError, Request, RequiredScope, read_search
from tap_moesif.service.errors import NotCountedError
from tap_moesif.service.queries import MODIFIED_TIME, between, missing
from tap_moesif.streams import STREAMS, IncrementalStream
from tap_moesif.streams.users import Users
from tap_moesif.sync import StreamState
from tap_moesif.windows.cutting import TimeRange, cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_moesif.service import Moesif
    from tap_moesif.service.queries import Query

SHOWN = ("start_date", "end_date", "requests_per_minute")
"""Settings shown in the plan, to confirm that the tap has received them."""


def plan(moesif: Moesif, config: Mapping[str, Any], windows: int) -> dict[str, Any]:
    """Split the time between `start_date` and `end_date`, or now if that is earlier.

    Raises:
        NothingToPlanError: `start_date` is in the future.
        NotCountedError: Moesif does not return the number of users.
    """
    users = _Users(moesif, config["users_path"])
    start = config.get("start_date")
    whole, timeless = users.overview(start, config.get("end_date"))
    now = utc(moesif.last_request_time * 1000)
    end = min(now, config.get("end_date") or now)
    if start and start >= end:
        raise NothingToPlanError
    before = 0 if start else timeless
    latest = max(whole.start + 1, int(moesif.last_request_time * 1000))
    whole = whole._replace(end=min(whole.end, latest))  # some times may be in the future
    begins = [
        (utc(moment), earlier)
        for moment, earlier in cut(whole, windows, users.count, before)
        if utc(moment) < end
    ]
    starts = [(start, 0), *begins]
    ends = [*begins, (end, before + whole.users)]
    return {
        "windows": [
            {"start_date": start_date, "end_date": end_date, "users": until - earlier}
            for (start_date, earlier), (end_date, until) in zip(starts, ends, strict=True)
        ],
        "state": {"bookmarks": _bookmarks(end)},
        "settings": {name: config.get(name) for name in SHOWN},
    }


def _bookmarks(end: str) -> dict[str, Any]:
    return {
        stream.name: StreamState(stream.times[0], end).write()  # type: ignore[misc]  # a class has it
        for stream in STREAMS
        if issubclass(stream, IncrementalStream)
    }


class _Users:
    """Counts users by modification time."""

    def __init__(self, moesif: Moesif, path: str) -> None:
        self._moesif = moesif
        self._path = path

    def overview(self, start: str | None, end: str | None) -> tuple[TimeRange, int]:
        """Return the range of modification times, and the number of users without one."""
        first, last = ({kind: {"field": MODIFIED_TIME}} for kind in ("min", "max"))
        timed = {
            "filter": between(MODIFIED_TIME, start, end),
            "aggs": {"first": first, "last": last},
        }
        found = self._fetch({"timed": timed, "timeless": {"filter": missing(MODIFIED_TIME)}})
        try:
            users, timeless = found["timed"]["doc_count"], found["timeless"]["doc_count"]
            moments = (found["timed"][name]["value"] for name in ("first", "last"))
            begin, last_moment = (max(EPOCH_MILLIS_FROM, int(value or 0)) for value in moments)
            return TimeRange(begin, last_moment + 1, int(users)), int(timeless)
        except (LookupError, TypeError, ValueError) as error:
            raise self._not_counted() from error

    def count(self, ranges: Sequence[tuple[int, int]]) -> list[int]:
        """Count the users modified in each range, with one query."""
        filters: dict[str, Query] = {
            str(number): between(MODIFIED_TIME, utc(start), utc(end))
            for number, (start, end) in enumerate(ranges)
        }
        found = self._fetch({"ranges": {"filters": {"filters": filters}}})
        try:
            buckets = found["ranges"]["buckets"]
            return [int(buckets[number]["doc_count"]) for number in filters]
        except (LookupError, TypeError, ValueError) as error:
            raise self._not_counted() from error

    def _fetch(self, aggregations: dict[str, Any]) -> Any:  # noqa: ANN401, JSON
        required = RequiredScope(
            Users.name, " and ".join(Users.scopes), "read everything in one run, without windows"
        )
        request = Request(self._path, required, body={"size": 0, "aggs": aggregations})
        return self._moesif.request(
            request, lambda content: read_search(content, self._path).get("aggregations", {})
        ).value

    def _not_counted(self) -> MoesifError:
        return NotCountedError(path=self._path)
