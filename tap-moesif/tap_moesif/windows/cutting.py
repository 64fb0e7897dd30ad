"""Cuts a time into windows with about equally many users in each; pure.

Users are counted for many ranges by one query. Only a range that a cut falls into, and that
holds too many users to be cut at its ends, is counted again in smaller pieces. So a few queries do,
however unevenly the users lie; those who were modified in the same millisecond stay together.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Count = Callable[[Sequence[tuple[int, int]]], Sequence[int]]

MAX_WINDOWS = 100
COUNTED_AT_ONCE = 64
"""TimeRangees that one query counts, and no more than two for each cut where these are more."""

CLOSE_ENOUGH = 0.05
"""Of a window's users, how many it may have too many or too few."""


class TimeRange(NamedTuple):
    """A half-open time range, in milliseconds since the epoch, and its users."""

    start: int
    end: int
    users: int


def cut(whole: TimeRange, windows: int, count: Count, before: int = 0) -> list[tuple[int, int]]:
    """Say where windows with about equally many users begin, and how many users are before that.

    Args:
        whole: All that is to be cut.
        windows: How many there are to be; fewer, where too many users stay together.
        count: Counts the users of ranges.
        before: Users to be counted to the first window although they have no time.
    """
    total = before + whole.users
    wanted = [total * number / windows for number in range(1, windows)]
    ranges = [whole]
    while rough := _rough(ranges, wanted, before, CLOSE_ENOUGH * total / windows):
        pieces = [*_pieces(rough, max(2, COUNTED_AT_ONCE // len(rough)))]
        counted = [
            TimeRange(*piece, users) for piece, users in zip(pieces, count(pieces), strict=True)
        ]
        ranges = sorted({*ranges} - {*rough} | {*counted})
    edges = [*zip(_users_before(ranges, before), (s.start for s in ranges), strict=False)]
    nearest = {min(edges, key=lambda edge: abs(edge[0] - users)) for users in wanted}
    return sorted((start, users) for users, start in nearest if 0 < users < total)


def _users_before(ranges: Sequence[TimeRange], before: int) -> list[int]:
    """Count the users before each range, and at last all."""
    return [*accumulate((s.users for s in ranges), initial=before)]


def _rough(
    ranges: Sequence[TimeRange], wanted: Sequence[float], before: int, enough: float
) -> list[TimeRange]:
    """Find the ranges to be counted in smaller pieces."""
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
