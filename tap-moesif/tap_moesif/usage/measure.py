"""The contents of a roll-up: the engine's aggregations, and how to read them; pure."""

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
"""The engine's limit of buckets in a response (`search.max_buckets`)."""

MAX_IDS = 4_000
"""Maximum number of ids in a query."""

ROUTES_OF_A_SHARD = 1_000
"""Routes that each shard counts for an id. With the engine's default of 17, the top five are wrong
for users who call more routes."""

PRECISION = 40_000
"""Number of ids up to which the engine's cardinality estimate is nearly exact."""

# Filters instead of a range aggregation, which fails if an account's statuses are strings.
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
    """The definition of a roll-up.

    Attributes:
        name: Name of the record's field.
        aggregations: The engine's aggregations for each id.
        read: Reads the roll-up from an id's bucket.
        empty: The roll-up of a user or company without calls.
        buckets: Number of buckets in the response for each id.
    """

    name: str
    aggregations: dict[str, Any]
    read: Callable[[dict[str, Any]], RollUp]
    empty: RollUp
    buckets: int

    @property
    def max_ids(self) -> int:
        """Maximum number of ids in a query."""
        return min(MAX_IDS, MAX_BUCKETS // self.buckets)


LAST_24_HOURS = Measure(
    USAGE.name,
    {**FIGURES, **ROUTES, "last": {"max": {"field": TIME_FIELD}}},
    read_roll_up,
    no_usage(),
    1 + len(CLASSES) + TOP_ROUTES,
)
