from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.errors import MoesifError
from tap_moesif.service.errors import AttemptError
from tap_moesif.service.retries import (
    BACKOFF_MAX_SECONDS,
    MAX_ATTEMPTS,
    MAX_ATTEMPTS_UNANSWERED,
    MAX_REQUESTED_WAIT_SECONDS,
    MAX_SECONDS_UNANSWERED,
    RetryBudget,
)

DOWN = AttemptError("Moesif answers with HTTP 503.", "Run again later.")


def waits(
    error: AttemptError, *, answered: bool = True, took: float = 0.0
) -> tuple[list[float], str]:
    """Have each attempt fail; return the waits between them, and the last sentence."""
    now, waited = 0.0, list[float]()
    budget = RetryBudget(now, lambda: 0.5)
    try:
        while True:
            now += took
            waited.append(budget.wait(error, now, answered=answered))
            now += waited[-1]
    except MoesifError as ended:
        return waited, str(ended)


def test_waits_grow_to_a_limit_and_attempts_end() -> None:
    waited, sentence = waits(DOWN)

    assert waited == [0.5, 1, 2, 4, 8, BACKOFF_MAX_SECONDS / 2, BACKOFF_MAX_SECONDS / 2]
    assert len(waited) == MAX_ATTEMPTS - 1
    assert sentence == f"{DOWN} Tried 8 times in {sum(waited):.0f} s. Run again later."


def test_an_address_where_nothing_ever_answered_is_given_up_earlier() -> None:
    waited, sentence = waits(DOWN, answered=False)

    assert len(waited) == MAX_ATTEMPTS_UNANSWERED - 1
    assert "Tried 4 times in 4 s." in sentence


def test_one_that_takes_long_not_to_answer_is_given_up_within_a_minute() -> None:
    waited, _ = waits(DOWN, answered=False, took=30)

    assert sum(waited) + 30 * (len(waited) + 1) <= MAX_SECONDS_UNANSWERED + 30


@given(st.floats(1, 3_600))
def test_waits_that_moesif_asks_for_end_after_an_hour_in_all(seconds: float) -> None:
    waited, sentence = waits(AttemptError("Busy.", "Lower it.", seconds))

    assert {*waited} == {seconds}
    assert len(waited) == pytest.approx(MAX_REQUESTED_WAIT_SECONDS // seconds, abs=1)
    assert sentence.startswith("Busy. Moesif asks to wait")
    assert sentence.endswith("Lower it.")


@pytest.mark.parametrize("seconds", [3_600.1, float("inf")])
def test_one_wait_of_more_than_an_hour_is_not_waited(seconds: float) -> None:
    waited, sentence = waits(AttemptError("Busy.", "Lower it.", seconds))

    assert waited == []
    assert "more than the limit of 3600 s for one request" in sentence


def test_a_wait_of_nothing_is_a_failure_like_any_other() -> None:
    waited, _ = waits(AttemptError("Busy.", "Lower it.", 0.0))

    assert len(waited) == MAX_ATTEMPTS - 1
    assert min(waited) > 0


def test_waits_that_moesif_asks_for_are_no_failures() -> None:
    budget = RetryBudget(0.0, lambda: 0.5)
    for _ in range(50):
        budget.wait(AttemptError("Busy.", "", 60.0), 0.0, answered=True)

    assert budget.failures == 0
    assert budget.wait(DOWN, 3_000.0, answered=False) == 0.5
