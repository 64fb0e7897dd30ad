"""Adds roll-ups of usage to records, by one query for many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_moesif.service import MoesifError, Request, RequiredScope, read_search
from tap_moesif.usage.rollup import USAGE, is_searchable, no_usage
from tap_moesif.usage.search import EVENTS_PATH, read_usage, usage_search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_moesif.records import Record
    from tap_moesif.service import Moesif
    from tap_moesif.service.page_size import PageSize


@dataclass(slots=True)
class RollUps:
    """Rolls up the usage of users or of companies.

    Args:
        moesif: The API.
        required: What the key must be allowed to do.
        field: The field that holds their id in an event.
        start: Start of the window, ISO 8601, inclusive.
        end: Its end, exclusive.
        size: How many ids a query asks about.
    """

    moesif: Moesif
    required: RequiredScope
    field: str
    start: str
    end: str
    size: PageSize

    def complete(self, records: Sequence[Record]) -> None:
        """Add a roll-up to each record but those that brought one along."""
        missing = [
            record
            for record in records
            if record.get(USAGE.name) is None and is_searchable(record["id"])
        ]
        while missing:
            ids = [record["id"] for record in missing]
            roll_ups = self.moesif.submit(self._ask, ids).result()
            asked = self.size.value  # smaller by now, where that was too much
            for record in missing[:asked]:
                record[USAGE.name] = roll_ups.get(record["id"]) or no_usage()
            del missing[:asked]

    def _ask(self, ids: Sequence[str]) -> dict[str, Any]:
        """Ask for the roll-ups of as many as a query takes."""
        answered = self.moesif.fetch(
            self._request(ids),
            lambda content: read_search(content, EVENTS_PATH),
            lambda refused: self._request(ids) if self.size.halve(refused=refused) else None,
        )
        try:
            return read_usage(answered.value)
        except (LookupError, TypeError, ValueError) as error:
            raise MoesifError(
                "Moesif's answer to the search for usage has not the shape of one; set "
                "usage_rollup: false to sync without last24HourAggResults."
            ) from error

    def _request(self, ids: Sequence[str]) -> Request:
        return Request(
            EVENTS_PATH,
            self.required,
            params={"from": self.start, "to": self.end},
            body=usage_search(self.field, ids[: self.size.value], self.start, self.end),
        )
