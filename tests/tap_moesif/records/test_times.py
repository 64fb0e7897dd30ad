from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.records.times import utc

UTC = "2023-07-27T21:52:58.099Z"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2023-07-27T21:52:58.0990000Z", UTC),
        ("2023-07-27T21:52:58.099", UTC),
        ("2023-07-27 21:52:58,0999", UTC),
        ("2023-07-27T21:52:58z", "2023-07-27T21:52:58.000Z"),
        ("2023-07-27T21:52:58.1", "2023-07-27T21:52:58.100Z"),
        ("2023-07-27T23:52:58.099+02:00", UTC),
        ("2023-07-27T23:52:58.099 +0200", UTC),
        ("2023-07-27T23:52:58.099+02", UTC),
        ("2023-07-27T16:22:58.099-05:30", UTC),
        ("2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z"),
        ("2023-12-31T23:59:59.999999999999Z", "2023-12-31T23:59:59.999Z"),
        (" 2023-07-27 ", "2023-07-27T00:00:00.000Z"),
        (1690494778099, UTC),
        (1690494778099.0, UTC),
    ],
)
def test_a_time_is_written_in_one_form_only(value: object, expected: str) -> None:
    assert utc(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "now",
        "2023-13-01",
        "2023-02-30T00:00:00",
        "2023-13-27T21:52:58.099",
        "2023-00-27T21:52:58.099Z",
        "2023-02-29T21:52:58.0990000Z",
        "0000-07-27T21:52:58.099",
        "2023-07-27T24:00:00.000Z",
        "2023-07-27T21:60:58.099Z",
        "2023-07-27T21:52:60.099Z",
        "2023-07-27T21:52:58.099ZZ",
        "2023-07-27T21:52:58.099Z\n2",
        "2023-07-27T21:52:58.099+24:00",
        "2023-07-27T21:52:58.099+01:60",
        "2023-W30-4T21:52:58.099Z",
        "20230727T215258.0990000Z",
        "2023-07-27T25:00:00",
        "2023-07-27T21:52:58.١٢٣Z",  # noqa: RUF001, digits of another script
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        1690494778,
        float("inf"),
        float("nan"),
        10**30,
        ["2023-07-27"],
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        utc(value)


MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001, `timezones` adds it
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(MOMENTS, MOMENTS)
def test_times_sort_as_the_instants_do(one: datetime, other: datetime) -> None:
    def milliseconds(time: datetime) -> int:
        return (time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)

    written = [utc(time.isoformat()) for time in (one, other)]

    assert (written[0] < written[1]) == (milliseconds(one) < milliseconds(other))
    assert [utc(time) for time in written] == written
