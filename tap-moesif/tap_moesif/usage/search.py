"""The searches for the usage of users or companies, and how their answers read; pure.

Custom actions are no API calls and do not count. The times are absolute, because relative ones
are aligned to calendar days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_moesif.records import utc

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS_PATH = "/search/~/search/events"
TOP_ROUTES = 5
PERCENT = 90
MAX_IDS = 4_000
"""Ids in one query: with 10 buckets each, within the engine's 65,535 (`search.max_buckets`)."""

ROUTES_OF_A_SHARD = 1_000
"""Routes that each shard counts for an id. With the engine's own 17, the top five come out wrong
for whoever calls more routes than that."""

PRECISION = 40_000
"""Up to so many the engine's estimate of how many ids there are is nearly exact."""

# Filters and not a range aggregation, which is refused where an account's statuses are strings.
_STATUSES = {
    name: {"range": {"response.status": bounds}}
    for name, bounds in {
        "2xx": {"gte": 200, "lt": 300},
        "3xx": {"gte": 300, "lt": 400},
        "4xx": {"gte": 400, "lt": 500},
        "5xx": {"gte": 500},
    }.items()
}


_ROLL_UP = {
    "status": {"filters": {"filters": _STATUSES}},
    "duration": {"avg": {"field": "duration_ms"}},
    "slow": {"percentiles": {"field": "duration_ms", "percents": [PERCENT]}},
    "routes": {
        "terms": {
            "field": "request.route.raw",
            "size": TOP_ROUTES,
            "shard_size": ROUTES_OF_A_SHARD,
            "order": [{"_count": "desc"}, {"_key": "asc"}],
        }
    },
    "last": {"max": {"field": "request.time"}},
}


@dataclass(frozen=True, slots=True)
class UsageSearch:
    """The searches for the usage of users or of companies in some time.

    Attributes:
        field: The field that holds their id in an event: `user_id` or `company_id`.
        start: Start of the window, ISO 8601, inclusive.
        end: Its end, exclusive.
    """

    field: str
    start: str
    end: str

    def of(self, ids: Sequence[str]) -> dict[str, Any]:
        """Write the search for the roll-ups of some, `MAX_IDS` at most."""
        # Events that name several ids must not bring others' buckets.
        terms = {"field": self._exact, "size": len(ids), "include": list(ids)}
        return self._body(
            {"usage": {"terms": terms, "aggs": _ROLL_UP}}, {"terms": {self._exact: list(ids)}}
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
        listed = {"composite": composite, **({"aggs": _ROLL_UP} if with_roll_ups else {})}
        estimate = {"cardinality": {"field": self._exact, "precision_threshold": PRECISION}}
        return self._body({"active": listed, **({} if after else {"estimate": estimate})})

    @property
    def _exact(self) -> str:
        return f"{self.field}.raw"

    def _body(self, aggregations: dict[str, Any], *filters: dict[str, Any]) -> dict[str, Any]:
        time = {"gte": self.start, "lt": self.end, "format": "strict_date_optional_time"}
        return {
            "size": 0,
            "query": {
                "bool": {
                    "filter": [*filters, {"range": {"request.time": time}}],
                    "must_not": [{"term": {"event_type": "user_action"}}],
                }
            },
            "aggs": aggregations,
        }


RollUp = dict[str, Any]


class Active(NamedTuple):
    """A part of the list of those who were active.

    Attributes:
        ids: Their ids.
        roll_ups: Their roll-ups, by id, where they were listed with these.
        after: What the next part begins behind; None behind the last one.
        estimate: How many there are in all, about, where the answer says so.
    """

    ids: list[str]
    roll_ups: dict[str, RollUp]
    after: Any
    estimate: int | None


def read_usage(answer: dict[str, Any]) -> dict[str, RollUp]:
    """Read the roll-ups out of the answer to `UsageSearch.of`, by id.

    Raises:
        LookupError: The answer has not the shape of one, or is not all of it.
        TypeError: Likewise.
        ValueError: Likewise.
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
        return {_key(bucket): _roll_up(bucket) for bucket in usage["buckets"]}
    except AttributeError as error:
        raise TypeError("Something in it is no object") from error


def read_active(answer: dict[str, Any], *, with_roll_ups: bool) -> Active:
    """Read the answer to `UsageSearch.active`; raises as `read_usage` does."""
    try:
        aggregations = answer["aggregations"]
        active, estimate = aggregations["active"], aggregations.get("estimate", {}).get("value")
        buckets = [{**bucket, "key": bucket["key"]["id"]} for bucket in active["buckets"]]
        ids = [_key(bucket) for bucket in buckets]
        roll_ups = {_key(bucket): _roll_up(bucket) for bucket in buckets if with_roll_ups}
        last = active["buckets"][-1]["key"] if buckets else None
        after = active.get("after_key", last) if buckets else None
        return Active(ids, roll_ups, after, None if estimate is None else int(estimate))
    except AttributeError as error:
        raise TypeError("Something in it is no object") from error


def _roll_up(bucket: dict[str, Any]) -> dict[str, Any]:
    statuses = _counts(bucket["status"]["buckets"])
    routes = [
        {"route": _key(route), "count": _count(route)} for route in bucket["routes"]["buckets"]
    ]
    last = bucket["last"]["value"]
    return {
        "count": _count(bucket),
        "errorCount": statuses["4xx"] + statuses["5xx"],
        "statusCounts": {name: statuses[name] for name in _STATUSES},
        "avgDurationMs": _milliseconds(bucket["duration"]["value"]),
        "p90DurationMs": _milliseconds(_percentile(bucket["slow"]["values"])),
        "topRoutes": sorted(routes, key=lambda route: (-route["count"], route["route"])),
        "lastEventTime": None if last is None else utc(last),
    }


def _key(bucket: dict[str, Any]) -> str:
    key = bucket.get("key_as_string", bucket["key"])
    return str(int(key) if isinstance(key, float) and key.is_integer() else key)


def _count(bucket: dict[str, Any]) -> int:
    count = bucket["doc_count"]
    if type(count) is not int:
        raise TypeError("A count is a whole number")
    return count


def _counts(buckets: dict[str, Any] | list[Any]) -> dict[str, int]:
    """Read buckets that are named by their keys, or by keys inside of them."""
    if isinstance(buckets, list):
        return {bucket["key"]: _count(bucket) for bucket in buckets}
    return {name: _count(bucket) for name, bucket in buckets.items()}


def _percentile(values: dict[str, Any] | list[Any]) -> Any:  # noqa: ANN401, a number or none
    """Read the one percentile that was asked for, by its key or from a list."""
    if isinstance(values, dict):
        values = [{"key": key, "value": value} for key, value in values.items()]
    numbers = [value for value in values if not str(value["key"]).endswith("_as_string")]
    return {float(number["key"]): number["value"] for number in numbers}[PERCENT]


def _milliseconds(value: float | str | None) -> float:
    if value is None or value == "NaN":  # older engines' word for the percentile of nothing
        return 0
    number = round(float(value), 1)
    if not math.isfinite(number):
        raise ValueError("A duration is a number")
    return number
