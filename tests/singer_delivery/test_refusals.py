from __future__ import annotations

import pytest

from singer_delivery.sending.refusals import ALIKE_REFUSALS, Refusals
from singer_delivery.sending.retry import Answer

BAD = Answer(400, detail="HTTP 400", excerpt="no")


@pytest.mark.parametrize(("max_rejects", "limit"), [(0, 20), (20, 20), (50, 50), (-1, None)])
def test_so_many_refusals_alike_are_too_many(max_rejects: int, limit: int | None) -> None:
    refusals = Refusals(max_rejects)
    errors = [refusals.add(BAD) for _ in range(200)]
    first = next((n for n, error in enumerate(errors, 1) if error), None)
    assert first == limit


def test_refusals_that_differ_or_do_not_follow_each_other_are_none_too_many() -> None:
    refusals = Refusals(0)
    for number in range(100):
        words = ("no id", "bad time")[number % 2]
        assert refusals.add(Answer(400, excerpt=words)) is None
    for _ in range(10):
        for _ in range(ALIKE_REFUSALS - 1):
            assert refusals.add(BAD) is None
        refusals.end()


def test_ids_and_positions_do_not_make_two_answers_differ() -> None:
    refusals = Refusals(0)
    answers = [
        Answer(400, excerpt=f"bad message {n}, request 7d1f0c0{n % 10}-aa11") for n in range(20)
    ]
    assert [refusals.add(answer) is not None for answer in answers] == [False] * 19 + [True]
