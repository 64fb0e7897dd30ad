"""The streams: each a declaration of what it reads, with what is its own in how."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_moesif import schemas, usage
from tap_moesif.answers import read_hits, read_list
from tap_moesif.bookmarks import earlier
from tap_moesif.client import Request
from tap_moesif.documents import (
    PAYLOADS,
    cohort_document,
    event_document,
    subscription_document,
    user_document,
)
from tap_moesif.errors import MoesifError, NotThereError, NotUnderstoodError
from tap_moesif.pace import PageSize
from tap_moesif.paging import ID, Search
from tap_moesif.queries import (
    LAST_SEEN,
    MODIFIED_TIME,
    REQUEST_TIME,
    changed_since,
    events_between,
    everything,
    modified_between,
)
from tap_moesif.rollups import RollUps
from tap_moesif.sync import STATE_EVERY_RECORDS, MoesifStream, SearchStream
from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Record

    from tap_moesif.answers import Hit
    from tap_moesif.bookmarks import Progress, Walk
    from tap_moesif.tap import TapMoesif

SEEN = "lastSeenTime"
MODIFIED = "modifiedTime"
REQUESTED = "requestTime"

EVENTS_BEGAN = "2013-01-01T00:00:00.000Z"
"""Before Moesif was founded; the search for events wants a beginning."""


class ProfileStream(SearchStream):
    """Users or companies: whatever was modified or seen, and who has used the API.

    Attributes:
        path_setting: The setting that holds the search's path.
        usage_field: Holds this stream's id in an event, where `fields` have the roll-up.
    """

    path_setting: ClassVar[str]
    usage_field: ClassVar[str]

    replication_key = MODIFIED
    times = (MODIFIED, SEEN)

    def __init__(self, tap: TapMoesif) -> None:
        super().__init__(tap)
        self._usage: RollUps | None = None

    @override
    def search(self, walk: Walk) -> Search:
        if walk.since or walk.start or walk.end:
            self._check_times()
        if walk.since:
            query = changed_since(walk.since[MODIFIED], walk.since[SEEN], walk.end)
        else:
            query = modified_between(walk.start, walk.end)
        return Search(self.config[self.path_setting], self.need, query)

    @override
    def since(self, progress: Progress) -> dict[str, str]:
        since = super().since(progress)
        if since and self._rolls_up:
            # Whoever had usage then has other usage now, or none: which is as much a change.
            rolled_up = progress.rolled_up or str(progress.bookmark(SEEN))
            since[SEEN] = min(since[SEEN], earlier(rolled_up, usage.WINDOW))
        return since

    @override
    def move(self, progress: Progress, walk: Walk) -> None:
        super().move(progress, walk)
        progress.rolled_up = walk.began if self._rolls_up else None

    def _check_times(self) -> None:
        """See that the times can be asked for.

        Where an index has them as text, a range of them finds whatever has a word in it, and
        says nothing; but to sort by them is refused.
        """
        path = self.config[self.path_setting]
        search = Search(path, self.need, everything(), sort=(MODIFIED_TIME, LAST_SEEN, ID))
        try:
            self._tap.moesif.ask(search.request(1), lambda content: read_hits(content, path))
        except NotUnderstoodError as error:
            raise MoesifError(
                f"Moesif does not sort '{self.name}' by {MODIFIED_TIME} and {LAST_SEEN}, so it "
                f"cannot be asked for a stretch of time: {error} If it is so for this stream alone,"
                " its index may have these as text: leave start_date and end_date out, and set the "
                "stream's replication-method to FULL_TABLE in the catalog."
            ) from error

    @property
    @override
    def completes(self) -> bool:
        return self._rolls_up

    @cached_property
    def _rolls_up(self) -> bool:
        wanted = self.config["usage_rollup"] and schemas.USAGE in self.fields
        return bool(wanted and self.mask.get(("properties", schemas.USAGE.name), True))

    @override
    def complete(self, records: list[Record], began: str) -> None:
        """Give each record its roll-up, but those that brought one along."""
        if self._rolls_up:
            self._roll_ups(began).complete(records)

    def _roll_ups(self, began: str) -> RollUps:
        """Roll up the day before this run began."""
        if self._usage is None:
            window = usage.window(datetime.fromisoformat(f"{began[:-1]}+00:00"))
            size = PageSize(min(self.config["page_size"], usage.MAX_IDS))
            moesif = self._tap.moesif
            self._usage = RollUps(moesif, self.name, self.usage_field, *window, size)
        return self._usage


class Users(ProfileStream):
    """Moesif's user profiles."""

    name = "users"
    path_setting = "users_path"
    scope = "read:users"
    fields = schemas.USER
    usage_field = "user_id"
    prepare = staticmethod(user_document)


class Companies(ProfileStream):
    """Moesif's company profiles."""

    name = "companies"
    path_setting = "companies_path"
    scope = "read:companies"
    fields = schemas.COMPANY
    usage_field = "company_id"


class Subscriptions(SearchStream):
    """The companies' subscriptions, of which Moesif has no list.

    All companies are read in each run, since nothing says that a company's `modified_time` moves
    with its subscriptions; what is emitted is what changed.
    """

    name = "subscriptions"
    scope = "read:companies"
    fields = schemas.SUBSCRIPTION
    prepare = staticmethod(subscription_document)
    replication_key = MODIFIED
    times = (MODIFIED,)

    PATH = "/search/~/companies/{id}/subscriptions"

    @override
    def search(self, walk: Walk) -> Search:
        return Search(self.config["companies_path"], self.need, everything())

    @override
    def chunks(self, hits: list[Hit], walk: Walk, began: str) -> Iterator[tuple[int, list[Record]]]:
        read = 0
        records: list[Record] = []
        for hit in hits:
            found = [record for record in self._of(hit) if changed(record, walk)]
            if len(records) + len(found) > STATE_EVERY_RECORDS and read:
                yield read, records
                read, records = 0, []
            read += 1
            records += found
        yield read, records

    def _of(self, hit: Hit) -> list[Record]:
        """Make records of a company's subscriptions."""
        source = hit.document()
        company: dict[str, Any] = source if isinstance(source, dict) else {}
        company_id = company.get("company_id") or hit.id
        found = company.get("subscriptions")
        if not isinstance(found, list):
            found = self._fetch(str(company_id))
        documents = [
            {"company_id": company_id, **document} if isinstance(document, dict) else document
            for document in found
        ]
        return self.with_id([*map(self.make, documents)])

    def _fetch(self, company_id: str) -> list[Any]:
        request = Request(self.PATH, self.need, id=company_id)
        try:
            return self._tap.moesif.ask(
                request, lambda content: read_list(content, self.PATH, "subscriptions")
            )
        except NotThereError:  # the company is gone meanwhile, or has none
            return []


def changed(record: Record, walk: Walk) -> bool:
    """Say whether a subscription is one that a walk is for."""
    time = record.get(MODIFIED)
    since = walk.since.get(MODIFIED)
    if not time:  # nothing tells that it is unchanged
        return since is not None or walk.start is None
    return time >= (since or walk.start or "") and (walk.end is None or time < walk.end)


class Events(SearchStream):
    """API calls and custom actions, by the time of their request."""

    name = "events"
    scope = usage.EVENTS_SCOPE
    fields = schemas.EVENT
    prepare = staticmethod(event_document)
    replication_key = REQUESTED
    times = (REQUESTED,)
    selected_by_default = False

    @override
    def search(self, walk: Walk) -> Search:
        if not walk.began:
            now = Request(
                usage.EVENTS_PATH, self.need, params={"from": "-1h", "to": "now"}, body={"size": 0}
            )
            walk.began = utc(self._tap.moesif.now(now) * 1000)
        since = walk.since.get(REQUESTED) or walk.start or EVENTS_BEGAN
        until = max(since, min(walk.began, walk.end or walk.began))
        return Search(
            usage.EVENTS_PATH,
            self.need,
            events_between(since, until, self.config.get("event_type")),
            sort=(REQUEST_TIME, ID),
            params={"from": since, "to": until},
            without=() if self.config["emit_event_payloads"] else PAYLOADS,
        )

    @property
    @override
    def dropped(self) -> tuple[str, ...]:
        return super().dropped + (() if self.config["emit_event_payloads"] else PAYLOADS)


class Cohorts(MoesifStream):
    """Cohorts of users and of companies: a list that is read whole each time."""

    name = "cohorts"
    scope = "read:cohorts"
    fields = schemas.COHORT
    prepare = staticmethod(cohort_document)

    PATH = "/~/cohorts"
    TYPES = ("user", "company")

    @override
    def read(self) -> Iterator[list[Record]]:
        for kind in self.TYPES:
            request = Request(self.PATH, self.need, params={"cohort_type": kind})
            documents = self._tap.moesif.ask(
                request, lambda content: read_list(content, self.PATH, "cohorts")
            )
            yield self.with_id([*map(self.make, documents)])


STREAMS: tuple[type[MoesifStream], ...] = (Users, Companies, Subscriptions, Cohorts, Events)
