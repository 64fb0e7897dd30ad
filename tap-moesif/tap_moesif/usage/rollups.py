"""Adds usage roll-ups to records, without querying users known to be inactive.

If many users are to be read, the active ones are listed from the events first: with their roll-ups
as long as these fit into memory, then by id only. Users in no list have no usage. If few users are
to be read, if most of them are active, or if Moesif does not support the list, the roll-ups of all
of them are queried by id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tap_moesif.service import ForbiddenError, MoesifError, Request, read_search
from tap_moesif.service.page_size import PageSize
from tap_moesif.usage.activity import Activity
from tap_moesif.usage.rollup import is_searchable
from tap_moesif.usage.search import EVENTS_PATH, checked, read_active, read_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from typing_extensions import Buffer

    from tap_moesif.records import Record
    from tap_moesif.service import Moesif, RequiredScope
    from tap_moesif.usage.search import Active, UsageSearch

T = TypeVar("T")

logger = logging.getLogger("tap-moesif")

IDS_LISTED = 10_000
"""Ids in a list without roll-ups: the largest number of buckets that all engines support."""

MAX_ROLL_UPS_HELD = 20_000
"""Maximum number of listed roll-ups in memory, at half a kilobyte each."""

ATTEMPTS_TO_LIST = 4
"""Attempts for a list; if they fail, users are queried by id."""

MIN_SHARE_LISTED = 0.9
"""Share of the estimated number of ids that a list must contain to be accepted as complete."""

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class RollUps:
    """The roll-ups of users or of companies.

    Args:
        moesif: The API client.
        required: The scope that the key needs.
        search: The queries.
    """

    moesif: Moesif
    required: RequiredScope
    search: UsageSearch
    _max_ids: int = field(init=False)
    _size: PageSize = field(init=False)
    _empty: msgspec.Raw = field(init=False)
    _listed: Future[Activity | None] | None = None
    _reading: Lock = field(default_factory=Lock)
    _requested: dict[str, Future[dict[str, msgspec.Raw]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._max_ids = self.search.measure.max_ids
        self._size = PageSize(self._max_ids, self._max_ids)
        self._empty = encoded(self.search.measure.empty)

    def start_listing(self, users: int) -> None:
        """Start to list the active users, if that may take fewer queries.

        Args:
            users: Approximate number of users to be read.
        """
        if users > self._max_ids:
            self._listed = self.moesif.submit(self._list, users)

    @property
    def is_listed(self) -> bool:
        """Whether the list is complete, or not used."""
        return self._listed is None or self._listed.done()

    def prefetch(self, read: Callable[[], Iterable[Record]]) -> None:
        """Start to request the roll-ups of a page, unless they are known.

        Args:
            read: Reads the ids, and the roll-ups in the documents, of most of the page's records.
        """
        activity = self._activity
        if activity is None or activity.others:
            self._request_missing(record["id"] for record in read() if self._is_missing(record))

    def add_to(self, records: Iterable[Record]) -> None:
        """Add a roll-up to each record without one."""
        missing = [record for record in records if self._is_missing(record)]
        self._request_missing(record["id"] for record in missing)
        for record in missing:
            record[self.search.measure.name] = self._roll_up(record["id"])

    def _is_missing(self, record: Record) -> bool:
        """Return whether a record lacks a roll-up that can be queried."""
        return record.get(self.search.measure.name) is None and is_searchable(record["id"])

    def _roll_up(self, identifier: str) -> msgspec.Raw:
        requested, activity = self._requested.pop(identifier, None), self._activity
        found = requested.result() if requested else activity.roll_ups if activity else {}
        return found.get(identifier, self._empty)

    def _request_missing(self, ids: Iterable[str]) -> None:
        """Start to request the roll-ups that are neither known nor already requested."""
        activity = self._activity
        unknown = [
            one
            for one in ids
            if one not in self._requested and (activity is None or activity.is_unknown(one))
        ]
        for first in range(0, len(unknown), self._max_ids):
            some = unknown[first : first + self._max_ids]
            # Another thread may call this for the next page, so update in place.
            self._requested.update(dict.fromkeys(some, self.moesif.submit(self._fetch, some)))

    @property
    def _activity(self) -> Activity | None:
        """The active users, if they are listed."""
        return None if self._listed is None else self._listed.result()

    def _fetch(self, ids: Sequence[str]) -> dict[str, msgspec.Raw]:
        """Request the roll-ups of some ids, in as many queries as needed."""
        read = partial(read_usage, read=self._encoded)
        roll_ups: dict[str, msgspec.Raw] = {}
        done = 0
        while done < len(ids):
            some = ids[done : done + self._size.value]

            def shrink(refused: bool) -> Request | None:
                nonlocal some
                if not self._size.halve(len(some), refused=refused):
                    return None
                some = some[: self._size.value]
                return self._request(self.search.by_ids(some))

            roll_ups |= self._read(self.search.by_ids(some), shrink, read)
            done += len(some)
        return roll_ups

    def _list(self, users: int) -> Activity | None:
        """List the active users; return None if they are to be queried by id."""
        try:
            return self._listing(users)
        except ForbiddenError:
            raise
        except MoesifError as error:
            logger.info("Querying usage by id, because active users cannot be listed: %s", error)
            return None

    def _listing(self, users: int) -> Activity | None:
        activity = Activity()
        held, ids = PageSize(self._max_ids, self._max_ids), PageSize(IDS_LISTED, IDS_LISTED)
        after, listed, estimate = None, 0, 0
        while True:
            with_roll_ups = len(activity.roll_ups) < MAX_ROLL_UPS_HELD
            size = held if with_roll_ups else ids
            part, requested = self._list_some(size, after, with_roll_ups=with_roll_ups)
            listed, after = listed + len(part.ids), part.after
            estimate = part.estimate or estimate
            if max(listed, estimate) > users / 2:
                return None
            if with_roll_ups:
                activity.roll_ups |= part.roll_ups
            else:
                activity.add(part.ids)
            if after is None or (
                len(part.ids) < requested and listed >= MIN_SHARE_LISTED * estimate
            ):
                return activity

    def _list_some(
        self, size: PageSize, after: object, *, with_roll_ups: bool
    ) -> tuple[Active, int]:
        """Request a part of the list; return also the size requested in the end."""

        def search() -> dict[str, Any]:
            return self.search.active(size.value, after, with_roll_ups=with_roll_ups)

        def shrink(refused: bool) -> Request | None:
            smaller = size.halve(size.value, refused=refused)
            return self._request(search()) if smaller else None

        def read(answer: dict[str, Any]) -> Active:
            return read_active(answer, self._encoded, with_roll_ups=with_roll_ups)

        part = self._read(search(), shrink, read, ATTEMPTS_TO_LIST)
        requested = size.value
        size.worked(0, 0, 0)
        return part, requested

    def _read(
        self,
        body: dict[str, Any],
        shrink: Callable[[bool], Request | None],
        read: Callable[[dict[str, Any]], T],
        attempts: int | None = None,
    ) -> T:
        def read_one(content: Buffer) -> T:
            with self._reading:  # one at a time: decoding takes six times the memory
                return checked(read_search(content, EVENTS_PATH), read, self.required)

        return self.moesif.fetch(self._request(body), read_one, shrink, attempts).value

    def _encoded(self, bucket: dict[str, Any]) -> msgspec.Raw:
        """Read a roll-up and encode it, because that takes a tenth of the memory."""
        return encoded(self.search.measure.read(bucket))

    def _request(self, body: dict[str, Any]) -> Request:
        window = {"from": self.search.start, "to": self.search.end}
        return Request(EVENTS_PATH, self.required, params=window, body=body)


def encoded(roll_up: dict[str, Any]) -> msgspec.Raw:
    """Encode a roll-up."""
    return msgspec.Raw(_encode(roll_up))
