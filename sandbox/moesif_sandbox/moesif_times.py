"""Reads times in every form that Moesif stores or takes: ISO 8601, epochs, date math, relative.

All results are epoch milliseconds, the precision of the engine's `date` type: further digits of
`2023-07-27T21:52:58.0990000Z` are cut. A time without a zone is UTC.
"""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from moesif_sandbox.moesif_dsl import SearchError, as_string, shown

UTC = timezone.utc
_UTC_NAMES = {"Z", "UTC"}
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?)?)?)?"
    r"(Z|[+-]\d\d(?::?\d\d)?)?"
)
_FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_EPOCH_DIGITS = re.compile(r"-?\d{5,}")  # fewer digits are a year
_DIGITS = re.compile(r"-?\d+")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")
_MATH = re.compile(r"(?:([+-])(\d*)|(/))([yMwdhHms])")
_RELATIVE = re.compile(r"-(\d+)([wdhms])")
# Which part of a time is set to its least value when rounding down to one of the units.
_LESSER_PARTS = {
    "mhHdwMy": "second",
    "hHdwMy": "minute",
    "dwMy": "hour",
    "My": "day",
    "y": "month",
}
_SPANS = {"w": 604_800, "d": 86_400, "h": 3_600, "H": 3_600, "m": 60, "s": 1}

# The engine's names for the patterns that `parse_time` reads. Others are refused, since a pattern
# that is read wrongly would match the wrong documents.
_FORMATS = {
    "epoch_millis": "millis",
    "epoch_second": "seconds",
    "strict_date_optional_time": "iso",
    "date_optional_time": "iso",
    "strict_date_time": "iso",
    "date_time": "iso",
    "strict_date": "iso",
    "date": "iso",
    "yyyy-MM-dd": "iso",
    "yyyy-MM-dd'T'HH:mm:ss": "iso",
    "yyyy-MM-dd'T'HH:mm:ss.SSS": "iso",
    "yyyy-MM-dd'T'HH:mm:ssZ": "iso",
    "yyyy-MM-dd'T'HH:mm:ss.SSSZ": "iso",
}
DEFAULT_FORMAT = "strict_date_optional_time||epoch_millis"


def milliseconds(moment: datetime) -> int:
    """Return an aware time as epoch milliseconds, cut and not rounded."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(value: int) -> datetime:
    """Return epoch milliseconds as an aware time in UTC."""
    return _EPOCH + value * _MILLISECOND


def iso(value: int) -> str:
    """Return epoch milliseconds the way the engine prints dates: `2024-01-31T08:00:00.000Z`."""
    return moment_of(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zone_of(name: object, where: str = "time_zone") -> tzinfo:
    """Return the zone of `UTC`, `Z`, `+02:00` or `Europe/Berlin`."""
    text = as_string(name, where)
    if text in _UTC_NAMES:
        return UTC
    try:
        return _offset(text) if text[0] in "+-" else ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SearchError(f"[{where}] is no time zone: {shown(text)}") from None


def _offset(text: str) -> timezone:
    if text in _UTC_NAMES:
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ValueError(text)
    span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-span if match[1] == "-" else span)


def looks_like_a_date(text: str) -> bool:
    """Say whether the engine's dynamic mapping takes this string for a date."""
    return bool(_FULL_DATE.match(text)) and parse_iso(text) is not None


def parse_iso(text: str, zone: tzinfo = UTC, *, round_up: bool = False) -> int | None:
    """Return an ISO 8601 time as epoch milliseconds, or None where it is none.

    `zone` holds for times without one. `round_up` fills missing parts with their greatest value,
    as the engine does for `lte` and `gt`: `2024-01-31` is then that day's last millisecond.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, own_zone = match.groups()
    try:
        zone = _offset(own_zone) if own_zone else zone
        start = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int(((fraction or "") + "000000")[:6]),
            tzinfo=zone,
        )
    except ValueError:
        return None
    if not round_up or fraction:
        return milliseconds(start)
    given = {"s": second, "m": minute, "h": hour, "d": day, "M": month, "y": year}
    return _last_millisecond(start, next(unit for unit, part in given.items() if part))


def parse_stored(value: object) -> int | None:
    """Return the time of a document's field, or None where the engine would call it malformed."""
    if isinstance(value, str):
        return parse_stored(int(value)) if _EPOCH_DIGITS.fullmatch(value) else parse_iso(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if abs(value) <= milliseconds(_LAST_MOMENT) else None


def parse_time(
    value: object,
    now: datetime,
    zone: tzinfo = UTC,
    formats: str = DEFAULT_FORMAT,
    *,
    round_up: bool = False,
) -> int:
    """Return a time of a query as epoch milliseconds: ISO 8601, an epoch, or date math.

    Raises:
        SearchError: it is none of these, or not in one of the `formats` (joined by `||`).
    """
    kinds = _kinds(formats)
    if isinstance(value, str):
        base, separator, math = value.partition("||")
        if value.startswith("now"):
            return _with_math(now.astimezone(zone), value[3:], round_up=round_up)
        if separator:
            start = moment_of(parse_time(base, now, zone, formats)).astimezone(zone)
            return _with_math(start, math, round_up=round_up)
        found = parse_iso(value, zone, round_up=round_up) if "iso" in kinds else None
        if found is not None:
            return found
    return _epoch(value, kinds, formats)


def _kinds(formats: str) -> set[str]:
    names = formats.split("||")
    for name in names:
        if name not in _FORMATS:
            known = ", ".join(sorted(_FORMATS))
            raise SearchError(f"[format] does not understand [{name}]; it knows {known}")
    return {_FORMATS[name] for name in names}


def _epoch(value: object, kinds: set[str], formats: str) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)  # not by way of a float, which can't hold the engine's extreme values
    if isinstance(value, bool) or not isinstance(value, (int, float)) or kinds == {"iso"}:
        raise SearchError(f"failed to parse date field [{shown(value)}] with format [{formats}]")
    return int(value) if "millis" in kinds else int(value * 1000)


def _with_math(start: datetime, math: str, *, round_up: bool) -> int:
    """Apply date math such as `-1d/d` to a time; see the engine's 'Date math' page."""
    moment, position = start, 0
    while position < len(math):
        match = _MATH.match(math, position)
        if match is None:
            raise SearchError(f"date math is not understood: [{shown(math)}]")
        sign, count, slash, unit = match.groups()
        if slash:
            moment = _floor(moment, unit)
            if round_up:
                moment = moment_of(_last_millisecond(moment, unit)).astimezone(moment.tzinfo)
        else:
            moment = _shifted(moment, unit, int(f"{sign}{count or 1}"))
        position = match.end()
    return milliseconds(moment)


def _last_millisecond(start: datetime, unit: str) -> int:
    try:
        return milliseconds(_add(start, unit, 1)) - 1
    except (OverflowError, ValueError):  # behind the year 9999, with which open ends are written
        return milliseconds(_LAST_MOMENT)


def _shifted(moment: datetime, unit: str, count: int) -> datetime:
    try:
        return _add(moment, unit, count)
    except (OverflowError, ValueError):
        raise SearchError(f"date math leads beyond the calendar: {count}{unit}") from None


def _add(moment: datetime, unit: str, count: int) -> datetime:
    if unit in _SPANS:
        return moment + timedelta(seconds=_SPANS[unit] * count)
    months = moment.year * 12 + moment.month - 1 + (count * 12 if unit == "y" else count)
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _floor(moment: datetime, unit: str) -> datetime:
    if unit == "w":
        moment -= timedelta(days=moment.weekday())
    moment = moment.replace(microsecond=0)
    for lesser, name in _LESSER_PARTS.items():
        if unit in lesser:
            moment = moment.replace(**{name: int(name in {"day", "month"})})  # type: ignore[arg-type]
    return moment


def parse_boundary(text: str, now: datetime, zone: tzinfo, *, end: bool, where: str) -> int:
    """Return one end of an event search's window (`from`, `to`) as epoch milliseconds.

    Absolute ISO 8601 is taken as it is. Relative times (`-24h`, `now`) are aligned to calendar
    days: the start of the day for `from`, its end for `to`. (Moesif, Management API reference,
    'Search Events': "relative dates are aligned to calendar dates".)
    """
    relative = _RELATIVE.fullmatch(text)
    if text == "now" or relative:
        back = timedelta(seconds=int(relative[1]) * _SPANS[relative[2]]) if relative else None
        moment = (now - back if back else now).astimezone(zone)
        day = _floor(moment, "d")
        return milliseconds(_add(day, "d", 1) if end else day)
    found = parse_iso(text, zone)
    if found is None or not _FULL_DATE.match(text):
        raise SearchError(
            f"[{where}] must be an absolute ISO-8601 time or a relative one such as -24h or now, "
            f"but is {shown(text)}"
        )
    return found
