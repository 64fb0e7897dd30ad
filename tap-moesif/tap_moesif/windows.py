"""Cuts a time into windows with about equally many users in each; pure.

Users are counted for many stretches by one query. Only a stretch that a cut falls into, and that
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
"""Stretches that one query counts, and no more than two for each cut where these are more."""

CLOSE_ENOUGH = 0.05
"""Of a window's users, how many it may have too many or too few."""


class Stretch(NamedTuple):
    """A half-open stretch of time, in milliseconds since the epoch, and its users."""

    start: int
    end: int
    users: int


def cut(whole: Stretch, windows: int, count: Count, before: int = 0) -> list[tuple[int, int]]:
    """Say where windows with about equally many users begin, and how many users are before that.

    Args:
        whole: All that is to be cut.
        windows: How many there are to be; fewer, where too many users stay together.
        count: Counts the users of stretches.
        before: Users to be counted to the first window although they have no time.
    """
    total = before + whole.users
    wanted = [total * number / windows for number in range(1, windows)]
    stretches = [whole]
    while rough := _rough(stretches, wanted, before, CLOSE_ENOUGH * total / windows):
        pieces = [*_pieces(rough, max(2, COUNTED_AT_ONCE // len(rough)))]
        counted = [
            Stretch(*piece, users) for piece, users in zip(pieces, count(pieces), strict=True)
        ]
        stretches = sorted({*stretches} - {*rough} | {*counted})
    edges = [*zip(_users_before(stretches, before), (s.start for s in stretches), strict=False)]
    nearest = {min(edges, key=lambda edge: abs(edge[0] - users)) for users in wanted}
    return sorted((start, users) for users, start in nearest if 0 < users < total)


def _users_before(stretches: Sequence[Stretch], before: int) -> list[int]:
    """Count the users before each stretch, and at last all."""
    return [*accumulate((s.users for s in stretches), initial=before)]


def _rough(
    stretches: Sequence[Stretch], wanted: Sequence[float], before: int, enough: float
) -> list[Stretch]:
    """Find the stretches to be counted in smaller pieces."""
    return [
        stretch
        for stretch, (low, high) in zip(
            stretches, pairwise(_users_before(stretches, before)), strict=True
        )
        if high - low > enough and stretch.end - stretch.start > 1
        if any(low < users < high for users in wanted)
    ]


def _pieces(stretches: Iterable[Stretch], parts: int) -> Iterable[tuple[int, int]]:
    for start, end, _ in stretches:
        width = end - start
        yield from pairwise(sorted({start + width * part // parts for part in range(parts + 1)}))
