"""Queries for the usage of users or companies, and parsing of their responses; pure.

Custom actions are not API calls and are not counted. Times are absolute, because relative ones are
aligned to calendar days.
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
"""A start for searches of events, which need one; Moesif did not exist before."""


def clock(required: RequiredScope) -> Request:
    """Return a cheap request, whose response has the time of Moesif's clock."""
    return Request(EVENTS_PATH, required, params={"from": "-1h", "to": "now"}, body={"size": 0})


def checked(
    response: dict[str, Any], read: Callable[[dict[str, Any]], T], required: RequiredScope
) -> T:
    """Read the response to a query for usage.

    Args:
        response: The JSON of the response.
        read: Reads it; raises what `read_usage` raises.
        required: The scope of the query.

    Raises:
        NoUsageError: It is not in the expected form.
    """
    try:
        return read(response)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NoUsageError(remedy=required.remedy) from error


def calls_in(start: str, end: str, *filters: Query) -> Query:
    """Match API calls in a half-open time range that match all filters."""
    time = {"gte": start, "lt": end, "format": "strict_date_optional_time"}
    return {
        "bool": {
            "filter": [*filters, {"range": {TIME_FIELD: time}}],
            "must_not": [{"term": {"event_type": "user_action"}}],
        }
    }


def aggregated(query: Query, aggregations: dict[str, Any]) -> dict[str, Any]:
    """Return a search with aggregations and without hits."""
    return {"size": 0, "query": query, "aggs": aggregations}


@dataclass(frozen=True, slots=True)
class UsageSearch:
    """Queries for the usage of users or companies in a window.

    Attributes:
        field: The field of an event with the id: `user_id` or `company_id`.
        start: Start of the window, ISO 8601, inclusive.
        end: End of the window, exclusive.
        measure: The definition of the roll-up.
    """

    field: str
    start: str
    end: str
    measure: Measure = LAST_24_HOURS

    def by_ids(self, ids: Sequence[str]) -> dict[str, Any]:
        """Return the query for the roll-ups of at most `Measure.max_ids` ids."""
        # `include` excludes the other ids of events with several.
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
        """Return the query for a part of the list of active ids, in order.

        Args:
            size: Number of ids.
            after: The cursor of the previous part; None for the start.
            with_roll_ups: Whether to include the roll-ups.
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
    """A part of the list of active ids.

    Attributes:
        ids: The ids.
        roll_ups: Their roll-ups by id, if included.
        after: The cursor for the next part; None after the last one.
        estimate: Estimated number of all active ids, if the response has it.
    """

    ids: list[str]
    roll_ups: dict[str, Any]
    after: Any
    estimate: int | None


def read_usage(response: dict[str, Any], read: Read = read_roll_up) -> dict[str, Any]:
    """Read the response to `UsageSearch.by_ids`.

    Args:
        response: The JSON of the response.
        read: Reads a roll-up from a bucket.

    Returns:
        The roll-ups by id.

    Raises:
        LookupError: A part of the response is missing, or calls are not counted.
        TypeError: A value has an unexpected type.
        ValueError: A value is out of range.
    """
    try:
        usage = response["aggregations"]["usage"]
        missed = (
            response.get("timed_out"),
            response.get("_shards", {}).get("failed"),
            usage.get("sum_other_doc_count"),
            usage.get("doc_count_error_upper_bound"),
        )
        if any(missed):
            raise LookupError("some calls are not counted")
        return {text_of(bucket): read(bucket) for bucket in usage["buckets"]}
    except AttributeError as error:
        raise TypeError("not an object") from error


def read_active(
    response: dict[str, Any], read: Read = read_roll_up, *, with_roll_ups: bool
) -> Active:
    """Read the response to `UsageSearch.active`; raises what `read_usage` raises."""
    try:
        aggregations = response["aggregations"]
        active, estimate = aggregations["active"], aggregations.get("estimate", {}).get("value")
        buckets = [{**bucket, "key": bucket["key"]["id"]} for bucket in active["buckets"]]
        ids = [text_of(bucket) for bucket in buckets]
        roll_ups = {text_of(bucket): read(bucket) for bucket in buckets if with_roll_ups}
        last = active["buckets"][-1]["key"] if buckets else None
        after = active.get("after_key", last) if buckets else None
        return Active(ids, roll_ups, after, None if estimate is None else int(estimate))
    except AttributeError as error:
        raise TypeError("not an object") from error
