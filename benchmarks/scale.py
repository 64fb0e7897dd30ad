"""The duration of a first load, for docs/scale.md, from limits and measured rates; pure.

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

SEGMENT_REQUESTS_A_SECOND = 1_000
SEGMENT_EVENTS_A_SECOND = 1_000
"""Segment, "HTTP API Source": "1,000 requests per second per workspace" on one page, "1,000 events
per second" on another."""

USER_BYTES = 1_750
PAGE_BYTES = 16 << 20
MAX_PAGE_SIZE = 10_000
PAGE_USERS = min(MAX_PAGE_SIZE, PAGE_BYTES // USER_BYTES)
"""Users in a page of tap-moesif at its full size, with 1.7 KB each."""

LISTED = 4_000
HELD = 20_000
IDS_LISTED = 10_000
"""tap-moesif lists active users with roll-ups up to a number in memory, then by id only."""

BATCH_BYTES = 475_000
BATCH_MESSAGES = 2_500
"""target-segment's, within Segment's 500 KB and 2,500 messages."""

MESSAGE_BYTES = 1_700
TAP_RECEIVING_SECONDS = 8e-6
TAP_MAKING_SECONDS = 43e-6
"""Processor time for a user, to receive it and to make its record: what `make bench` has measured
on two cores, 51 µs, the roll-up included."""

USERS = (1_000_000, 10_000_000, 100_000_000)
ANSWERS = (0.1, 0.5, 2.0)
WORKERS = (1, 2, 4, 8, 16)
MOESIF, WAITING = "Moesif's queries", "waiting for Moesif's answers"
TAP, SEGMENT = "the tap's processor", "Segment"


@dataclass(frozen=True, slots=True)
class Load:
    """A first load.

    Attributes:
        users: Number of users.
        answer: Moesif's response time, in seconds.
        workers: Number of machines that share the load, in windows.
        active: Share of users active within a day.
        roll_up: Whether usage is rolled up (`usage_rollup`).
        segment: Segment's limit of messages per second.
    """

    users: int
    answer: float = 0.5
    workers: int = 1
    active: float = 0.02
    roll_up: bool = True
    segment: float = SEGMENT_REQUESTS_A_SECOND * min(BATCH_MESSAGES, BATCH_BYTES // MESSAGE_BYTES)

    @property
    def pages(self) -> int:
        """Pages of one worker."""
        return ceil(self.users / self.workers / PAGE_USERS)

    @property
    def lists(self) -> int:
        """Queries of one worker to list active users, in any window."""
        if not self.roll_up:
            return 0
        active, listed, queries = self.users * self.active, 0, 0
        while listed < active:
            listed += LISTED if listed < HELD else IDS_LISTED
            queries += 1
        return queries

    @property
    def asks(self) -> bool:
        """Whether roll-ups are queried for each page, because they do not fit into memory."""
        return self.roll_up and self.users * self.active > HELD

    @property
    def queries(self) -> int:
        """Queries of all workers."""
        return self.workers * (self.pages * (2 if self.asks else 1) + self.lists)

    @property
    def page_seconds(self) -> float:
        """Seconds from one page to the next.

        A page is requested when the previous one is used, and its usage when it has arrived.
        Meanwhile the previous page is converted to records. So with usage queries, two pages take
        one such wait and one conversion; otherwise one page takes the longer of the two.
        """
        making = PAGE_USERS * TAP_MAKING_SECONDS
        received = self.answer + PAGE_USERS * TAP_RECEIVING_SECONDS
        if not self.asks:
            return max(received, making)
        asked = received + self.answer
        return max(received, making, (asked + making) / 2)

    @property
    def bounds(self) -> dict[str, float]:
        """Seconds that each step takes."""
        working = self.users / self.workers * (TAP_RECEIVING_SECONDS + TAP_MAKING_SECONDS)
        return {
            WAITING: self.pages * self.page_seconds + self.lists * self.answer,
            TAP: working,
            MOESIF: self.queries / QUERIES_A_MINUTE * 60,
            SEGMENT: self.users / self.segment,
        }

    @property
    def seconds(self) -> float:
        """Total duration in seconds."""
        return max(self.bounds.values())

    @property
    def bound(self) -> str:
        """Return the slowest step."""
        bounds = self.bounds
        return max(bounds, key=bounds.__getitem__)


def duration(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 90 * 60:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"


def by_answer() -> str:
    """Return the table for one worker with defaults, by Moesif's response time."""
    rows = [
        (f"{answer:g} s", *_durations([Load(users, answer) for users in USERS]))
        for answer in ANSWERS
    ]
    columns = ("answers after", *(f"{users:,} users" for users in USERS), "the last is bound by")
    return table(columns, rows)


def by_workers() -> str:
    """Return the table for several workers with defaults."""
    rows = [
        (str(workers), *_durations([Load(users, workers=workers) for users in USERS]))
        for workers in WORKERS
    ]
    columns = ("workers", *(f"{users:,} users" for users in USERS), "the last is bound by")
    return table(columns, rows)


def _durations(loads: Sequence[Load]) -> list[str]:
    return [*(duration(load.seconds) for load in loads), loads[-1].bound]


if __name__ == "__main__":
    print(f"{by_answer()}\n\n{by_workers()}")
