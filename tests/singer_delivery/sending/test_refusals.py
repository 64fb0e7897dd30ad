from __future__ import annotations

import re

import pytest

from singer_delivery.sending.refusals import ALIKE_REFUSALS, RejectionStreak, error_matches
from singer_delivery.sending.retry import Answer

BAD = Answer(400, detail="HTTP 400", excerpt="no")


@pytest.mark.parametrize(("max_rejects", "limit"), [(0, 20), (20, 20), (50, 50), (-1, None)])
def test_so_many_refusals_alike_are_too_many(max_rejects: int, limit: int | None) -> None:
    streak = RejectionStreak(max_rejects)
    errors = [streak.add(BAD) for _ in range(200)]
    first = next((n for n, error in enumerate(errors, 1) if error), None)
    assert first == limit


def test_refusals_that_differ_or_do_not_follow_each_other_are_none_too_many() -> None:
    streak = RejectionStreak(0)
    for number in range(100):
        words = ("no id", "bad time")[number % 2]
        assert streak.add(Answer(400, excerpt=words)) is None
    for _ in range(10):
        for _ in range(ALIKE_REFUSALS - 1):
            assert streak.add(BAD) is None
        streak.acknowledged()


def test_ids_and_positions_do_not_make_two_answers_differ() -> None:
    streak = RejectionStreak(0)
    answers = [
        Answer(400, excerpt=f"bad message {n}, request 7d1f0c0{n % 10}-aa11") for n in range(20)
    ]
    assert [streak.add(answer) is not None for answer in answers] == [False] * 19 + [True]


@pytest.mark.parametrize("count", [1, 2, 19])
def test_where_all_was_refused_alike_state_waits_and_the_end_says_so(count: int) -> None:
    streak = RejectionStreak(5)
    assert not streak.blocks_state
    assert streak.final_error() is None
    for _ in range(count):
        streak.add(BAD)
        assert streak.blocks_state
    said = str(streak.final_error())
    assert "All records that were sent were refused with the same answer (HTTP 400)" in said
    assert "no state was written past them" in said
    assert "max_rejects: -1" in said


def test_any_number_of_rejects_that_is_allowed_holds_nothing() -> None:
    streak = RejectionStreak(-1)
    streak.add(BAD)
    assert not streak.blocks_state
    assert streak.final_error() is None


@pytest.mark.parametrize("before", [True, False])
def test_one_acknowledgement_is_enough_before_or_after(before: bool) -> None:
    streak = RejectionStreak(0)
    if before:
        streak.acknowledged()
    streak.add(BAD)
    if not before:
        streak.acknowledged()
    assert not streak.blocks_state
    streak.add(BAD)
    assert not streak.blocks_state
    assert streak.final_error() is None


@pytest.mark.parametrize("other", [Answer(422, excerpt="no"), Answer(400, excerpt="bad time")])
def test_two_different_answers_are_about_the_records(other: Answer) -> None:
    streak = RejectionStreak(0)
    for answer in (BAD, other, BAD, BAD):
        streak.add(answer)
    assert not streak.blocks_state


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"success": false, "message": "An invalid write key was provided"}', True),
        (b'{"error": {"code": "invalid_write_key"}}', True),
        (b'{"errors": ["write key"], "error": [{"message": "write key"}]}', True),
        (b"Invalid Write Key\n", True),
        (b'"write key"', True),
        (b'{"message": "bad", "record": {"message": "write key"}}', False),
        (b'{"message": "bad", "input": "write key"}', False),
        (b"<html><body>write key</body></html>", False),
        (b" <!doctype html>write key", False),
        (b'{"message": 5}', False),
        (b"[" * 100_000, False),
        (b"\xff", False),
        (b"", False),
    ],
)
def test_only_what_a_service_says_itself_is_looked_at(content: bytes, found: bool) -> None:
    assert error_matches(content, re.compile("write.?key", re.IGNORECASE)) is found
