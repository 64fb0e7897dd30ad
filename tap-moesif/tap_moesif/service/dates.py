"""Times in the headers of answers, and the waits that they ask for; pure."""

from __future__ import annotations

import math
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

RATE_WINDOW_SECONDS = 60
"""Moesif counts its 500 queries by calendar minute ("Management API", "Rate limits")."""


def http_date(date: str | None) -> float | None:
    """Read a header's date as seconds since the epoch; without a zone it is UTC."""
    try:
        parsed = parsedate_to_datetime(date or "")
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def asked_wait(headers: Mapping[str, str], wall: float) -> float | None:
    """Read from `Retry-After` how many seconds Moesif asks to wait, or None.

    Args:
        headers: The answer's headers.
        wall: Seconds since the epoch on this machine's clock, where the answer has no `Date`.
    """
    retry_after = headers.get("Retry-After")
    try:
        seconds = float(retry_after or "nan")
    except ValueError:
        until = http_date(retry_after)
        return None if until is None else max(0.0, until - _now(headers, wall))
    return None if math.isnan(seconds) else max(0.0, seconds)


def until_next_minute(headers: Mapping[str, str], wall: float) -> float:
    """Count the seconds until the next calendar minute on Moesif's clock."""
    return RATE_WINDOW_SECONDS - _now(headers, wall) % RATE_WINDOW_SECONDS


def _now(headers: Mapping[str, str], wall: float) -> float:
    date = http_date(headers.get("Date"))
    return wall if date is None else date
