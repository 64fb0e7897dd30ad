"""What a roll-up is made of: the engine's aggregations, and how their figures read; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_moesif.usage.reading import (
    CLASSES,
    PERCENT,
    STATUS_FIELD,
    TOP_ROUTES,
    RollUp,
    read_roll_up,
)
from tap_moesif.usage.rollup import USAGE, no_usage

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTE_FIELD = "request.route.raw"
TIME_FIELD = "request.time"
DURATION_FIELD = "duration_ms"

MAX_BUCKETS = 65_535
"""Buckets in an answer that an engine gives (`search.max_buckets`)."""

MAX_IDS = 4_000
"""Ids in one query."""

ROUTES_OF_A_SHARD = 1_000
"""Routes that each shard counts for an id. With the engine's own 17, the top five come out wrong
for users who call more routes than that."""

PRECISION = 40_000
"""Up to so many the engine's estimate of how many different values there are is nearly exact."""

# Filters and not a range aggregation, which is refused where an account's statuses are strings.
_STATUSES = {name: {"range": {STATUS_FIELD: bounds}} for name, bounds in CLASSES.items()}

FIGURES = {
    "status": {"filters": {"filters": _STATUSES}},
    "duration": {"avg": {"field": DURATION_FIELD}},
    "slow": {"percentiles": {"field": DURATION_FIELD, "percents": [PERCENT]}},
}
ROUTES = {
    "routes": {
        "terms": {
            "field": ROUTE_FIELD,
            "size": TOP_ROUTES,
            "shard_size": ROUTES_OF_A_SHARD,
            "order": [{"_count": "desc"}, {"_key": "asc"}],
        }
    },
}


@dataclass(frozen=True, slots=True)
class Measure:
    """What a roll-up is made of.

    Attributes:
        name: The field of a record that holds it.
        aggregations: The engine's, of the calls of each id.
        read: Reads them out of an id's bucket.
        none: The value for a user or company without calls.
        buckets: Buckets that the engine makes for each id.
    """

    name: str
    aggregations: dict[str, Any]
    read: Callable[[dict[str, Any]], RollUp]
    none: RollUp
    buckets: int

    @property
    def most_ids(self) -> int:
        """How many ids one query may be about."""
        return min(MAX_IDS, MAX_BUCKETS // self.buckets)


LAST_24_HOURS = Measure(
    USAGE.name,
    {**FIGURES, **ROUTES, "last": {"max": {"field": TIME_FIELD}}},
    read_roll_up,
    no_usage(),
    1 + len(CLASSES) + TOP_ROUTES,
)
