from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.usage.activity import Activity, IdFilter

IDS = st.sets(st.text(), max_size=50)


@given(IDS, IDS)
def test_whoever_was_added_is_found(some: set[str], more: set[str]) -> None:
    found = IdFilter()
    found.update(some)
    found.update(more)

    assert all(identifier in found for identifier in some | more)


def test_few_of_those_are_found_who_were_not_added() -> None:
    found = IdFilter()
    found.update(f"active-{number}" for number in range(100_000))

    taken = sum(f"idle-{number}" in found for number in range(10_000))

    assert taken < 20


def test_nobody_is_unknown_where_all_are_listed_with_their_roll_ups() -> None:
    activity = Activity()
    assert not activity.is_unknown("u1")

    activity.add(["u1"])

    assert activity.is_unknown("u1")
    assert not activity.is_unknown("u2")
