from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.sending.batching import Batch, Batcher, Limits, Message

ROOMY = Limits(rows=1000, size=10**6, envelope=10, seconds=5)


def message(size: int = 1, endpoint: int = 0) -> Message:
    return Message("u", b"x" * size, endpoint)


def test_a_batch_leaves_when_it_has_all_its_rows() -> None:
    batcher = Batcher([Limits(rows=2, size=10**6, envelope=0, seconds=5)])
    one, two = message(), message()
    assert not batcher.add(one, 0)
    assert batcher.add(two, 0) == [(0, [one, two])]
    assert batcher.drain() == []


def test_a_message_that_does_not_fit_begins_the_next_batch() -> None:
    batcher = Batcher([Limits(rows=100, size=100, envelope=10, seconds=5)])
    one, two = message(50), message(50)
    assert not batcher.add(one, 0)
    assert batcher.add(two, 0) == [(0, [one])]
    assert batcher.drain() == [(0, [two])]


def test_what_waits_for_an_endpoint_before_it_leaves_before_a_batch() -> None:
    batcher = Batcher([ROOMY, Limits(rows=2, size=10**6, envelope=0, seconds=5), ROOMY])
    action, user, another, later = message(1, 1), message(1, 0), message(1, 1), message(1, 2)
    assert not any(batcher.add(each, 0) for each in (later, action, user))
    assert batcher.add(another, 0) == [(0, [user]), (1, [action, another])]
    assert batcher.drain() == [(2, [later])]


def test_the_time_a_batch_may_wait_counts_from_its_first_message() -> None:
    batcher = Batcher([ROOMY])
    deadlines = [batcher.deadline]
    batcher.add(message(), 100)
    batcher.add(message(), 103)
    deadlines.append(batcher.deadline)
    batcher.drain()
    assert [*deadlines, batcher.deadline] == [None, 105, None]


@pytest.mark.promise(6, 14)
@given(
    sizes=st.lists(st.integers(1, 60), max_size=80),
    rows=st.integers(1, 7),
    size=st.integers(80, 200),
    endpoints=st.integers(1, 3),
)
def test_nothing_is_lost_or_reordered_and_every_body_keeps_the_limits(
    sizes: list[int], rows: int, size: int, endpoints: int
) -> None:
    limits = Limits(rows=rows, size=size, envelope=12, seconds=5)
    batcher = Batcher([limits] * endpoints)
    messages = [message(n, n % endpoints) for n in sizes]
    batches: list[Batch] = [batch for m in messages for batch in batcher.add(m, 0)]
    batches += batcher.drain()
    for endpoint in range(endpoints):
        there = [m for number, some in batches if number == endpoint for m in some]
        assert there == [m for m in messages if m.endpoint == endpoint]
    for _, some in batches:
        assert 0 < len(some) <= rows
        assert limits.envelope + len(b",".join(m.body for m in some)) <= size
