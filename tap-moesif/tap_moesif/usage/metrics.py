"""What can be made of API calls: the engine's aggregation, and how its value reads; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_moesif.records import Kind, utc
from tap_moesif.usage.measure import DURATION_FIELD, ROUTE_FIELD, TIME_FIELD
from tap_moesif.usage.reading import STATUS_FIELD, count_of, milliseconds, percentile

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT_ROUTES = 500
"""Up to this many routes of a user are counted nearly exactly. An engine takes 8 bytes for each of
these, for each id of a query on each shard (engine, "Cardinality aggregation"): with 40,000 of
them, its most, Elasticsearch 6.8 ran out of memory and ended."""


class Metric(NamedTuple):
    """What is made of calls.

    Attributes:
        kind: Of the value.
        description: What it is.
        aggregation: The engine's, of a bucket of these calls; empty for their number.
        read: Reads the value out of the bucket.
        none: The value where there is no call.
    """

    kind: Kind
    description: str
    aggregation: dict[str, Any]
    read: Callable[[dict[str, Any]], Any]
    none: Any = 0


def _time(bucket: dict[str, Any]) -> str | None:
    found = bucket["value"]["value"]
    return None if found is None else utc(found)


METRICS = {
    "count": Metric(Kind.INTEGER, "API calls", {}, count_of),
    "errorCount": Metric(
        Kind.INTEGER,
        "API calls with status 400 or more",
        {"filter": {"range": {STATUS_FIELD: {"gte": 400}}}},
        lambda bucket: count_of(bucket["value"]),
    ),
    "avgDurationMs": Metric(
        Kind.NUMBER,
        "Mean duration of API calls in milliseconds",
        {"avg": {"field": DURATION_FIELD}},
        lambda bucket: milliseconds(bucket["value"]["value"]),
    ),
    "distinctRoutes": Metric(
        Kind.INTEGER,
        "Number of routes that were called",
        {"cardinality": {"field": ROUTE_FIELD, "precision_threshold": EXACT_ROUTES}},
        lambda bucket: int(bucket["value"]["value"]),
    ),
    "firstEventTime": Metric(
        Kind.TIME, "When the first API call was made", {"min": {"field": TIME_FIELD}}, _time, None
    ),
    "lastEventTime": Metric(
        Kind.TIME, "When the last API call was made", {"max": {"field": TIME_FIELD}}, _time, None
    ),
}

_PERCENTILE = re.compile(r"p([1-9]\d?(?:\.\d{1,2})?)DurationMs", re.ASCII).fullmatch

NAMES = f"{', '.join(METRICS)}, or a percentile such as p95DurationMs"


def metric(name: str) -> Metric:
    """Return the metric of a name.

    Raises:
        LookupError: There is none.
    """
    if match := _PERCENTILE(name):
        percent = float(match[1])
        return Metric(
            Kind.NUMBER,
            f"Duration in milliseconds that {match[1]} % of API calls stay below",
            {"percentiles": {"field": DURATION_FIELD, "percents": [percent]}},
            lambda bucket: milliseconds(percentile(bucket["value"]["values"], percent)),
        )
    return METRICS[name]
