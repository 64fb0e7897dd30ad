from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.pace import GOOD_PAGES_TO_GROW, Pace, PageSize


class Clock:
    """A clock that goes on only while somebody sleeps or asks."""

    def __init__(self) -> None:
        self.now = 0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += int(seconds)


def times() -> st.SearchStrategy[list[tuple[int, int]]]:
    """Make pauses before requests, and how long these take."""
    return st.lists(st.tuples(st.integers(0, 90), st.integers(0, 40)), max_size=40)


@given(st.integers(1, 5), times())
def test_no_sixty_seconds_see_more_requests_than_the_limit(
    per_minute: int, requests: list[tuple[int, int]]
) -> None:
    clock = Clock()
    pace = Pace(per_minute, lambda: clock.now, clock.sleep)
    sent = []
    answered = []
    for pause, duration in requests:
        clock.now += pause
        with pace:
            sent.append(clock.now)
            clock.now += duration
        answered.append(clock.now)

    # Whenever between sending and answer the service saw each.
    for latest, earliest in zip(answered, sent[per_minute:], strict=False):
        assert earliest - latest >= 60


@given(st.integers(1, 5), times())
def test_nobody_waits_who_need_not(per_minute: int, requests: list[tuple[int, int]]) -> None:
    clock = Clock()
    pace = Pace(per_minute, lambda: clock.now, clock.sleep)
    answered: list[int] = []
    for pause, duration in requests:
        clock.now += pause
        earliest = clock.now
        if len(answered) >= per_minute:
            earliest = max(earliest, answered[-per_minute] + 60)
        with pace:
            assert clock.now == earliest
            clock.now += duration
        answered.append(clock.now)


def test_a_request_that_fails_counts_as_well() -> None:
    clock = Clock()
    pace = Pace(1, lambda: clock.now, clock.sleep)
    with pytest.raises(ValueError, match="failed"), pace:
        raise ValueError("failed")

    with pace:
        assert clock.now == 60


@given(st.integers(1, 10_000), st.lists(st.booleans()))
def test_a_page_is_never_empty_nor_larger_than_wanted(most: int, outcomes: list[bool]) -> None:
    size = PageSize(most)
    for good in outcomes:
        before = size.value
        if good:
            size.worked()
        else:
            assert size.halve() is (before > 1)
        assert 1 <= size.value <= most


def test_a_page_grows_back_to_what_was_wanted() -> None:
    size = PageSize(1_000)
    size.halve()
    size.halve()
    values = []
    for _ in range(3 * GOOD_PAGES_TO_GROW):
        size.worked()
        values.append(size.value)

    assert values[GOOD_PAGES_TO_GROW - 2 : GOOD_PAGES_TO_GROW] == [250, 500]
    assert values[-1] == 1_000
