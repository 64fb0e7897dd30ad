from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.values import (
    as_id,
    as_object,
    epoch_seconds,
    iso_time,
    object_in_text,
    utc_milliseconds,
)


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        (5, "5"),
        (5.0, "5"),
        (2**70, str(2**70)),
        ("5", "5"),
        (b"5", "5"),
        (b"-7", "-7"),
        (b"738529527931269425.00", "738529527931269425"),
        (b"738529527931269377.00", "738529527931269377"),
        (b"7.38e2", "738"),
        (b"0.0", "0"),
        (b'"5"', "5"),
        (b'" \\t"', None),
        ("\u3000", None),
        (b"null", None),
        (None, None),
        ("", ""),
    ],
)
def test_a_whole_number_as_an_id_is_written_as_a_string_to_the_digit(
    value: object, identifier: str | None
) -> None:
    raw = msgspec.Raw(value) if isinstance(value, bytes) else value
    assert as_id(raw) == identifier


@pytest.mark.parametrize("value", [5.5, True, b"5.5", b"1e999999999", b"true", b"[1]", b"{}"])
def test_what_cannot_be_an_id_is_no_string(value: object) -> None:
    raw = msgspec.Raw(value) if isinstance(value, bytes) else value
    assert as_id(raw) is not None
    assert not isinstance(as_id(raw), str)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'"{\\"a\\": 1}"', b'{"a": 1}'),
        (b'"[1]"', b"[1]"),
        (b'"{not json}"', b'"{not json}"'),
        (b'"text"', b'"text"'),
        (b"5", b"5"),
        (b'{"a":1}', b'{"a":1}'),
    ],
)
def test_an_object_may_stand_in_a_text(raw: bytes, found: bytes) -> None:
    assert bytes(object_in_text(msgspec.Raw(raw))) == found


@pytest.mark.parametrize("text", [b"[1]", b'"text"', b"5", b"null"])
def test_only_an_object_has_fields(text: bytes) -> None:
    assert as_object(msgspec.Raw(text)) is None
    assert as_object(msgspec.Raw(b'{"a": ' + text + b"}")) == {"a": msgspec.Raw(text)}


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-01-31", (0, 0)),
        ("2026-1-31 10:00:00", (10, 0)),
        ("2026-01-31T10:00:00.123456789Z", (10, 0)),
        ("2026-01-31T10:00:00+05:30", (4, 30)),
        ("2026-01-31t10:00:00,5-0130", (11, 30)),
        ("2026-01-31T10:00:00 +02", (8, 0)),
        ("2026-01-31 10:00:00 UTC", (10, 0)),
        ("2026-01-31T10:00+02:00", (8, 0)),
        ("20260131T100000Z", (10, 0)),
        ("20260131T100000.5+0200", (8, 0)),
        ("1769853600", (10, 0)),
        (1769853600123, (10, 0)),
        (1769853600.0, (10, 0)),
    ],
)
def test_a_time_written_in_any_way_is_one_instant(
    written: str | float, utc: tuple[int, int]
) -> None:
    time = iso_time(written)
    assert time is not None
    assert epoch_seconds(time) == datetime(2026, 1, 31, *utc, tzinfo=timezone.utc).timestamp()


@given(
    st.datetimes(),
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_what_pythons_own_reader_makes_of_it(local: datetime, minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    time = iso_time(moment.isoformat())
    assert time is not None
    assert epoch_seconds(time) == moment.replace(microsecond=0).timestamp()


@pytest.mark.parametrize("text", ["", "soon", "2026-01-31", "2026-01-31T10:00:00"])
def test_what_is_no_time_in_full_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r"no zone|isoformat"):
        epoch_seconds(text)


@pytest.mark.parametrize(
    "value",
    [20260131, "20260131", 20260131100000, 5, -1769853600, 1769853600.5, True, "²³", "", " ", [1]],
)
def test_what_could_be_several_times_or_none_is_none(value: object) -> None:
    assert iso_time(value) is None


@pytest.mark.parametrize(
    ("time", "utc"),
    [
        ("2026-11-28T09:01:26.643181+00:00", "2026-11-28T09:01:26.643Z"),
        ("2026-11-28T09:01:26Z", "2026-11-28T09:01:26.000Z"),
        ("2026-11-28T09:01:26.1-08:00", "2026-11-28T17:01:26.100Z"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
    ],
)
def test_a_time_of_our_own_has_milliseconds_and_z(time: str, utc: str) -> None:
    assert utc_milliseconds(time) == utc
