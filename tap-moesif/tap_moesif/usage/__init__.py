"""API usage: rolled up for each user or company, and by hour or day."""

from tap_moesif.usage.rollup import USAGE, WINDOW, no_usage, window
from tap_moesif.usage.rollups import RollUps, is_missing
from tap_moesif.usage.search import EVENTS_BEGAN, EVENTS_PATH, UsageSearch, clock

__all__ = [
    "EVENTS_BEGAN",
    "EVENTS_PATH",
    "EVENTS_SCOPE",
    "USAGE",
    "WINDOW",
    "RollUps",
    "UsageSearch",
    "clock",
    "is_missing",
    "no_usage",
    "window",
]

EVENTS_SCOPE = "read:events"
