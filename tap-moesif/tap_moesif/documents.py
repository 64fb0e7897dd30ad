"""A raw Moesif document as a record; pure.

A document gives each field its value, and what it gives is taken out of it; what is left has no
place of its own and goes along as `additionalFields`. So nothing is lost, whatever an account
has added, and a value of the wrong type costs only its own field.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tap_moesif.schemas import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Document = dict[str, Any]
    Misfit = Callable[[str], None]

SESSION_TOKEN = "session_token"  # noqa: S105, a field's name
"""Where Moesif keeps its users' session tokens: credentials of theirs."""

OWN = frozenset({"metadata", "body"})
"""Where Moesif keeps what the account itself has put there."""

EPOCH_MILLIS_FROM = 100_000_000_000
"""A smaller number (before March 1973) is no time in milliseconds."""

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s*(?:(Z|z)|([+-])(\d\d):?(\d\d)?)?",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class _MisfitError(Exception):
    """A value is not of its field's type."""


def user_document(document: Document) -> Document:
    """Bring what Moesif writes in several ways about a user into one.

    The company's id into the company, the address' coordinates out of the engine's `location`,
    and a user agent that is no object where strings belong.
    """
    document = {**document}
    company, company_id = document.get("company"), document.get("company_id")
    if company_id is not None:
        if not isinstance(company, dict):
            company = {} if company is None else {"company": company}
        if company.get("company_id") is None:
            company = {**company, "company_id": company_id}
        document["company"] = company
        if company["company_id"] == company_id:
            del document["company_id"]
    if isinstance(geo := document.get("geo_ip"), dict):
        document["geo_ip"] = geo = _with_coordinates(geo)
        if document.get("ip_address") in (None, geo.get("ip")) and isinstance(geo.get("ip"), str):
            document["ip_address"] = geo.pop("ip")
    if isinstance(document.get("user_agent"), str) and document.get("user_agent_string") is None:
        document["user_agent_string"] = document.pop("user_agent")
    return document


def _with_coordinates(geo: Document) -> Document:
    """Read `location`, `{lat, lon}` or `[lon, lat]`, where it adds to or repeats the numbers."""
    geo = {**geo}
    location = geo.get("location")
    if isinstance(location, list) and len(location) == 2:  # noqa: PLR2004, a pair
        location = {"lon": location[0], "lat": location[1]}
    if isinstance(location, dict) and location.keys() == {"lat", "lon"}:
        latitude = geo.setdefault("latitude", location["lat"])
        longitude = geo.setdefault("longitude", location["lon"])
        if (latitude, longitude) == (location["lat"], location["lon"]):
            del geo["location"]
    return geo


def to_record(
    document: Document, fields: Iterable[Field], *, drop: Iterable[str] = (), misfit: Misfit
) -> Document:
    """Make a record of a document.

    Args:
        document: Raw, with the hit's `_id`.
        fields: The record's.
        drop: Raw names that are not emitted, wherever Moesif has put them.
        misfit: Called with the raw path of each value that is not of its field's type.

    Returns:
        A record that follows the fields' schema; without `id` if there is none.
    """
    return _take(_scrub(document, frozenset(drop)), fields, "", misfit)


def _take(document: Document, fields: Iterable[Field], path: str, misfit: Misfit) -> Document:
    """Take the fields' values out of a document."""
    record: Document = {}
    for field in fields:
        if field.kind is Kind.REST:
            if not path:
                document.pop("_id", None)  # the hit's, which is no part of the document
            if document:
                record[field.name] = document
        elif field.kind is Kind.GROUP:
            if group := _take(document, field.fields, path, misfit):
                record[field.name] = group
        else:
            _take_field(document, field, record, path, misfit)
    return record


def _take_field(
    document: Document, field: Field, record: Document, path: str, misfit: Misfit
) -> None:
    for name in field.raw:
        if name not in document:
            continue
        if document[name] is None:
            del document[name]
            if field.kind is not Kind.ID:  # an id that is null is none
                record.setdefault(field.name, None)
        elif record.get(field.name) is None:
            _take_value(document, name, field, record, path, misfit)
        elif document[name] == record[field.name]:
            del document[name]  # says the same under another name


def _take_value(
    document: Document, name: str, field: Field, record: Document, path: str, misfit: Misfit
) -> None:
    try:
        record[field.name], left = _convert(document[name], field, f"{path}{name}", misfit)
    except _MisfitError:
        misfit(f"{path}{name}")
        return
    if left:
        document[name] = left
    else:
        del document[name]


def _convert(value: Any, field: Field, path: str, misfit: Misfit) -> tuple[Any, Any]:  # noqa: ANN401
    """Give a value as its field wants it, and what of it is left."""
    if field.kind is not Kind.OBJECT:
        return CONVERSIONS[field.kind](value), None
    if not isinstance(value, dict):
        raise _MisfitError
    left = {**value}
    record = _take(left, field.fields, f"{path}.", misfit)
    if field.fields[-1].kind is Kind.REST:
        return record, None
    if field.open:
        known = {name for inner in field.fields for name in inner.raw}
        record |= {name: left.pop(name) for name in [*left] if name not in known}
    return record, left


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _MisfitError
    return value


def _id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise _MisfitError
    return value


def _integer(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _MisfitError
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _MisfitError
    return value


def _object(value: object) -> Document:
    if not isinstance(value, dict):
        raise _MisfitError
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _MisfitError
    return value


def _time(value: object) -> str:
    try:
        return utc(value)
    except (ValueError, OverflowError) as error:
        raise _MisfitError from error


CONVERSIONS: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: _id,
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.FREE: _object,
    Kind.LIST: _list,
    Kind.TIME: _time,
}


def utc(value: object) -> str:
    """Write a time as UTC ISO 8601 with milliseconds and `Z`; finer digits are cut.

    Args:
        value: ISO 8601 with any number of fractional digits and any zone, none meaning UTC; a
            date; or milliseconds since the epoch, as the engine's default date format has it.

    Raises:
        ValueError: It is no time.
        OverflowError: It is beyond the years 1 to 9999.
    """
    if isinstance(value, int | float) and value >= EPOCH_MILLIS_FROM:
        time = _EPOCH + timedelta(milliseconds=value)
        return time.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if not isinstance(value, str):
        raise ValueError("no time")  # noqa: TRY004, one way to say so
    value = value.strip()
    if _DATE.fullmatch(value):
        value += "T00:00:00"
    match = _TIME.fullmatch(value)
    if match is None:
        raise ValueError("no time")
    date, clock, fraction, _, sign, hours, minutes = match.groups()
    time = datetime.fromisoformat(f"{date}T{clock}")
    millis = (fraction or "")[:3].ljust(3, "0")
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        time = time - offset if sign == "+" else time + offset
        date, clock = time.isoformat().split("T")
    return f"{date}T{clock}.{millis}Z"


def _scrub(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401
    """Copy a value without some names, at any depth but inside the account's own objects."""
    if isinstance(value, dict):
        return {
            name: inner if name in OWN else _scrub(inner, names)
            for name, inner in value.items()
            if name not in names
        }
    if isinstance(value, list):
        return [_scrub(inner, names) for inner in value]
    return value
