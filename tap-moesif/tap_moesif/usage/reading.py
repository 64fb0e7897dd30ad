"""Reading of a bucket's figures from the engine's response; pure.

Each function raises LookupError, TypeError or ValueError if the response is not in the expected
form.
"""

from __future__ import annotations

import math
from typing import Any

from tap_moesif.records import utc

PERCENT = 90
TOP_ROUTES = 5
STATUS_FIELD = "response.status"
CLASSES = {
    "2xx": {"gte": 200, "lt": 300},
    "3xx": {"gte": 300, "lt": 400},
    "4xx": {"gte": 400, "lt": 500},
    "5xx": {"gte": 500},
}
"""Status classes and their bounds."""

Bucket = dict[str, Any]
RollUp = dict[str, Any]


def read_roll_up(bucket: Bucket) -> RollUp:
    """Read a roll-up from a bucket's sub-aggregations."""
    last = bucket["last"]["value"]
    return {
        **read_figures(bucket),
        "topRoutes": read_routes(bucket),
        "lastEventTime": None if last is None else utc(last),
    }


def read_figures(bucket: Bucket) -> RollUp:
    """Read the number of calls, also by status class, and their durations."""
    statuses = _counts(bucket["status"]["buckets"])
    return {
        "count": count_of(bucket),
        "errorCount": statuses["4xx"] + statuses["5xx"],
        "statusCounts": {name: statuses[name] for name in CLASSES},
        "avgDurationMs": milliseconds(bucket["duration"]["value"]),
        "p90DurationMs": milliseconds(percentile(bucket["slow"]["values"], PERCENT)),
    }


def read_routes(bucket: Bucket) -> list[dict[str, Any]]:
    """Read the routes with the most calls, in descending order."""
    routes = [
        {"route": text_of(route), "count": count_of(route)} for route in bucket["routes"]["buckets"]
    ]
    return sorted(routes, key=lambda route: (-route["count"], route["route"]))


def text_of(bucket: Bucket) -> str:
    """Read the key of a bucket as a string."""
    key = bucket.get("key_as_string", bucket["key"])
    return str(int(key) if isinstance(key, float) and key.is_integer() else key)


def count_of(bucket: Bucket) -> int:
    """Read the number of documents in a bucket."""
    count = bucket["doc_count"]
    if type(count) is not int:
        raise TypeError("the count is not an integer")
    return count


def percentile(values: dict[str, Any] | list[Any], percent: float) -> Any:  # noqa: ANN401, a number or none
    """Read a percentile from an object or a list."""
    if isinstance(values, dict):
        values = [{"key": key, "value": value} for key, value in values.items()]
    numbers = [value for value in values if not str(value["key"]).endswith("_as_string")]
    return {float(number["key"]): number["value"] for number in numbers}[percent]


def milliseconds(value: float | str | None) -> float:
    """Read a duration; return 0 if there is none."""
    if value is None or value == "NaN":  # from older engines
        return 0
    number = round(float(value), 1)
    if not math.isfinite(number):
        raise ValueError("the duration is not finite")
    return number


def _counts(buckets: dict[str, Any] | list[Any]) -> dict[str, int]:
    """Read the counts of an object or a list of buckets, by key."""
    if isinstance(buckets, list):
        return {bucket["key"]: count_of(bucket) for bucket in buckets}
    return {name: count_of(bucket) for name, bucket in buckets.items()}
