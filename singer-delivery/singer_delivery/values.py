"""A record's values as a service wants them: ids as strings, times in full, the rest untouched.

What nobody has to look at stays encoded (`msgspec.Raw`), from the tap's line to the request.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    Record = dict[str, msgspec.Raw]

NULL = msgspec.Raw(b"null")

encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode
decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_FULL_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
_TIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|([+-]\d\d)(?::?(\d\d))?)?)?",
    re.IGNORECASE | re.ASCII,
)


def as_object(raw: msgspec.Raw) -> Record | None:
    """Give an object's fields, their values still encoded, or None for anything else."""
    try:
        fields: Record = _decode_object(raw)
    except msgspec.ValidationError:
        return None
    return fields


def as_id(value: object) -> object:
    """Write a whole number as the string that services want for an id."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def iso_time(value: object, *, zone_required: bool = False) -> str | None:
    """Write an ISO 8601 time in full; one without a zone is UTC, as warehouses have it.

    Months and days of one digit are taken too: Segment's own specification shows some.

    Returns:
        The time, or None where it is none.
    """
    if not isinstance(value, str):
        return None
    if _FULL_TIME.fullmatch(value):
        return value if _exists(value[:19]) else None
    match = _TIME.fullmatch(value.strip())
    if match is None:
        return None
    year, month, day, clock, fraction, zone, hours, minutes = match.groups()
    if zone_required and not zone:
        return None
    time = f"{year}-{month:0>2}-{day:0>2}T{clock or '00:00:00'}"
    if not _exists(time):
        return None
    offset = f"{hours}:{minutes or '00'}" if hours else "Z"
    return time + (f".{fraction}" if fraction else "") + offset


@lru_cache(maxsize=1024)  # records come many a second
def _exists(time: str) -> bool:
    """Tell whether there is this second: no thirteenth month, no thirtieth of February."""
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True


def epoch_seconds(time: str) -> float:
    """Read a time that `iso_time` wrote, to the second, so that it can be compared.

    Raises:
        ValueError: It is not written in full.
    """
    match = _TIME.fullmatch(time)
    zone = match[6] if match else None
    if not zone:
        raise ValueError("no time in full")
    seconds = datetime.fromisoformat(f"{time[:19]}+00:00").timestamp()
    if zone == "Z":
        return seconds
    offset = int(zone[1:3]) * 3600 + int(zone[3:].lstrip(":") or 0) * 60
    return seconds - offset if zone[0] == "+" else seconds + offset
