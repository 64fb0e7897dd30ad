"""Converts values of records: ids to strings, times to ISO 8601.

All other values stay encoded (`msgspec.Raw`) from the tap's line to the request.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

import msgspec

Record: TypeAlias = dict[str, msgspec.Raw]
"""The fields of a record, their values still encoded."""

NULL = msgspec.Raw(b"null")

encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode
decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

decode_exactly = msgspec.json.Decoder(float_hook=lambda text: msgspec.Raw(text.encode())).decode
"""Decodes a value except for fractions, since a float may lose digits."""

MAX_ID_DIGITS = 80
"""The maximum number of digits of an id; `1e999999999` would have a billion."""

_NUMBER_STARTS = frozenset(b"-0123456789")

_FULL_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
_ZONE = r"(Z|UTC|GMT|([+-]\d\d)(?::?(\d\d))?)"
_TIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)"
    rf"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{{1,9}}))?)?\s*{_ZONE}?)?",
    re.IGNORECASE | re.ASCII,
)
_BASIC_TIME = re.compile(
    rf"(\d{{4}})(\d\d)(\d\d)T(\d\d)(\d\d)(?:(\d\d)(?:[.,](\d{{1,9}}))?)?\s*{_ZONE}?",
    re.IGNORECASE | re.ASCII,
)

# Unambiguous numbers: seconds or milliseconds of a time from 1973 to 2286. A date without dashes
# (20260131) and a time (20260131100000) have other numbers of digits.
_EPOCH_SECONDS = range(10**8, 10**10)
_EPOCH_MILLISECONDS = range(10**11, 10**13)


def as_object(raw: msgspec.Raw) -> Record | None:
    """Return the fields of an object, their values still encoded, or None for another value."""
    try:
        fields: Record = _decode_object(raw)
    except msgspec.ValidationError:
        return None
    return fields


def object_in_text(raw: msgspec.Raw) -> msgspec.Raw:
    """Return the JSON object or list in a string, or the value itself if there is none."""
    text = decode(raw) if bytes(raw)[:1] == b'"' else ""
    if not text.lstrip().startswith(("{", "[")):
        return raw
    try:
        decode(text)
    except msgspec.DecodeError:
        return raw
    return msgspec.Raw(text.encode())


def object_or_text(raw: msgspec.Raw) -> Record | object:
    """Return the fields of an object, also of one in a string; decode any other value."""
    found = as_object(raw)
    if found is None:
        found = as_object(object_in_text(raw))
    return decode(raw) if found is None else found


def as_id(value: object) -> object:
    """Convert a number to an id, a string, without losing digits.

    Args:
        value: Encoded (`msgspec.Raw`) or decoded.

    Returns:
        A string; None for null or a blank string; any other value, decoded.
    """
    if isinstance(value, msgspec.Raw):
        if bytes(value)[0] in _NUMBER_STARTS:
            return _number_as_id(bytes(value).decode())
        value = decode(value)
    if isinstance(value, str):
        return None if value.isspace() else value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _number_as_id(str(value))
    return value


def _number_as_id(text: str) -> str | Decimal:
    """Return a whole number without point and exponent, or a fraction unchanged."""
    if text.isdigit():
        return text
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > MAX_ID_DIGITS:
        return number
    whole = number.to_integral_value()
    return f"{whole:f}" if whole == number else number


def iso_time(value: object, *, zone_required: bool = False) -> str | None:
    """Convert a time to ISO 8601 with a time zone, by default UTC.

    Only unambiguous forms are accepted: ISO 8601 in its extended and basic form, also with a space
    instead of the T, without seconds, with months and days of one digit, and with UTC, GMT or an
    offset of hours as the zone; a date; and whole seconds or milliseconds since 1970, as a number
    or a string.

    Returns:
        The time, or None if it is not a time.
    """
    if not isinstance(value, str):
        return _epoch_time(value)
    if _FULL_TIME.fullmatch(value):
        return value if _exists(value[:19]) else None
    value = value.strip()
    match = _TIME.fullmatch(value) or _BASIC_TIME.fullmatch(value)
    if match is None:
        return _epoch_time(int(value)) if value.isascii() and value.isdigit() else None
    year, month, day, hour, minute, second, fraction, zone, hours, minutes = match.groups()
    if zone_required and not zone:
        return None
    time = f"{year}-{month:0>2}-{day:0>2}T{hour or '00'}:{minute or '00'}:{second or '00'}"
    if not _exists(time):
        return None
    offset = f"{hours}:{minutes or '00'}" if hours else "Z"
    return time + (f".{fraction}" if fraction else "") + offset


@lru_cache(maxsize=1024)  # consecutive records often have the same time
def utc_milliseconds(time: str) -> str | None:
    """Convert a time with a zone to UTC, with milliseconds and Z; None for any other value.

    >>> utc_milliseconds("2026-01-31T12:00:05.1234567+02:00")
    '2026-01-31T10:00:05.123Z'
    """
    written = iso_time(time, zone_required=True)
    if written is None:
        return None
    try:
        utc = datetime.fromisoformat(written).astimezone(timezone.utc)
    except OverflowError:  # before the year 1 or after 9999
        return written
    return utc.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def epoch_seconds(time: str) -> float:
    """Convert a time from `iso_time` to seconds since 1970, to compare it.

    Raises:
        ValueError: It has no zone.
    """
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None:
        raise ValueError("the time has no zone")
    return moment.replace(microsecond=0).timestamp()


def _epoch_time(value: object) -> str | None:
    """Convert seconds or milliseconds since 1970, if a number is unambiguous."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if value in _EPOCH_SECONDS:
        return f"{datetime.fromtimestamp(value, timezone.utc):%Y-%m-%dT%H:%M:%S}Z"
    if value in _EPOCH_MILLISECONDS:
        moment = datetime.fromtimestamp(value // 1000, timezone.utc)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{value % 1000:03}Z"
    return None


@lru_cache(maxsize=1024)  # many records share a second
def _exists(time: str) -> bool:
    """Return whether a time exists; a 30th of February does not."""
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True
