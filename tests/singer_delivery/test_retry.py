from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.errors import ServiceError
from singer_delivery.sending.retry import (
    BACKOFF_MAX_SECONDS,
    NO_ANSWER,
    Answer,
    Patience,
    Verdict,
    asked_wait,
    backoff,
    verdict,
)

NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (NO_ANSWER, Verdict.AGAIN),
        (408, Verdict.AGAIN),
        (429, Verdict.AGAIN),
        (500, Verdict.AGAIN),
        (502, Verdict.AGAIN),
        (503, Verdict.AGAIN),
        (504, Verdict.AGAIN),
        (400, Verdict.REFUSED),
        (413, Verdict.REFUSED),
        (422, Verdict.REFUSED),
        (301, Verdict.STOP),
        (307, Verdict.STOP),
        (401, Verdict.STOP),
        (402, Verdict.STOP),
        (403, Verdict.STOP),
        (404, Verdict.STOP),
        (501, Verdict.STOP),
    ],
)
def test_each_status_has_one_consequence(status: int, expected: Verdict) -> None:
    assert verdict(Answer(status)) is expected


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_counts_only_if_its_body_says_so(status: int) -> None:
    assert verdict(Answer(status, accepted=True)) is Verdict.ACKNOWLEDGED
    assert verdict(Answer(status, accepted=False)) is Verdict.AGAIN


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:30 -0000"}, 30),
        ({"Retry-After": "Wed, 31 Dec 2025 23:59:00 GMT"}, 0),
        ({"X-RateLimit-Reset": "2"}, 2),
        ({"X-RateLimit-Reset": str(NOW + 9)}, 9),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "3"}, 3),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
    ],
)
def test_what_the_service_asks_for_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert asked_wait(headers, NOW) == seconds


@given(attempt=st.integers(1, 10_000), share=st.floats(0, 1))
def test_backoff_stays_below_its_doubling_ceiling(attempt: int, share: float) -> None:
    assert 0 <= backoff(attempt, lambda: share) <= min(BACKOFF_MAX_SECONDS, 2 ** (attempt - 1))


def wait(patience: Patience, now: float, **headers: str) -> tuple[float, bool]:
    answer = Answer(
        503, detail="HTTP 503", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    return patience.wait(answer, now=now, wall=NOW, random=lambda: 1.0)


def test_a_batch_may_fail_for_so_long_and_no_longer() -> None:
    patience = Patience(max_seconds=10)
    assert wait(patience, now=100) == (1.0, False)
    assert wait(patience, now=101) == (2.0, False)
    assert wait(patience, now=108) == (2.0, False)  # not beyond the end
    with pytest.raises(ServiceError, match="retry_max_seconds"):
        wait(patience, now=110)


def test_waits_the_service_asks_for_do_not_count() -> None:
    patience = Patience(max_seconds=10)
    wait(patience, now=100)
    assert wait(patience, now=101, Retry_After="9") == (9.0, True)
    assert wait(patience, now=110, Retry_After="9") == (9.0, True)
    assert wait(patience, now=119) == (2.0, False)


def test_one_ask_longer_than_the_limit_ends_the_run() -> None:
    with pytest.raises(ServiceError, match="retry_max_seconds"):
        wait(Patience(max_seconds=10), now=100, Retry_After="11")


def test_an_ask_for_no_wait_at_all_is_no_reason_to_hammer() -> None:
    assert wait(Patience(max_seconds=10), now=100, Retry_After="0") == (1.0, False)
