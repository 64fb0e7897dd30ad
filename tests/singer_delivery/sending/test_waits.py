from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.http import (
    FailedTooLongError,
    GivenUpError,
    RequestedWaitTooLongError,
    RetryBudget,
    WaitedTooLongError,
    backoff,
    http_date,
    retry_after,
)
from singer_delivery.http.waits import BACKOFF_MAX_SECONDS, MAX_WAITING_SECONDS

NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


@pytest.mark.parametrize(
    "value",
    [
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:00",
        "Thu, 01 Jan 2026 00:00:00 -0000",
        "Thu, 01 Jan 2026 01:00:00 +0100",
        "Thursday, 01-Jan-26 00:00:00 GMT",
        "Thu Jan  1 00:00:00 2026",
    ],
)
def test_a_date_is_read_in_every_form_and_without_a_zone_as_utc(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert http_date(value) == NOW


@pytest.mark.parametrize("value", [None, "", "soon", "Thu, 99 Jan 2026 00:00:00 GMT", "7"])
def test_what_is_no_date_is_none(value: str | None) -> None:
    assert http_date(value) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:30"}, 30),
        ({"Retry-After": "Wed, 31 Dec 2025 23:59:00 GMT"}, 0),
        ({"Retry-After": str(NOW + 9)}, 9),
        ({"X-RateLimit-Reset": "2"}, 2),
        ({"X-RateLimit-Reset": str(NOW + 9)}, 9),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "3"}, 3),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_what_the_service_asks_for_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(429, headers, NOW) == seconds


@pytest.mark.parametrize("asks", ["Retry-After", "X-RateLimit-Reset"])
def test_a_time_is_one_on_the_services_clock_where_that_is_known(asks: str) -> None:
    """This machine's is an hour slow."""
    until = {
        "Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT",
        "X-RateLimit-Reset": str(NOW + 30),
    }[asks]
    headers = {asks: until, "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    assert retry_after(429, headers, NOW - 3_600) == 30


@pytest.mark.parametrize("status", [200, 408, 500, 503])
def test_a_reset_of_the_rate_limit_is_an_ask_only_where_the_limit_is_reached(status: int) -> None:
    assert retry_after(status, {"X-RateLimit-Reset": "2"}, NOW) is None
    assert retry_after(status, {"Retry-After": "2"}, NOW) == 2


@given(attempt=st.integers(1, 10_000), share=st.floats(0, 1))
def test_backoff_stays_below_its_doubling_ceiling(attempt: int, share: float) -> None:
    assert 0 <= backoff(attempt, lambda: share) <= min(BACKOFF_MAX_SECONDS, 2 ** (attempt - 1))


def wait(budget: RetryBudget, now: float, requested: float | None = None) -> float:
    return budget.wait(requested, now=now, random=lambda: 1.0)


@pytest.mark.promise(7)
def test_attempts_may_fail_for_so_long_and_no_longer() -> None:
    budget = RetryBudget(10)
    assert wait(budget, 100) == 1.0
    assert wait(budget, 101) == 2.0
    assert wait(budget, 108) == 2.0  # not beyond the end
    with pytest.raises(FailedTooLongError) as caught:
        wait(budget, 110)
    assert (caught.value.seconds, caught.value.attempts) == (10, 4)


@pytest.mark.promise(7)
def test_waits_the_service_asks_for_do_not_count() -> None:
    budget = RetryBudget(10)
    wait(budget, 100)
    assert wait(budget, 101, requested=9) == 9
    assert wait(budget, 110, requested=9) == 9
    assert wait(budget, 119) == 2.0


def test_one_ask_longer_than_the_limit_is_too_long() -> None:
    with pytest.raises(RequestedWaitTooLongError) as caught:
        wait(RetryBudget(10), 100, requested=11)
    assert caught.value.requested == 11


def test_an_ask_for_no_wait_at_all_is_no_reason_to_hammer() -> None:
    assert wait(RetryBudget(10), 100, requested=0) == 1.0


def test_a_limit_for_one_kind_of_failure_only_shortens() -> None:
    budget = RetryBudget(10)
    for limit, expected in ((4, 4), (40, 10)):
        budget = RetryBudget(10)
        budget.wait(None, now=0, random=lambda: 0.0, max_seconds=limit)
        with pytest.raises(FailedTooLongError) as caught:
            budget.wait(None, now=expected, random=lambda: 0.0, max_seconds=limit)
        assert caught.value.seconds == expected


def test_a_decided_request_begins_the_next_anew_but_what_was_waited_adds_up() -> None:
    budget = RetryBudget(60)
    for start in range(0, 3_590, 100):
        for now in (start, start + 30):
            assert wait(budget, now, requested=30) == 30
        budget.answered(start + 60)
        assert budget.retries == 0
    left = MAX_WAITING_SECONDS - 36 * 60
    assert wait(budget, 3_700, requested=60) == 60
    with pytest.raises(WaitedTooLongError):
        wait(budget, 3_700 + left - 59, requested=60)


@pytest.mark.promise(7)
@given(
    limit=st.floats(0, 10_000),
    steps=st.lists(st.tuples(st.floats(0, 100), st.none() | st.floats(0, 500)), max_size=200),
)
def test_whatever_a_service_asks_for_all_waiting_together_ends(
    limit: float, steps: list[tuple[float, float | None]]
) -> None:
    """Each attempt takes its time; nothing is acknowledged between them."""
    budget, now = RetryBudget(limit), 0.0
    most = max(limit, MAX_WAITING_SECONDS)
    try:
        for took, requested in steps:
            waited = wait(budget, now, requested)
            assert 0 <= waited <= max(limit, BACKOFF_MAX_SECONDS)
            assert now + waited <= most
            now += waited + took
    except GivenUpError as error:
        assert error.attempts >= 1  # noqa: PT017
