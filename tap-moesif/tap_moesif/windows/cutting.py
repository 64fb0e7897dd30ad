"""Splits a time range into windows with about equally many users; pure.

One query counts the users of many ranges. A range is split and counted again only if a boundary
between windows falls into it and it has too many users. So a few queries are enough for any
distribution. Users modified in the same millisecond stay together.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Count = Callable[[Sequence[tuple[int, int]]], Sequence[int]]

MAX_WINDOWS = 100
RANGES_PER_QUERY = 64
"""Ranges to count in one query; or two for each range to split, if that is more."""

CLOSE_ENOUGH = 0.05
"""Tolerance for the number of users of a window, as a share of it."""


class TimeRange(NamedTuple):
    """A half-open time range, in milliseconds since the epoch, and its number of users."""

    start: int
    end: int
    users: int


def cut(whole: TimeRange, windows: int, count: Count, before: int = 0) -> list[tuple[int, int]]:
    """Split a range into windows with about equally many users.

    Args:
        whole: The range.
        windows: Number of windows; there may be fewer if too many users share a time.
        count: Counts the users of ranges.
        before: Number of users without a time, who belong to the first window.

    Returns:
        The start of each window but the first, and the number of users before it.
    """
    total = before + whole.users
    wanted = [total * number / windows for number in range(1, windows)]
    ranges = [whole]
    while rough := _rough(ranges, wanted, before, CLOSE_ENOUGH * total / windows):
        pieces = [*_pieces(rough, max(2, RANGES_PER_QUERY // len(rough)))]
        counted = [
            TimeRange(*piece, users) for piece, users in zip(pieces, count(pieces), strict=True)
        ]
        ranges = sorted({*ranges} - {*rough} | {*counted})
    edges = [*zip(_users_before(ranges, before), (s.start for s in ranges), strict=False)]
    nearest = {min(edges, key=lambda edge: abs(edge[0] - users)) for users in wanted}
    return sorted((start, users) for users, start in nearest if 0 < users < total)


def _users_before(ranges: Sequence[TimeRange], before: int) -> list[int]:
    """Return the number of users before each range, and then of all."""
    return [*accumulate((s.users for s in ranges), initial=before)]


def _rough(
    ranges: Sequence[TimeRange], wanted: Sequence[float], before: int, enough: float
) -> list[TimeRange]:
    """Return the ranges to split and count again."""
    return [
        part
        for part, (low, high) in zip(ranges, pairwise(_users_before(ranges, before)), strict=True)
        if high - low > enough and part.end - part.start > 1
        if any(low < users < high for users in wanted)
    ]


def _pieces(ranges: Iterable[TimeRange], parts: int) -> Iterable[tuple[int, int]]:
    for start, end, _ in ranges:
        width = end - start
        yield from pairwise(sorted({start + width * part // parts for part in range(parts + 1)}))
