"""The search for the usage of some users or companies, and how its answer reads; pure.

Custom actions are no API calls and do not count. The times are absolute, because relative ones
are aligned to calendar days.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

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


def usage_search(field: str, ids: Sequence[str], start: str, end: str) -> dict[str, Any]:
    """Write the search for the usage of some users or companies.

    Args:
        field: That holds the id in an event: `user_id` or `company_id`.
        ids: At most `MAX_IDS`.
        start: ISO 8601, inclusive.
        end: ISO 8601, exclusive.
    """
    exact = f"{field}.raw"
    time = {"gte": start, "lt": end, "format": "strict_date_optional_time"}
    return {
        "size": 0,
        "query": {
            "bool": {
                "filter": [{"terms": {exact: list(ids)}}, {"range": {"request.time": time}}],
                "must_not": [{"term": {"event_type": "user_action"}}],
            }
        },
        "aggs": {
            "usage": {
                # Events that name several ids must not bring others' buckets.
                "terms": {"field": exact, "size": len(ids), "include": list(ids)},
                "aggs": {
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
                },
            }
        },
    }


def read_usage(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Read the roll-ups out of the answer to a `usage_search`, by id.

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
