from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.state.checkpoints import Checkpoints, StateInterval


def test_a_flood_of_states_without_records_takes_no_memory() -> None:
    checkpoints = Checkpoints()
    record = checkpoints.record()
    for number in range(1000):
        checkpoints.state(number)
    assert len(checkpoints._intervals) == 2
    checkpoints.resolve(record)
    assert checkpoints.due() == 999


events = st.lists(st.one_of(st.just("record"), st.just("state"), st.integers(0, 30)), max_size=60)


@pytest.mark.promise(1, 2)
@given(events)
def test_whatever_the_order_of_answers_a_state_stands_only_behind_settled_records(
    happenings: list[str | int],
) -> None:
    """A number resolves one of the records on their way; a model counts from the beginning."""
    checkpoints = Checkpoints()
    unresolved: list[tuple[int, StateInterval]] = []
    states: list[tuple[int, int]] = []  # how many records stand before it, and its value
    read = written = 0
    for happening in happenings:
        if happening == "record":
            unresolved.append((read, checkpoints.record()))
            read += 1
        elif happening == "state":
            states.append((read, len(states) + 1))
            checkpoints.state(len(states))
        elif unresolved:
            checkpoints.resolve(unresolved.pop(int(happening) % len(unresolved))[1])
        reached = min((number for number, _ in unresolved), default=read)
        expected = max((value for before, value in states if before <= reached), default=0)
        due = checkpoints.due()
        assert due == (expected if expected > written else None)
        written = max(written, expected)
