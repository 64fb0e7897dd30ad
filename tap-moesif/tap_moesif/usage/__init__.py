"""The roll-up of the last 24 hours of API usage."""

from tap_moesif.usage.rollup import USAGE, WINDOW, no_usage, window
from tap_moesif.usage.rollups import RollUps, is_missing
from tap_moesif.usage.search import EVENTS_PATH, UsageSearch

__all__ = [
    "EVENTS_PATH",
    "EVENTS_SCOPE",
    "USAGE",
    "WINDOW",
    "RollUps",
    "UsageSearch",
    "is_missing",
    "no_usage",
    "window",
]

EVENTS_SCOPE = "read:events"
