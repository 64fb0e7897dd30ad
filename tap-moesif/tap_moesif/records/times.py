"""Normalisation of times to UTC; pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

EPOCH_MILLIS_FROM = 100_000_000_000
"""The smallest number (March 1973) that is read as milliseconds since the epoch."""

_DOCUMENTED = re.compile(
    # Only days that exist in every year, so no calendar is needed.
    r"(?!0000)\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,}Z?",
    re.ASCII,
).fullmatch
_ANY = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:[.,](\d+))?"
    r"\s*(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d)?)?",
    re.ASCII,
).fullmatch
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def utc(value: object) -> str:
    """Return a time as UTC, ISO 8601 with milliseconds and `Z`; further digits are cut off.

    Args:
        value: ISO 8601 with any number of fractional digits and any zone (UTC if none); a date; or
            milliseconds since the epoch, as in the engine's default date format.

    Raises:
        ValueError: It is not a time.
        OverflowError: It is not in the years 1 to 9999.
    """
    if isinstance(value, str):
        if _DOCUMENTED(value):
            return value[:23] + "Z"
        return _from_text(value.strip())
    if isinstance(value, int | float) and value >= EPOCH_MILLIS_FROM:
        time = _EPOCH + timedelta(milliseconds=value)
        return time.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    raise ValueError("not a time")


def _from_text(text: str) -> str:
    if _DATE(text):
        text += "T00:00:00"
    match = _ANY(text)
    if match is None:
        raise ValueError("not a time")
    day, clock, fraction, sign, hours, minutes = match.groups()
    time = datetime.fromisoformat(f"{day}T{clock}")
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        time = time - offset if sign == "+" else time + offset
    return f"{time.isoformat()}.{(fraction or '')[:3]:0<3}Z"
