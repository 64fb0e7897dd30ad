"""Segment's times: how they are read, corrected for the sender's clock, and shown."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
    r"\s*(Z|[+-]\d\d:?\d\d)?"
)


def corrected(original: datetime | None, sent: datetime | None, received: datetime) -> datetime:
    """Return the time to store: `receivedAt - (sentAt - timestamp)`, free of the sender's clock."""
    if original is None:
        return received
    try:
        return original if sent is None else received - (sent - original)
    except OverflowError:  # a time at the calendar's very end
        return original


def parse_time(value: object) -> datetime | None:
    """Return a message's time, or None where it is none; without a zone it is UTC.

    One-digit months are read, since Segment's own example of a batch has them.
    """
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    *parts, fraction, zone = match.groups()
    text = "-".join(part.zfill(2) for part in parts[:3]) + "T"
    text += ":".join((part or "0").zfill(2) for part in parts[3:])
    text += "." + ((fraction or "") + "000000")[:6]
    offset = "+00:00" if zone in (None, "Z") else f"{zone[:3]}:{zone[-2:]}"
    try:
        return datetime.fromisoformat(text + offset).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def show_time(moment: datetime) -> str:
    """Return a time the way Segment prints it: `2015-12-10T04:08:31.909Z`."""
    utc = moment.astimezone(timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
