from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.values import as_id, as_object, epoch_seconds, iso_time


@pytest.mark.parametrize(
    ("value", "identifier"),
    [(5, "5"), (5.0, "5"), (2**70, str(2**70)), ("5", "5"), (5.5, 5.5), (True, True), (None, None)],
)
def test_a_whole_number_as_an_id_is_written_as_a_string(value: object, identifier: object) -> None:
    assert as_id(value) == identifier
    assert type(as_id(value)) is type(identifier)


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
    ],
)
def test_a_time_written_in_any_way_is_one_instant(written: str, utc: tuple[int, int]) -> None:
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
    with pytest.raises(ValueError, match="no time"):
        epoch_seconds(text)
