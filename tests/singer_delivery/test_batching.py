from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.batching import Batcher, Limits, Message, Source
from singer_delivery.checkpoints import Stretch

ROOMY = Limits(rows=1000, size=10**6, envelope=10, seconds=5)


def message(size: int = 1, key: str = "u") -> Message:
    return Message(key, b"x" * size, Source("users", b"", Stretch()))


def test_a_batch_leaves_when_it_has_all_its_rows() -> None:
    batcher = Batcher(Limits(rows=2, size=10**6, envelope=0, seconds=5))
    one, two = message(), message()
    assert batcher.add(one, 0) is None
    assert batcher.add(two, 0) == [one, two]
    assert batcher.take() == []


def test_a_message_that_does_not_fit_begins_the_next_batch() -> None:
    batcher = Batcher(Limits(rows=100, size=100, envelope=10, seconds=5))
    one, two = message(50), message(50)
    assert batcher.add(one, 0) is None
    assert batcher.add(two, 0) == [one]
    assert batcher.take() == [two]


def test_the_time_a_batch_may_wait_counts_from_its_first_message() -> None:
    batcher = Batcher(ROOMY)
    deadlines = [batcher.deadline]
    batcher.add(message(), 100)
    batcher.add(message(), 103)
    deadlines.append(batcher.deadline)
    batcher.take()
    assert [*deadlines, batcher.deadline] == [None, 105, None]


@given(
    sizes=st.lists(st.integers(1, 60), max_size=80),
    rows=st.integers(1, 7),
    size=st.integers(80, 200),
)
def test_nothing_is_lost_or_reordered_and_every_body_keeps_the_limits(
    sizes: list[int], rows: int, size: int
) -> None:
    limits = Limits(rows=rows, size=size, envelope=12, seconds=5)
    batcher = Batcher(limits)
    messages = [message(n) for n in sizes]
    batches = [full for m in messages if (full := batcher.add(m, 0))]
    batches.append(batcher.take())
    assert [m for batch in batches for m in batch] == messages
    for batch in batches:
        assert len(batch) <= rows
        assert limits.envelope + len(b",".join(m.body for m in batch)) <= size
