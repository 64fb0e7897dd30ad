from __future__ import annotations

import os
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from tap_moesif.service.dates import asked_wait, http_date, until_next_minute

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_700_000_030.0  # 50 s into its calendar minute


@pytest.fixture(autouse=True, params=["UTC", "Asia/Tokyo"])
def _here(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    "date",
    [
        "Tue, 14 Nov 2023 22:13:50 GMT",
        "Tue, 14 Nov 2023 22:13:50 -0000",
        "Tue, 14 Nov 2023 22:13:50",
        "Wed, 15 Nov 2023 07:13:50 +0900",
    ],
)
def test_a_date_is_utc_unless_it_says_otherwise(date: str) -> None:
    assert http_date(date) == NOW


@pytest.mark.parametrize("date", [None, "", "today", "Tue, 99 Nov 2023 22:13:50 GMT"])
def test_what_is_no_date_is_none(date: str | None) -> None:
    assert http_date(date) is None


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "inf"}, float("inf")),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "later"}, None),
        ({"Retry-After": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"Retry-After": formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"Retry-After": formatdate(90, usegmt=True), "Date": formatdate(30, usegmt=True)}, 60.0),
    ],
)
def test_a_wait_is_read_in_each_form(headers: dict[str, str], wait: float | None) -> None:
    assert asked_wait(headers, NOW) == wait


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({}, 10.0), ({"Date": "unknown"}, 10.0), ({"Date": formatdate(NOW + 5, usegmt=True)}, 5.0)],
)
def test_the_next_minute_is_the_next_on_moesifs_clock(headers: dict[str, str], wait: float) -> None:
    assert until_next_minute(headers, NOW) == wait
