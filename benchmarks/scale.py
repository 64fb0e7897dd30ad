"""How long a first load takes: the figures of docs/scale.md, from limits and measured rates; pure.

    .venv/bin/python -m benchmarks.scale

A worker reads one window at a time, on two cores: the tap on one, the target on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from benchmarks.contest import table

if TYPE_CHECKING:
    from collections.abc import Sequence

QUERIES_A_MINUTE = 500
"""Moesif, "Management API", "Rate limits"."""

IDS_A_ROLL_UP = 4_000
"""tap-moesif asks for the roll-ups of so many users by one query (the engine's most buckets)."""

SEGMENT_REQUESTS_A_SECOND = 1_000
SEGMENT_EVENTS_A_SECOND = 1_000
"""Segment, "HTTP API Source": "1,000 requests per second per workspace" on one page, "1,000 events
per second" on another."""

BATCH_BYTES = 475_000
BATCH_MESSAGES = 2_500
"""target-segment's, within Segment's 500 KB and 2,500 messages."""

MESSAGE_BYTES = 1_700
TAP_SECONDS_A_USER = 51e-6
TARGET_SECONDS_A_USER = 25e-6
"""`make bench` on two cores: processor time for a user, the roll-up included."""

USERS = (1_000_000, 10_000_000, 100_000_000)
WORKERS = (1, 2, 4, 8, 16)
MOESIF, WAITING = "Moesif's queries", "waiting for Moesif's answers"
PROCESSOR, SEGMENT = "the target's processor", "Segment"


@dataclass(frozen=True, slots=True)
class Load:
    """A first load.

    Attributes:
        page: How many users one query asks for (`page_size`).
        roll_up: Whether usage is rolled up (`usage_rollup`).
        answer: Seconds until Moesif has answered a query.
        segment: Messages a second that Segment takes.
    """

    page: int = 1_000
    roll_up: bool = True
    answer: float = 0.5
    segment: float = SEGMENT_REQUESTS_A_SECOND * min(BATCH_MESSAGES, BATCH_BYTES // MESSAGE_BYTES)

    @property
    def queries(self) -> int:
        """How many queries a page takes."""
        return 1 + (ceil(self.page / IDS_A_ROLL_UP) if self.roll_up else 0)

    @property
    def reading(self) -> float:
        """Users a second that one tap reads: it waits for the answers, then makes records."""
        return self.page / (self.queries * self.answer + self.page * TAP_SECONDS_A_USER)

    @property
    def moesif(self) -> float:
        """Users a second that Moesif's limit lets through, to all workers together."""
        return QUERIES_A_MINUTE / 60 * self.page / self.queries

    def bounds(self, workers: int) -> dict[str, float]:
        """Users a second that each of the things allows, none of which is exceeded."""
        return {
            WAITING: workers * self.reading,
            PROCESSOR: workers / TARGET_SECONDS_A_USER,
            MOESIF: self.moesif,
            SEGMENT: self.segment,
        }

    def rate(self, workers: int) -> float:
        """Users a second."""
        return min(self.bounds(workers).values())

    def bound(self, workers: int) -> str:
        """Say which of the things it is."""
        bounds = self.bounds(workers)
        return min(bounds, key=bounds.__getitem__)

    @property
    def enough(self) -> int:
        """The workers beyond which no more help."""
        workers = 1
        while self.rate(workers) < self.rate(workers + 1):
            workers += 1
        return workers


SLOW, FAST = 2.0, 0.05
EXAMPLES: Sequence[Load] = (
    Load(answer=FAST),
    Load(),
    Load(answer=SLOW),
    Load(roll_up=False),
    Load(page=10_000, answer=SLOW),
    Load(page=10_000, roll_up=False, answer=SLOW),
    Load(segment=SEGMENT_EVENTS_A_SECOND),
)


def duration(seconds: float) -> str:
    """Write a duration as people say it."""
    if seconds < 90 * 60:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"


def by_workers() -> str:
    """Write the table of a load on defaults, for numbers of workers."""
    load = Load()
    rows = [
        (
            str(workers),
            f"{load.rate(workers):,.0f}",
            *(duration(users / load.rate(workers)) for users in USERS),
            load.bound(workers),
        )
        for workers in WORKERS
    ]
    return table(("workers", "users/s", *(f"{users:,}" for users in USERS), "bound by"), rows)


def by_load() -> str:
    """Write the table of loads, each with as many workers as help."""
    columns = (
        "`page_size`, roll-up, answers after",
        "one worker, users/s",
        "workers that help",
        "users/s then",
        *(f"{users:,}" for users in USERS),
        "bound by",
    )
    return table(columns, [_load_row(load) for load in EXAMPLES])


def _load_row(load: Load) -> tuple[str, ...]:
    name = f"{load.page:,}, {'with' if load.roll_up else 'without'}, {load.answer:g} s"
    if load.segment == SEGMENT_EVENTS_A_SECOND:
        name += ", Segment's stricter limit"
    rate = load.rate(load.enough)
    return (
        name,
        f"{load.rate(1):,.0f}",
        str(load.enough),
        f"{rate:,.0f}",
        *(duration(users / rate) for users in USERS),
        load.bound(load.enough),
    )


if __name__ == "__main__":
    print(f"{by_workers()}\n\n{by_load()}")
