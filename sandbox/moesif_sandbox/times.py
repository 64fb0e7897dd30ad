"""Times in the notations of Moesif and Segment, and a clock with an offset."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial

UTC = timezone.utc
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ISO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d.*)?")
_EPOCH_DIGITS = re.compile(r"-?\d{5,15}")

system_clock = partial(datetime.now, UTC)


@dataclass
class ShiftedClock:
    """A clock with an offset that can be changed."""

    clock: Callable[[], datetime]
    offset: timedelta

    def __call__(self) -> datetime:  # noqa: D102
        return self.clock() + self.offset


def parse_iso(text: object) -> datetime | None:
    """Parse an ISO 8601 time, UTC by default; return None if it is not one."""
    if not isinstance(text, str) or not _ISO.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def parse_stored(value: object) -> int | None:
    """Return a document's time in epoch milliseconds, or None if the engine cannot read it."""
    if isinstance(value, str) and _EPOCH_DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value) if abs(value) < 2**53 else None
    moment = parse_iso(value)
    return None if moment is None else milliseconds(moment)


def milliseconds(moment: datetime) -> int:
    """Convert a time to epoch milliseconds, truncated."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(value: int) -> datetime:
    """Convert epoch milliseconds to a time in UTC."""
    return _EPOCH + value * _MILLISECOND


def midnight(moment: datetime) -> datetime:
    """Return the start of a time's day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def bare(moment: datetime) -> str:
    """Return `2023-07-27T21:55:19.464`: UTC without a zone, as in Moesif's `modified_time`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23]


def zulu(moment: datetime) -> str:
    """Return `2024-01-02T23:18:03.000Z`."""
    return bare(moment) + "Z"


def seven_digits(moment: datetime) -> str:
    """Return `2023-07-27T21:52:58.0990000Z`, as in Moesif's `last_seen_time`."""
    return bare(moment) + "0000Z"
