"""The stream `usage`: the API calls of each user or company, by hour or day."""

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
from tap_moesif.streams.base import WRITE_CHUNK, IncrementalStream
from tap_moesif.sync import earlier
from tap_moesif.usage import EVENTS_BEGAN, EVENTS_SCOPE, clock
from tap_moesif.usage.bucket_pages import BucketPages
from tap_moesif.usage.buckets import (
    DIALECTS,
    FIRST_LIST_SIZE,
    INTERVALS,
    MAX_LIST_SIZE,
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

    A bucket is emitted after its end, and again by the next run if late events may have changed
    it. `start_date` and `end_date` select the buckets that start between them.
    """

    name = "usage"
    scopes = (EVENTS_SCOPE,)
    contents = (
        "a record for each user or company and hour or day with API calls: the hours or days that "
        "ended since the last run, and those that late events may have changed"
    )
    replication_key = START
    times = (START,)
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "A hash of the user or company, the time and the route."),
        Field("userId", Kind.REFERENCE, "The user's id.", automatic=True),
        Field("companyId", Kind.REFERENCE, "The company's id.", automatic=True),
        Field(START, Kind.TIME, "Start of the hour or day, in UTC.", automatic=True),
        Field("endTime", Kind.TIME, "End of the hour or day.", automatic=True),
        Field("route", Kind.STRING, "The route, with usage_by_route."),
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
        """Move the bookmark to the last bucket, and store when the buckets were read."""
        end = self._end(scan)
        last = utc(end - self._interval.length)
        settled = earlier(utc(end), -self._late)  # then all events of the last bucket are indexed
        state.replication_key = START
        state.replication_key_value = max(state.replication_key_value or "", last)
        state.rolled_up = max(state.rolled_up or "", min(scan.started_at, settled))

    @override
    def probe_request(self) -> Request:
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
                PageSize(FIRST_LIST_SIZE, MAX_LIST_SIZE),
                dialects,
                self._interval.floor(EVENTS_BEGAN),
                self._end(scan),
                after,
            )
            self._skip_to_start(pages, scan)
            for buckets in pages:
                for first in range(0, len(buckets), WRITE_CHUNK):
                    some = buckets[first : first + WRITE_CHUNK]
                    scan.count += len(some)
                    scan.after = [search.name, *some[-1].key]
                    yield [self._record(search, bucket) for bucket in some]

    def _left(self, scan: Scan) -> Iterator[tuple[BucketSearch, Key | None]]:
        """Yield the searches that are left, each with the key to start after, if any."""
        searches = self._searches
        name, *key = scan.after or [""]
        if all(search.name != name for search in searches):  # the settings have changed
            name, key = searches[0].name, []
        for search in dropwhile(lambda search: search.name != name, searches):
            yield search, tuple(key) if key and search.name == name else None

    def _skip_to_start(self, pages: BucketPages, scan: Scan) -> None:
        """Set the start to the first bucket of the scan."""
        if START in scan.since:
            pages.start = self._interval.floor(scan.since[START])
        elif scan.start:
            pages.start = max(pages.start, self._interval.ceil(scan.start))
        elif pages.after is None:
            pages.start = pages.first() or pages.end

    def _end(self, scan: Scan) -> int:
        """Return the end of the last bucket that has ended and starts before `end_date`."""
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
