"""Adds roll-ups of usage to records, without a query for those who are known to have made no call.

Where many users are to be read, those who were active are listed first, out of the events
themselves: with their roll-ups as long as these can be held, then by their ids alone. A user who is
in no list has no usage. Where few are to be read, where most of them were active, and where Moesif
gives no such list, each is asked about instead.
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
"""Ids in one answer that holds no roll-ups: the most buckets that every engine gives."""

MOST_HELD = 20_000
"""Roll-ups that are held in memory, at half a kilobyte each."""

ATTEMPTS_TO_LIST = 4
"""Without the list it works as well, only with more queries."""

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class RollUps:
    """Rolls up the usage of users or of companies.

    Args:
        moesif: The API.
        required: What the key must be allowed to do.
        search: Writes the searches.
    """

    moesif: Moesif
    required: RequiredScope
    search: UsageSearch
    _most: int = field(init=False)
    _size: PageSize = field(init=False)
    _none: msgspec.Raw = field(init=False)
    _listed: Future[Activity | None] | None = None
    _reading: Lock = field(default_factory=Lock)
    _asked: dict[str, Future[dict[str, msgspec.Raw]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._most = self.search.measure.most_ids
        self._size = PageSize(self._most, self._most)
        self._none = encoded(self.search.measure.none)

    def expect(self, users: int) -> None:
        """Begin to list who was active, where that may take fewer queries than to ask about each.

        Args:
            users: How many are to be read, about.
        """
        if users > self._most:
            self._listed = self.moesif.submit(self._list, users)

    @property
    def is_listed(self) -> bool:
        """Whether it is known by now who was active, or that this is not listed."""
        return self._listed is None or self._listed.done()

    def expect_page(self, read: Callable[[], Iterable[Record]]) -> None:
        """Begin to ask about the users of a page, where that has to be.

        Args:
            read: Reads their ids and what roll-ups they bring along, of most of them.
        """
        activity = self._activity
        if activity is None or activity.others:
            self._ask_about(record["id"] for record in read() if self._is_missing(record))

    def complete(self, records: Iterable[Record]) -> None:
        """Add a roll-up to each record but those that brought one along."""
        missing = [record for record in records if self._is_missing(record)]
        self._ask_about(record["id"] for record in missing)
        for record in missing:
            record[self.search.measure.name] = self._roll_up(record["id"])

    def _is_missing(self, record: Record) -> bool:
        """Tell whether a record lacks a roll-up that can be had."""
        return record.get(self.search.measure.name) is None and is_searchable(record["id"])

    def _roll_up(self, identifier: str) -> msgspec.Raw:
        asked, activity = self._asked.pop(identifier, None), self._activity
        found = asked.result() if asked else activity.roll_ups if activity else {}
        return found.get(identifier, self._none)

    def _ask_about(self, ids: Iterable[str]) -> None:
        """Begin to ask about those whose roll-ups are not known, if that is not under way."""
        activity = self._activity
        unknown = [
            one
            for one in ids
            if one not in self._asked and (activity is None or activity.is_unknown(one))
        ]
        for first in range(0, len(unknown), self._most):
            some = unknown[first : first + self._most]
            # Of the next page's users this may be called in another thread: no copy is made here.
            self._asked.update(dict.fromkeys(some, self.moesif.submit(self._ask, some)))

    @property
    def _activity(self) -> Activity | None:
        """Who was active, if that is listed."""
        return None if self._listed is None else self._listed.result()

    def _ask(self, ids: Sequence[str]) -> dict[str, msgspec.Raw]:
        """Ask for the roll-ups of some, in as many queries as that takes."""
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
                return self._request(self.search.of(some))

            roll_ups |= self._read(self.search.of(some), shrink, read)
            done += len(some)
        return roll_ups

    def _list(self, users: int) -> Activity | None:
        """List who was active; None where it is better to ask about each."""
        try:
            return self._listing(users)
        except ForbiddenError:
            raise
        except MoesifError as error:
            logger.info("Asking about the usage of each instead of listing the active: %s", error)
            return None

    def _listing(self, users: int) -> Activity | None:
        activity = Activity()
        held, ids = PageSize(self._most, self._most), PageSize(IDS_LISTED, IDS_LISTED)
        after, listed, estimate = None, 0, 0
        while True:
            with_roll_ups = len(activity.roll_ups) < MOST_HELD
            size = held if with_roll_ups else ids
            part, asked = self._list_some(size, after, with_roll_ups=with_roll_ups)
            listed, after = listed + len(part.ids), part.after
            estimate = part.estimate or estimate
            if max(listed, estimate) > users / 2:
                return None
            if with_roll_ups:
                activity.roll_ups |= part.roll_ups
            else:
                activity.add(part.ids)
            if after is None or (len(part.ids) < asked and listed >= SURE * estimate):
                return activity

    def _list_some(
        self, size: PageSize, after: object, *, with_roll_ups: bool
    ) -> tuple[Active, int]:
        """List some; return also how many were asked for in the end."""

        def search() -> dict[str, Any]:
            return self.search.active(size.value, after, with_roll_ups=with_roll_ups)

        def shrink(refused: bool) -> Request | None:
            smaller = size.halve(size.value, refused=refused)
            return self._request(search()) if smaller else None

        def read(answer: dict[str, Any]) -> Active:
            return read_active(answer, self._encoded, with_roll_ups=with_roll_ups)

        part = self._read(search(), shrink, read, ATTEMPTS_TO_LIST)
        asked = size.value
        size.worked(0, 0, 0)
        return part, asked

    def _read(
        self,
        body: dict[str, Any],
        shrink: Callable[[bool], Request | None],
        read: Callable[[dict[str, Any]], T],
        attempts: int | None = None,
    ) -> T:
        def read_one(content: Buffer) -> T:
            with self._reading:  # decoded, it takes six times the memory
                return checked(read_search(content, EVENTS_PATH), read, self.required)

        return self.moesif.fetch(self._request(body), read_one, shrink, attempts).value

    def _encoded(self, bucket: dict[str, Any]) -> msgspec.Raw:
        """Read a roll-up, which takes a tenth of the memory when it is encoded at once."""
        return encoded(self.search.measure.read(bucket))

    def _request(self, body: dict[str, Any]) -> Request:
        window = {"from": self.search.start, "to": self.search.end}
        return Request(EVENTS_PATH, self.required, params=window, body=body)


SURE = 0.9
"""A list that is not full is at its end, unless it has far fewer than the estimate says."""


def encoded(roll_up: dict[str, Any]) -> msgspec.Raw:
    """Encode a roll-up, once and for all."""
    return msgspec.Raw(_encode(roll_up))
