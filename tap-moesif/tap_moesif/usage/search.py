"""The searches for the usage of users or companies, and how their answers read; pure.

Custom actions are no API calls and do not count. The times are absolute, because relative ones
are aligned to calendar days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tap_moesif.service import Request
from tap_moesif.service.errors import NoUsageError
from tap_moesif.usage.measure import LAST_24_HOURS, PRECISION, TIME_FIELD, Measure
from tap_moesif.usage.reading import read_roll_up, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_moesif.service import RequiredScope
    from tap_moesif.service.queries import Query

    Read = Callable[[dict[str, Any]], Any]

T = TypeVar("T")

EVENTS_PATH = "/search/~/search/events"
EVENTS_BEGAN = "2013-01-01T00:00:00.000Z"
"""Before Moesif was founded; the search for events wants a beginning."""


def clock(required: RequiredScope) -> Request:
    """Return a request that costs little, by whose answer Moesif's clock is read."""
    return Request(EVENTS_PATH, required, params={"from": "-1h", "to": "now"}, body={"size": 0})


def checked(
    answer: dict[str, Any], read: Callable[[dict[str, Any]], T], required: RequiredScope
) -> T:
    """Read the answer to a search for usage.

    Args:
        answer: Its JSON.
        read: Reads it; raises as `read_usage` does.
        required: What the key must be allowed to do.

    Raises:
        NoUsageError: It has not the shape of one.
    """
    try:
        return read(answer)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NoUsageError(remedy=required.remedy) from error


def calls_in(start: str, end: str, *filters: Query) -> Query:
    """Ask for the API calls of a half-open time that some filters find."""
    time = {"gte": start, "lt": end, "format": "strict_date_optional_time"}
    return {
        "bool": {
            "filter": [*filters, {"range": {TIME_FIELD: time}}],
            "must_not": [{"term": {"event_type": "user_action"}}],
        }
    }


def aggregated(query: Query, aggregations: dict[str, Any]) -> dict[str, Any]:
    """Write a search that aggregates what a query finds."""
    return {"size": 0, "query": query, "aggs": aggregations}


@dataclass(frozen=True, slots=True)
class UsageSearch:
    """The searches for the usage of users or of companies in some time.

    Attributes:
        field: The field that holds their id in an event: `user_id` or `company_id`.
        start: Start of the window, ISO 8601, inclusive.
        end: Its end, exclusive.
        measure: What their usage is made of.
    """

    field: str
    start: str
    end: str
    measure: Measure = LAST_24_HOURS

    def of(self, ids: Sequence[str]) -> dict[str, Any]:
        """Write the search for the roll-ups of some, `Measure.most_ids` at most."""
        # Events that name several ids must not bring others' buckets.
        terms = {"field": self._exact, "size": len(ids), "include": list(ids)}
        return self._body(
            {"usage": {"terms": terms, "aggs": self.measure.aggregations}},
            {"terms": {self._exact: list(ids)}},
        )

    def active(
        self,
        size: int,
        after: object,
        *,
        with_roll_ups: bool,
    ) -> dict[str, Any]:
        """Write the search for some of those who were active, in the order of their ids.

        Args:
            size: How many to list.
            after: What the list before said that the next one begins behind.
            with_roll_ups: Whether they are listed with their roll-ups.
        """
        composite: dict[str, Any] = {
            "size": size,
            "sources": [{"id": {"terms": {"field": self._exact}}}],
        }
        if after is not None:
            composite["after"] = after
        listed = {"composite": composite}
        if with_roll_ups:
            listed["aggs"] = self.measure.aggregations
        estimate = {"cardinality": {"field": self._exact, "precision_threshold": PRECISION}}
        return self._body({"active": listed, **({} if after else {"estimate": estimate})})

    @property
    def _exact(self) -> str:
        return f"{self.field}.raw"

    def _body(self, aggregations: dict[str, Any], *filters: dict[str, Any]) -> dict[str, Any]:
        return aggregated(calls_in(self.start, self.end, *filters), aggregations)


class Active(NamedTuple):
    """A part of the list of those who were active.

    Attributes:
        ids: Their ids.
        roll_ups: Their roll-ups as they were read, by id, where they were listed with these.
        after: What the next part begins behind; None behind the last one.
        estimate: How many there are in all, about, where the answer says so.
    """

    ids: list[str]
    roll_ups: dict[str, Any]
    after: Any
    estimate: int | None


def read_usage(answer: dict[str, Any], read: Read = read_roll_up) -> dict[str, Any]:
    """Read the roll-ups out of the answer to `UsageSearch.of`, by id.

    Args:
        answer: The answer.
        read: Reads a roll-up out of a bucket.

    Raises:
        LookupError: The answer has not the shape of one, or is not all of it.
        TypeError: A value is of another type.
        ValueError: A value is out of range.
    """
    try:
        usage = answer["aggregations"]["usage"]
        missed = (
            answer.get("timed_out"),
            answer.get("_shards", {}).get("failed"),
            usage.get("sum_other_doc_count"),
            usage.get("doc_count_error_upper_bound"),
        )
        if any(missed):
            raise LookupError("Some calls are not counted")
        return {text_of(bucket): read(bucket) for bucket in usage["buckets"]}
    except AttributeError as error:
        raise TypeError("Something in it is no object") from error


def read_active(
    answer: dict[str, Any], read: Read = read_roll_up, *, with_roll_ups: bool
) -> Active:
    """Read the answer to `UsageSearch.active`; raises as `read_usage` does."""
    try:
        aggregations = answer["aggregations"]
        active, estimate = aggregations["active"], aggregations.get("estimate", {}).get("value")
        buckets = [{**bucket, "key": bucket["key"]["id"]} for bucket in active["buckets"]]
        ids = [text_of(bucket) for bucket in buckets]
        roll_ups = {text_of(bucket): read(bucket) for bucket in buckets if with_roll_ups}
        last = active["buckets"][-1]["key"] if buckets else None
        after = active.get("after_key", last) if buckets else None
        return Active(ids, roll_ups, after, None if estimate is None else int(estimate))
    except AttributeError as error:
        raise TypeError("Something in it is no object") from error
