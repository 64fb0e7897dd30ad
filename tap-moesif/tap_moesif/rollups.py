"""Gives a page's records their roll-ups of usage, by one query for the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_moesif import schemas, usage
from tap_moesif.answers import read_search
from tap_moesif.client import Need, Request
from tap_moesif.errors import MoesifError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.helpers.types import Record

    from tap_moesif.client import Moesif
    from tap_moesif.pace import PageSize


@dataclass(slots=True)
class RollUps:
    """Rolls up the usage of users or of companies.

    Args:
        moesif: The connection.
        stream: That the records are of.
        field: Holds their id in an event.
        start: Of the time that is rolled up, ISO 8601.
        end: Of that.
        size: How many ids a query asks about.
    """

    moesif: Moesif
    stream: str
    field: str
    start: str
    end: str
    size: PageSize

    def complete(self, records: Sequence[Record]) -> None:
        """Give each record its roll-up, but those that brought one along."""
        missing = [
            record
            for record in records
            if record.get(schemas.USAGE.name) is None and usage.is_searchable(record["id"])
        ]
        while missing:
            roll_ups = self._ask([record["id"] for record in missing])
            asked = self.size.value  # smaller by now, where that was too much
            for record in missing[:asked]:
                record[schemas.USAGE.name] = roll_ups.get(record["id"]) or usage.no_usage()
            del missing[:asked]
            self.size.worked()

    def _ask(self, ids: Sequence[str]) -> dict[str, Any]:
        """Ask for the roll-ups of as many as a query takes."""
        answer = self.moesif.ask(
            self._request(ids),
            lambda content: read_search(content, usage.EVENTS_PATH),
            lambda: self._request(ids) if self.size.halve() else None,
        )
        try:
            return usage.read_usage(answer)
        except (LookupError, TypeError, ValueError) as error:
            raise MoesifError(
                "Moesif's answer to the search for usage has not the shape of one; set "
                "usage_rollup: false to sync without last24HourAggResults."
            ) from error

    def _request(self, ids: Sequence[str]) -> Request:
        some = ids[: self.size.value]
        return Request(
            usage.EVENTS_PATH,
            Need(self.stream, usage.EVENTS_SCOPE, "set usage_rollup: false"),
            params={"from": self.start, "to": self.end},
            body=usage.usage_search(self.field, some, self.start, self.end),
        )
