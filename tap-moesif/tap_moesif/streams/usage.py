"""The stream `usage`: the API calls of each user or company, hour by hour or day by day."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from itertools import dropwhile
from typing import TYPE_CHECKING

import msgspec
from typing_extensions import override

from tap_moesif.records import Field, Kind, utc
from tap_moesif.service.page_size import PageSize
from tap_moesif.streams.base import WRITTEN_AT_ONCE, IncrementalStream
from tap_moesif.sync import earlier
from tap_moesif.usage import EVENTS_BEGAN, EVENTS_SCOPE, clock
from tap_moesif.usage.bucket_pages import BucketPages
from tap_moesif.usage.buckets import (
    DIALECTS,
    INTERVALS,
    LISTED_FIRST,
    MOST_LISTED,
    SUBJECTS,
    BucketSearch,
)
from tap_moesif.usage.rollup import FIGURES, TOP_ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_moesif.records import Record
    from tap_moesif.service import Request
    from tap_moesif.sync import Scan, StreamState
    from tap_moesif.usage.buckets import Bucket, Interval, Key

START = "startTime"
ID_CHARACTERS = 32


class Usage(IncrementalStream):
    """The API calls of each user or company, by hour or day.

    A bucket is emitted once its time is over, and again by the next run as long as late events
    may have changed it. Those of a run are the buckets that begin between its dates, each whole.
    """

    name = "usage"
    scopes = (EVENTS_SCOPE,)
    contents = (
        "for each user, or company, and hour or day with API calls, what these were: the hours "
        "or days that are over since the last run, and those that late events may have changed"
    )
    replication_key = START
    times = (START,)
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "An id of the user or company, the time and the route."),
        Field("userId", Kind.REFERENCE, "The user who made the calls.", automatic=True),
        Field("companyId", Kind.REFERENCE, "The company that made them.", automatic=True),
        Field(START, Kind.TIME, "When the hour or day began, in UTC.", automatic=True),
        Field("endTime", Kind.TIME, "When it was over.", automatic=True),
        Field("route", Kind.STRING, "The route, where the record is of one (usage_by_route)."),
        *FIGURES,
        TOP_ROUTES,
    )

    @cached_property
    def _interval(self) -> Interval:
        return INTERVALS[self.config["usage_interval"]]

    @property
    def _searches(self) -> list[BucketSearch]:
        by_route = [False, True] if self.config["usage_by_route"] else [False]
        return [
            BucketSearch(subject, self._interval, each)
            for subject in SUBJECTS[self.config["usage_of"]]
            for each in by_route
        ]

    @property
    def _late(self) -> timedelta:
        return timedelta(minutes=self.config["lookback_minutes"])

    @override
    def since(self, state: StreamState) -> dict[str, str]:
        read_at = state.rolled_up or state.bookmark(START)
        if read_at is None:
            return {}
        unsettled = max(EVENTS_BEGAN, earlier(read_at, self._late))
        return {START: utc(self._interval.floor(unsettled))}

    @override
    def move(self, state: StreamState, scan: Scan) -> None:
        """Note which bucket was the last, and as of when all of them were read."""
        end = self._end(scan)
        last = utc(end - self._interval.length)
        settled = earlier(utc(end), -self._late)  # by then the last one has all of its events
        state.replication_key = START
        state.replication_key_value = max(state.replication_key_value or "", last)
        state.rolled_up = max(state.rolled_up or "", min(scan.started_at, settled))

    @override
    def least_request(self) -> Request:
        return clock(self.required)

    @override
    def read_scan(self, scan: Scan) -> Iterator[list[Record]]:
        self.begin(scan, self._tap.moesif.now(clock(self.required)))
        dialects = [*DIALECTS]
        for search, after in self._left(scan):
            pages = BucketPages(
                self._tap.moesif,
                self.required,
                search,
                PageSize(LISTED_FIRST, MOST_LISTED),
                dialects,
                self._interval.floor(EVENTS_BEGAN),
                self._end(scan),
                after,
            )
            self._skip_to_start(pages, scan)
            for buckets in pages:
                for first in range(0, len(buckets), WRITTEN_AT_ONCE):
                    some = buckets[first : first + WRITTEN_AT_ONCE]
                    scan.count += len(some)
                    scan.after = [search.name, *some[-1].key]
                    yield [self._record(search, bucket) for bucket in some]

    def _left(self, scan: Scan) -> Iterator[tuple[BucketSearch, Key | None]]:
        """Return what is left to be searched for, each with the key to begin behind."""
        searches = self._searches
        name, *key = scan.after or [""]
        if all(search.name != name for search in searches):  # other settings than before
            name, key = searches[0].name, []
        for search in dropwhile(lambda search: search.name != name, searches):
            yield search, tuple(key) if key and search.name == name else None

    def _skip_to_start(self, pages: BucketPages, scan: Scan) -> None:
        """Begin with the first bucket that a scan is for."""
        if START in scan.since:
            pages.start = self._interval.floor(scan.since[START])
        elif scan.start:
            pages.start = max(pages.start, self._interval.ceil(scan.start))
        elif pages.after is None:
            pages.start = pages.first() or pages.end

    def _end(self, scan: Scan) -> int:
        """Return the end of the last bucket: it is over, and begins before the `end_date`."""
        over = self._interval.floor(scan.started_at)
        return min(over, self._interval.ceil(max(scan.end, EVENTS_BEGAN))) if scan.end else over

    def _record(self, search: BucketSearch, bucket: Bucket) -> Record:
        start, *route, subject = bucket.key
        of = {"startTime": utc(start), "endTime": utc(start + search.interval.length)}
        key = [search.subject.name, subject, of["startTime"], search.interval.iso, *route]
        return {
            "id": sha256(msgspec.json.encode(key)).hexdigest()[:ID_CHARACTERS],
            search.subject.record_field: subject,
            **of,
            **({"route": route[0]} if route else {}),
            **bucket.figures,
        }
