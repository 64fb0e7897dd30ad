"""Times as Moesif and its engine write them, in one form; pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

EPOCH_MILLIS_FROM = 100_000_000_000
"""A smaller number (before March 1973) is no time in milliseconds."""

_DOCUMENTED = re.compile(
    # Days that there are in each year, so that no calendar need be asked.
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
    """Write a time as UTC ISO 8601 with milliseconds and `Z`; finer digits are cut.

    Args:
        value: ISO 8601 with any number of fractional digits and any zone, none meaning UTC; a
            date; or milliseconds since the epoch, as the engine's default date format has it.

    Raises:
        ValueError: It is no time.
        OverflowError: It is beyond the years 1 to 9999.
    """
    if isinstance(value, str):
        if _DOCUMENTED(value):
            return value[:23] + "Z"
        return _from_text(value.strip())
    if isinstance(value, int | float) and value >= EPOCH_MILLIS_FROM:
        time = _EPOCH + timedelta(milliseconds=value)
        return time.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    raise ValueError("no time")


def _from_text(text: str) -> str:
    if _DATE(text):
        text += "T00:00:00"
    match = _ANY(text)
    if match is None:
        raise ValueError("no time")
    day, clock, fraction, sign, hours, minutes = match.groups()
    time = datetime.fromisoformat(f"{day}T{clock}")
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        time = time - offset if sign == "+" else time + offset
    return f"{time.isoformat()}.{(fraction or '')[:3]:0<3}Z"
