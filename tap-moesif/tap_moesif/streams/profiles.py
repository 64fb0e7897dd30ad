"""What users and companies have in common: searched by two times, with a roll-up of usage."""

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
    """Users or companies: whatever was modified or seen, and who has used the API.

    Attributes:
        path_setting: The setting that holds the search's path.
        usage_field: The field that holds this stream's id in an event.
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
        self._asked_ahead: set[int] = set()  # the pages' lists of hits, as `id` has them

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
            # Those who had usage then have other usage now, or none, which is a change too.
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
        if id(page.hits) in self._asked_ahead:
            self._asked_ahead.remove(id(page.hits))
        else:
            self._expect(page.hits)
        for count, records in super().records_of(page, scan, now):
            for roll_ups in all_roll_ups:
                roll_ups.complete(records)
            yield count, records

    @override
    def arrived(self, hits: list[Hit]) -> None:
        if self._usage and all(roll_ups.is_listed for roll_ups in self._usage):
            self._asked_ahead.add(id(hits))
            self._expect(hits)

    def _expect(self, hits: list[Hit]) -> None:
        """Begin to ask about the users of a page."""
        parts = cache(lambda: [*self._parts(hits)])
        for roll_ups in self._usage:
            roll_ups.expect_page(parts)

    def _parts(self, hits: list[Hit]) -> Iterator[Record]:
        """Read the ids of a page, and what roll-ups they bring, before its records are made."""
        reader = PartialReader([self.fields[0], usage.USAGE])
        for hit in hits:
            if (record := reader.read(hit.source, hit.id)) is not None:
                yield record

    def _check_times(self) -> None:
        """See that the times can be searched for.

        Where an index has them as text, a range of them finds whatever has a word in it, and
        says nothing; but to sort by them is refused.
        """
        path = self.config[self.path_setting]
        search = Search(path, self.required, everything(), sort=(MODIFIED_TIME, LAST_SEEN, ID))
        try:
            self._tap.moesif.request(search.request(1), lambda content: read_hits(content, path))
        except RejectedQueryError as error:
            times = f"{MODIFIED_TIME} and {LAST_SEEN}"
            raise NoOrderByTimeError(stream=self.name, times=times, answer=error) from error

    @cached_property
    def _rolls_up(self) -> bool:
        wanted = self.config["usage_rollup"] and usage.USAGE in self.fields
        return bool(wanted) and self.is_chosen(usage.USAGE.name)

    @cached_property
    def _chosen_traits(self) -> list[usage.Trait]:
        return self._traits if self.is_chosen(usage.TRAITS) else []

    def is_chosen(self, name: str) -> bool:
        """Tell whether a field is selected."""
        return self.mask.get(("properties", name), True)

    @cached_property
    def _windows(self) -> list[timedelta]:
        """The times before a run whose usage is rolled up."""
        day = [usage.WINDOW] if self._rolls_up else []
        return [*day, *(trait.window for trait in self._chosen_traits)]

    def _roll_ups(self, now: str, expected: int) -> list[usage.RollUps]:
        """Roll up the time before this run began, of about so many."""
        if not self._usage:
            began = datetime.fromisoformat(f"{now[:-1]}+00:00")
            if self._rolls_up:
                remedy = "set usage_rollup: false"
                self._roll_up(usage.LAST_24_HOURS, usage.window(began), remedy)
            if traits := self._chosen_traits:
                longest = usage.window(began, max(trait.window for trait in traits))
                remedy = "take usage_traits out of the settings"
                self._roll_up(usage.traits_measure(traits, began), longest, remedy)
            for roll_ups in self._usage:
                roll_ups.expect(expected)
        return self._usage

    def _roll_up(self, measure: usage.Measure, window: tuple[str, str], remedy: str) -> None:
        search = usage.UsageSearch(self.usage_field, *window, measure)
        required = RequiredScope(self.name, usage.EVENTS_SCOPE, remedy)
        self._usage.append(usage.RollUps(self._tap.moesif, required, search))
