from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.service.rate_limit import RateLimiter


class Clock:
    """A clock that goes on only while somebody sleeps or asks."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> float:
        return self.now

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
    pace = RateLimiter(per_minute, clock, clock.sleep)
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
    pace = RateLimiter(per_minute, clock, clock.sleep)
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
    pace = RateLimiter(1, clock, clock.sleep)
    with pytest.raises(ValueError, match="failed"), pace:
        raise ValueError("failed")

    with pace:
        assert clock.now == 60


def test_a_pause_holds_every_request_back() -> None:
    clock = Clock()
    pace = RateLimiter(9, clock, clock.sleep)
    pace.pause(30)
    pace.pause(20)  # which ends before the first one does

    with pace:
        assert clock.now == 30


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_share_one_limit(threads: int) -> None:
    """Of ten requests, three may go in a minute, from all threads together."""
    clock, waits = Clock(), list[float]()
    pace = RateLimiter(3, clock, waits.append)
    left = threading.Semaphore(10)

    def send() -> None:
        while left.acquire(blocking=False):
            with pace:
                pass

    started = [threading.Thread(target=send) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(10)

    assert waits == [60] * 7
