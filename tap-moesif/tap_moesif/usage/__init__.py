"""API usage: roll-ups for each user or company, and figures by hour or day."""

from tap_moesif.usage.measure import LAST_24_HOURS, Measure
from tap_moesif.usage.rollup import USAGE, WINDOW, no_usage, window
from tap_moesif.usage.rollups import RollUps
from tap_moesif.usage.search import EVENTS_BEGAN, EVENTS_PATH, UsageSearch, clock
from tap_moesif.usage.traits import NAME as TRAITS
from tap_moesif.usage.traits import Trait, read_traits, traits_field, traits_measure

__all__ = [
    "EVENTS_BEGAN",
    "EVENTS_PATH",
    "EVENTS_SCOPE",
    "LAST_24_HOURS",
    "TRAITS",
    "USAGE",
    "WINDOW",
    "Measure",
    "RollUps",
    "Trait",
    "UsageSearch",
    "clock",
    "no_usage",
    "read_traits",
    "traits_field",
    "traits_measure",
    "window",
]

EVENTS_SCOPE = "read:events"
