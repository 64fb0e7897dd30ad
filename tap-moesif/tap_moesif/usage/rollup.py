"""The roll-up of API usage: its field, its window, and its value without calls; pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from tap_moesif.records import Field, Kind, utc

WINDOW = timedelta(hours=24)

MAX_ID_UNITS = 256
"""Maximum length of an id that can be searched for: the usual `ignore_above` of a keyword, in
UTF-16 units (engine, "Dynamic mapping")."""

FIGURES = (
    Field("count", Kind.INTEGER, "API calls.", ("count",)),
    Field("errorCount", Kind.INTEGER, "API calls with status 400 or more.", ("errorCount",)),
    Field(
        "statusCounts",
        Kind.OBJECT,
        "API calls by class of status.",
        ("statusCounts",),
        (
            Field("2xx", Kind.INTEGER, "Status 200 to 299.", ("2xx",)),
            Field("3xx", Kind.INTEGER, "Status 300 to 399.", ("3xx",)),
            Field("4xx", Kind.INTEGER, "Status 400 to 499.", ("4xx",)),
            Field("5xx", Kind.INTEGER, "Status 500 or more.", ("5xx",)),
        ),
        open=True,
    ),
    Field("avgDurationMs", Kind.NUMBER, "Mean duration in milliseconds.", ("avgDurationMs",)),
    Field(
        "p90DurationMs",
        Kind.NUMBER,
        "90th percentile of the duration in milliseconds.",
        ("p90DurationMs",),
    ),
)
TOP_ROUTES = Field(
    "topRoutes",
    Kind.OBJECTS,
    "Up to five routes with the most calls, in descending order.",
    ("topRoutes",),
    (
        Field("route", Kind.STRING, "The route.", ("route",)),
        Field("count", Kind.INTEGER, "API calls to it.", ("count",)),
    ),
    open=True,
)
USAGE = Field(
    "last24HourAggResults",
    Kind.OBJECT,
    "Roll-up of the API usage in the 24 hours before the sync.",
    ("last24HourAggResults", "last_24_hour_agg_results"),
    (
        *FIGURES,
        TOP_ROUTES,
        Field("lastEventTime", Kind.TIME, "Time of the last call.", ("lastEventTime",)),
    ),
    open=True,
)


def window(sync_began: datetime, length: timedelta = WINDOW) -> tuple[str, str]:
    """Return the window before the start of a sync, as ISO 8601 in UTC."""
    began = sync_began.astimezone(timezone.utc)
    return utc((began - length).isoformat()), utc(began.isoformat())


def is_searchable(identifier: str) -> bool:
    """Return whether an id can be searched for; otherwise its usage is unknown."""
    return len(identifier.encode("utf-16-le")) // 2 <= MAX_ID_UNITS


def no_usage() -> dict[str, Any]:
    """Return the roll-up of a user or company without API calls."""
    return {
        "count": 0,
        "errorCount": 0,
        "statusCounts": {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0},
        "avgDurationMs": 0,
        "p90DurationMs": 0,
        "topRoutes": [],
        "lastEventTime": None,
    }
