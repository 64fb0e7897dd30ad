"""The 24-hour roll-up of API usage: one query for a whole page of users or companies; pure.

Custom actions are no API calls and do not count. The times are absolute, because relative ones
are aligned to calendar days.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS_PATH = "/search/~/search/events"
EVENTS_SCOPE = "read:events"
WINDOW = timedelta(hours=24)
TOP_ROUTES = 5
MAX_IDS = 4_000
"""Ids in one query: with up to 15 buckets each, within the engine's 65,536 buckets."""

_STATUSES = [
    *(
        {"key": f"{digit}xx", "from": digit * 100, "to": digit * 100 + 100}
        for digit in (2, 3, 4, 5)
    ),
    {"key": "error", "from": 400},
]


def window(sync_began: datetime) -> tuple[str, str]:
    """Give the 24 hours before a sync began, as ISO 8601 in UTC."""
    began = sync_began.astimezone(timezone.utc)
    return utc((began - WINDOW).isoformat()), utc(began.isoformat())


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
                "terms": {"field": exact, "size": len(ids)},
                "aggs": {
                    "status": {"range": {"field": "response.status", "ranges": _STATUSES}},
                    "duration": {"avg": {"field": "duration_ms"}},
                    "slow": {"percentiles": {"field": "duration_ms", "percents": [90]}},
                    "routes": {"terms": {"field": "request.route.raw", "size": TOP_ROUTES}},
                    "last": {"max": {"field": "request.time"}},
                },
            }
        },
    }


def read_usage(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Read the roll-ups out of the answer to a `usage_search`, by id.

    Raises:
        LookupError: The answer has not the shape of one.
        TypeError: Likewise.
        ValueError: Likewise.
    """
    return {
        str(bucket["key"]): _roll_up(bucket)
        for bucket in answer["aggregations"]["usage"]["buckets"]
    }


def no_usage() -> dict[str, Any]:
    """The roll-up of somebody who made no call."""
    return {
        "count": 0,
        "errorCount": 0,
        "statusCounts": {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0},
        "avgDurationMs": 0,
        "p90DurationMs": 0,
        "topRoutes": [],
        "lastEventTime": None,
    }


def _roll_up(bucket: dict[str, Any]) -> dict[str, Any]:
    statuses = {status["key"]: status["doc_count"] for status in bucket["status"]["buckets"]}
    errors = statuses.pop("error")
    last = bucket["last"]["value"]
    return {
        "count": bucket["doc_count"],
        "errorCount": errors,
        "statusCounts": statuses,
        "avgDurationMs": _milliseconds(bucket["duration"]["value"]),
        "p90DurationMs": _milliseconds(bucket["slow"]["values"]["90.0"]),
        "topRoutes": [
            {"route": route["key"], "count": route["doc_count"]}
            for route in bucket["routes"]["buckets"]
        ],
        "lastEventTime": None if last is None else utc(last),
    }


def _milliseconds(value: float | str | None) -> float:
    if value is None or value == "NaN":  # older engines' word for the percentile of nothing
        return 0
    return round(float(value), 1)
