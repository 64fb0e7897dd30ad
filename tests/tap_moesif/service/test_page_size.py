from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.service.page_size import (
    GOOD_PAGES_TO_RETRY,
    MAX_PAGE_BYTES,
    SLOW_SECONDS,
    PageSize,
)

LIGHT = 100
"""Bytes of a document of which a page may hold as many as there may be."""


def sizes(size: PageSize, pages: int, weight: int = LIGHT, seconds: float = 1.0) -> list[int]:
    """Have pages come well; return what was asked for."""
    asked = []
    for _ in range(pages):
        asked.append(size.value)
        size.worked(size.value, size.value * weight, seconds)
    return asked


@given(
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.lists(st.tuples(st.sampled_from(["good", "failed", "refused"]), st.integers(1, 200_000))),
)
def test_a_page_is_never_empty_nor_larger_than_wanted(
    first: int, most: int, outcomes: list[tuple[str, int]]
) -> None:
    size = PageSize(first, most)
    limit = most
    for outcome, weight in outcomes:
        before = size.value
        if outcome == "good":
            size.worked(before, before * weight, 1)
        else:
            assert size.halve(before, refused=outcome == "refused") is (before > 1)
            if outcome == "refused" and before > 1:
                limit = before - 1
        assert 1 <= size.value <= limit


def test_pages_grow_up_to_the_largest() -> None:
    assert sizes(PageSize(100, 10_000), 5) == [100, 800, 6_400, 10_000, 10_000]


@pytest.mark.parametrize(("seconds", "second"), [(0, 8_000), (2.5, 8_000), (5, 4_000), (15, 1_000)])
def test_a_page_grows_to_what_may_take_as_long_as_is_good(seconds: float, second: int) -> None:
    assert sizes(PageSize(1_000, 10_000), 2, seconds=seconds) == [1_000, second]


def test_a_first_size_beyond_the_largest_is_the_largest() -> None:
    assert sizes(PageSize(1_000, 500), 2) == [500, 500]


def test_a_size_that_was_refused_is_not_grown_into_again() -> None:
    size = PageSize(1_000, 10_000)
    sizes(size, 1)
    size.halve(size.value, refused=True)

    assert sizes(size, 30) == [4_000] * 30


def test_a_size_that_failed_is_grown_into_again_after_some_good_pages() -> None:
    size = PageSize(8_000, 10_000)
    size.halve(size.value, refused=False)

    assert sizes(size, 10) == [4_000] * GOOD_PAGES_TO_RETRY + [8_000, 10_000]


def test_a_size_that_failed_twice_is_not_grown_into_again() -> None:
    size = PageSize(8_000, 8_000)
    for _ in range(2):
        size.halve(size.value, refused=False)
        sizes(size, GOOD_PAGES_TO_RETRY)

    assert sizes(size, 30) == [4_000] * 30


def test_an_outage_leaves_no_small_pages_behind() -> None:
    size = PageSize(8_000, 8_000)
    for _ in range(5):
        size.halve(size.value, refused=False)

    assert size.value == 250
    assert sizes(size, 14)[-1] == 8_000


def test_heavy_documents_keep_pages_small() -> None:
    size = PageSize(1_000, 10_000)

    asked = sizes(size, 9, weight=100_000)

    assert asked[-1] * 100_000 <= MAX_PAGE_BYTES < (asked[-1] + 1) * 100_000


def test_a_light_page_among_heavy_ones_does_not_let_the_next_grow_too_large() -> None:
    size = PageSize(100, 10_000)
    size.worked(100, 100 * 100_000, 1)
    heavy = size.value
    size.worked(heavy, heavy * 1_000, 1)

    assert size.value * 50_000 <= MAX_PAGE_BYTES


def test_an_empty_page_says_nothing_of_the_weight() -> None:
    size = PageSize(1_000, 10_000)
    size.worked(0, 50, 1)

    assert size.value == 8_000


def test_a_page_that_takes_long_does_not_grow() -> None:
    assert sizes(PageSize(1_000, 10_000), 3, seconds=SLOW_SECONDS) == [1_000] * 3
