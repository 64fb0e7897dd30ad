from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.windows.cutting import MAX_WINDOWS, RANGES_PER_QUERY, TimeRange, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

YEAR = 366 * 24 * 3_600_000
NOW = 1_770_000_000_000


class Users:
    """Users by when they were modified; counts what is asked of it, and how often."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = sorted(times)
        self.queries = 0
        self.most_at_once = 0

    @property
    def whole(self) -> TimeRange:
        return TimeRange(self.times[0], self.times[-1] + 1, len(self.times))

    def count(self, stretches: Sequence[tuple[int, int]]) -> list[int]:
        self.queries += 1
        self.most_at_once = max(self.most_at_once, len(stretches))
        return [self.between(start, end) for start, end in stretches]

    def between(self, start: float, end: float) -> int:
        return bisect_left(self.times, end) - bisect_left(self.times, start)

    def windows(self, windows: int, before: int = 0) -> list[int]:
        """Cut, and count the users of each window by themselves."""
        cuts = [start for start, _ in cut(self.whole, windows, self.count, before)]
        edges = [float("-inf"), *cuts, float("inf")]
        found = [self.between(*edge) for edge in pairwise(edges)]
        return [found[0] + before, *found[1:]]


def spread(users: int) -> Users:
    return Users([NOW - YEAR + number * YEAR // users for number in range(users)])


@pytest.mark.parametrize(("windows", "queries"), [(1, 0), (2, 1), (8, 2), (MAX_WINDOWS, 6)])
def test_windows_hold_about_equally_many_users(windows: int, queries: int) -> None:
    users = spread(20_000)
    found = users.windows(windows)
    assert len(found) == windows
    assert max(found) - min(found) <= 0.1 * 20_000 / windows
    assert users.queries <= queries
    assert users.most_at_once <= max(RANGES_PER_QUERY, 2 * windows)


def test_a_busy_hour_in_a_quiet_decade_is_found_with_few_queries() -> None:
    hour = [NOW - 5 * YEAR + number * 360 for number in range(10_000)]
    quiet = [NOW - 10 * YEAR + number * YEAR // 10 for number in range(100)]
    users = Users([*hour, *quiet])
    found = users.windows(8)
    assert len(found) == 8
    assert max(found) - min(found) <= 0.1 * 10_100 / 8
    assert users.queries <= 6


def test_users_of_one_millisecond_stay_together() -> None:
    assert Users([NOW] * 1000).windows(8) == [1000]
    assert Users([NOW] * 1000 + [NOW + 1]).windows(2) == [1000, 1]
    assert max(Users([*spread(1000).times, *[NOW] * 500]).windows(4)) <= 750


def test_users_without_a_time_are_counted_to_the_first_window() -> None:
    assert spread(1000).windows(2, before=1000) == [1000, 1000]
    first, second = spread(1000).windows(2, before=200)
    assert abs(first - second) <= 60
    assert spread(1000).windows(3, before=10_000) == [10_000, 1000]


def test_the_users_before_each_cut_are_told() -> None:
    users = spread(1000)
    for start, earlier in cut(users.whole, 5, users.count, 50):
        assert earlier == 50 + users.between(0, start)


def test_what_is_counted_may_change_meanwhile() -> None:
    users = spread(1000)

    def count(stretches: Sequence[tuple[int, int]]) -> list[int]:
        users.times = users.times[::2]
        return users.count(stretches)

    assert len(cut(users.whole, 4, count)) <= 3


@given(st.lists(st.integers(NOW - 50, NOW + 50), min_size=1), st.integers(1, 20), st.integers(0, 9))
def test_no_window_is_empty_and_none_is_further_off_than_the_busiest_millisecond(
    times: list[int], windows: int, before: int
) -> None:
    found = Users(times).windows(windows, before)
    even = (len(times) + before) / windows
    together = max(before, *Counter(times).values())
    assert sum(found) == len(times) + before
    assert all(found)
    assert max(found) <= even * 1.1 + 2 * together
