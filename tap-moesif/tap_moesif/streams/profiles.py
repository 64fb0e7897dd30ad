"""The base class of users and companies: searched by two times, with usage roll-ups."""

from __future__ import annotations

from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_moesif import usage
from tap_moesif.records import PartialReader
from tap_moesif.service import (
    ID,
    RejectedQueryError,
    RequiredScope,
    Search,
    read_hits,
)
from tap_moesif.service.errors import NoOrderByTimeError
from tap_moesif.service.queries import (
    LAST_SEEN,
    MODIFIED_TIME,
    changed_since,
    everything,
    modified_between,
)
from tap_moesif.streams.base import SearchStream
from tap_moesif.sync import earlier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from tap_moesif.records import Record
    from tap_moesif.service import Hit, Page
    from tap_moesif.sync import Scan, StreamState
    from tap_moesif.tap import TapMoesif

MODIFIED = "modifiedTime"
SEEN = "lastSeenTime"


class ProfileStream(SearchStream):
    """Users or companies that were modified or seen, or whose usage may have changed.

    Attributes:
        path_setting: Name of the setting with the search's path.
        usage_field: The field of an event with this stream's id.
    """

    path_setting: ClassVar[str]
    usage_field: ClassVar[str]

    replication_key = MODIFIED
    times = (MODIFIED, SEEN)
    activates_versions = True

    def __init__(self, tap: TapMoesif) -> None:
        self._traits: list[usage.Trait] = []
        if usage.USAGE in self.fields:
            self._traits, _ = usage.read_traits(tap.config.get("usage_traits"))
        if self._traits:
            self.fields = (*type(self).fields, usage.traits_field(self._traits))
        super().__init__(tap)
        self._usage: list[usage.RollUps] = []
        self._prefetched: set[int] = set()  # `id` of the pages' lists of hits

    @override
    def search(self, scan: Scan) -> Search:
        if scan.since or scan.start or scan.end:
            self._check_times()
        if scan.since:
            query = changed_since(scan.since[MODIFIED], scan.since[SEEN], scan.end)
        else:
            query = modified_between(scan.start, scan.end)
        return Search(self.config[self.path_setting], self.required, query)

    @override
    def since(self, state: StreamState) -> dict[str, str]:
        since = super().since(state)
        if since and self._windows:
            # Usage in the window before the last run has changed since then, perhaps to none.
            rolled_up = state.rolled_up or str(state.bookmark(SEEN))
            since[SEEN] = min(since[SEEN], earlier(rolled_up, max(self._windows)))
        return since

    @override
    def move(self, state: StreamState, scan: Scan) -> None:
        super().move(state, scan)
        state.rolled_up = scan.started_at if self._windows else None

    @override
    def records_of(self, page: Page, scan: Scan, now: str) -> Iterator[tuple[int, list[Record]]]:
        if not self._windows:
            yield from super().records_of(page, scan, now)
            return
        all_roll_ups = self._roll_ups(now, max(len(page.hits), page.total - scan.count))
        if id(page.hits) in self._prefetched:
            self._prefetched.remove(id(page.hits))
        else:
            self._prefetch_usage(page.hits)
        for count, records in super().records_of(page, scan, now):
            for roll_ups in all_roll_ups:
                roll_ups.add_to(records)
            yield count, records

    @override
    def prefetch(self, hits: list[Hit]) -> None:
        if self._usage and all(roll_ups.is_listed for roll_ups in self._usage):
            self._prefetched.add(id(hits))
            self._prefetch_usage(hits)

    def _prefetch_usage(self, hits: list[Hit]) -> None:
        """Start to request the usage of a page's users."""
        parts = cache(lambda: [*self._parts(hits)])
        for roll_ups in self._usage:
            roll_ups.prefetch(parts)

    def _parts(self, hits: list[Hit]) -> Iterator[Record]:
        """Read the ids and roll-ups of a page's documents, before they are converted."""
        reader = PartialReader([self.fields[0], usage.USAGE])
        for hit in hits:
            if (record := reader.read(hit.source, hit.id)) is not None:
                yield record

    def _check_times(self) -> None:
        """Check that the times can be searched, by sorting by them.

        In an index with times as text, a range query silently returns wrong results, but sorting
        fails.
        """
        path = self.config[self.path_setting]
        search = Search(path, self.required, everything(), sort=(MODIFIED_TIME, LAST_SEEN, ID))
        try:
            self._tap.moesif.request(search.request(1), lambda content: read_hits(content, path))
        except RejectedQueryError as error:
            times = f"{MODIFIED_TIME} and {LAST_SEEN}"
            raise NoOrderByTimeError(stream=self.name, times=times, error=error) from error

    @cached_property
    def _rolls_up(self) -> bool:
        wanted = self.config["usage_rollup"] and usage.USAGE in self.fields
        return bool(wanted) and self.is_selected(usage.USAGE.name)

    @cached_property
    def _selected_traits(self) -> list[usage.Trait]:
        return self._traits if self.is_selected(usage.TRAITS) else []

    def is_selected(self, name: str) -> bool:
        """Return whether a field is selected."""
        return self.mask.get(("properties", name), True)

    @cached_property
    def _windows(self) -> list[timedelta]:
        """The windows before a run whose usage is rolled up."""
        day = [usage.WINDOW] if self._rolls_up else []
        return [*day, *(trait.window for trait in self._selected_traits)]

    def _roll_ups(self, now: str, expected: int) -> list[usage.RollUps]:
        """Return the roll-ups of the time before this run, for about `expected` users."""
        if not self._usage:
            began = datetime.fromisoformat(f"{now[:-1]}+00:00")
            if self._rolls_up:
                remedy = "set usage_rollup: false"
                self._roll_up(usage.LAST_24_HOURS, usage.window(began), remedy)
            if traits := self._selected_traits:
                longest = usage.window(began, max(trait.window for trait in traits))
                remedy = "remove usage_traits from the settings"
                self._roll_up(usage.traits_measure(traits, began), longest, remedy)
            for roll_ups in self._usage:
                roll_ups.start_listing(expected)
        return self._usage

    def _roll_up(self, measure: usage.Measure, window: tuple[str, str], remedy: str) -> None:
        search = usage.UsageSearch(self.usage_field, *window, measure)
        required = RequiredScope(self.name, usage.EVENTS_SCOPE, remedy)
        self._usage.append(usage.RollUps(self._tap.moesif, required, search))
