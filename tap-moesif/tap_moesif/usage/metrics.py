"""The metrics of usage traits: the engine's aggregation, and how to read its value; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_moesif.records import Kind, utc
from tap_moesif.usage.measure import DURATION_FIELD, ROUTE_FIELD, TIME_FIELD
from tap_moesif.usage.reading import STATUS_FIELD, count_of, milliseconds, percentile

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT_ROUTES = 500
"""Number of routes per user up to which counts are nearly exact. The engine allocates 8 bytes for
each of them, for each id of a query on each shard (engine, "Cardinality aggregation"); with the
maximum of 40,000, Elasticsearch 6.8 ran out of memory and exited."""


class Metric(NamedTuple):
    """A metric of API calls.

    Attributes:
        kind: Type of the value.
        description: Description, for the catalog.
        aggregation: The engine's aggregation; empty for the number of calls.
        read: Reads the value from the bucket of the calls.
        empty: The value without calls.
    """

    kind: Kind
    description: str
    aggregation: dict[str, Any]
    read: Callable[[dict[str, Any]], Any]
    empty: Any = 0


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
        "Number of distinct routes called",
        {"cardinality": {"field": ROUTE_FIELD, "precision_threshold": EXACT_ROUTES}},
        lambda bucket: int(bucket["value"]["value"]),
    ),
    "firstEventTime": Metric(
        Kind.TIME, "Time of the first API call", {"min": {"field": TIME_FIELD}}, _time, None
    ),
    "lastEventTime": Metric(
        Kind.TIME, "Time of the last API call", {"max": {"field": TIME_FIELD}}, _time, None
    ),
}

_PERCENTILE = re.compile(r"p([1-9]\d?(?:\.\d{1,2})?)DurationMs", re.ASCII).fullmatch

NAMES = f"{', '.join(METRICS)}, or a percentile such as p95DurationMs"


def metric(name: str) -> Metric:
    """Return a metric by name.

    Raises:
        LookupError: There is no such metric.
    """
    if match := _PERCENTILE(name):
        percent = float(match[1])
        return Metric(
            Kind.NUMBER,
            f"Percentile {match[1]} of the duration of API calls in milliseconds",
            {"percentiles": {"field": DURATION_FIELD, "percents": [percent]}},
            lambda bucket: milliseconds(percentile(bucket["value"]["values"], percent)),
        )
    return METRICS[name]
