"""What a line of the page's lists says of a message, a profile or a request.

Anything may be of any type here: what Segment discards and what accounts hold is as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from moesif_sandbox.moesif_times import moment_of, parse_stored
from moesif_sandbox.request_log import has_failed
from moesif_sandbox.segment_times import parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from moesif_sandbox.moesif_dsl import Json

_LONGEST = 120  # characters
_IDS = ("userId", "anonymousId", "groupId", "user_id", "anonymous_id", "subscription_id",
        "company_id")  # fmt: skip
_KB = 1_000


class Row(NamedTuple):
    """One line: a word in front, what it is about, some facts, and when it was."""

    title: str
    facts: tuple[str, ...] = ()
    mark: str = ""
    time: str = ""
    failed: bool = False


def text(value: object) -> str:
    """Return anything as a short text."""
    if value is None:
        return ""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def message(given: object) -> Row:
    """Return the line of a message that Segment took."""
    fields = fields_of(given)
    traits = fields_of(fields.get("traits"))
    return Row(
        title=text(fields.get("event")) or text(traits.get("name")) or _id(fields),
        facts=_facts(_id(fields), traits.get("email")),
        mark=text(fields.get("type")),
        time=clock_time(parse_time(fields.get("receivedAt"))),
    )


def discarded(given: object) -> Row:
    """Return the line of a message that Segment dropped in silence, with the reason."""
    reason, dropped = given if isinstance(given, tuple) else ("", given)
    row = message(dropped)
    return row._replace(title=row.title or text(dropped), mark=text(reason), failed=True)


def refusal(given: object) -> Row:
    """Return the line of a request that Segment refused as a whole."""
    return Row(text(given), mark="400", failed=True)


def element(given: object) -> Row:
    """Return the line of an element that Moesif's collector took."""
    fields = fields_of(given)
    metadata = fields_of(fields.get("metadata"))
    named = (fields.get("action_name"), metadata.get("name"), fields.get("company_domain"))
    time = fields.get("modified_time") or fields_of(fields.get("request")).get("time")
    return Row(
        title=next(filter(None, map(text, named)), "") or _id(fields),
        facts=_facts(_id(fields), metadata.get("email")),
        time=clock_time(_moment(time)),
    )


def collector_refusal(given: object) -> Row:
    """Return the line of a request that Moesif's collector refused as a whole."""
    fields = fields_of(given)
    facts = _facts(fields.get("path"), fields.get("detail"))
    return Row(text(fields.get("reason")), facts, text(fields.get("status")), failed=True)


def user(source: Json) -> Row:
    """Return the line of a user in Moesif."""
    company = fields_of(source.get("company"))
    named = text(source.get("name")) or text(source.get("email")) or _id(source)
    of = text(company.get("name")) or source.get("company_id")
    return Row(named, _facts(_id(source), of), time=_modified(source))


def company(source: Json) -> Row:
    """Return the line of a company in Moesif."""
    named = text(source.get("name")) or text(source.get("company_domain")) or _id(source)
    facts = _facts(source.get("company_id"), source.get("company_domain"))
    return Row(named, facts, time=_modified(source))


def request(given: object) -> Row:
    """Return the line of a logged request."""
    fields = fields_of(given)
    records = fields.get("records")
    return Row(
        title=f"{text(fields.get('method'))} {text(fields.get('path'))}",
        facts=_facts(
            counted(records, "record") if isinstance(records, int) and records else None,
            f"{_number(fields.get('milliseconds')):,.0f} ms",
            f"{size(fields.get('bytes_in'))} in",
            f"{size(fields.get('bytes_out'))} out",
            f"fault: {text(fields.get('fault'))}" if fields.get("fault") else None,
        ),
        mark=text(fields.get("status")) or "no answer",
        time=clock_time(parse_time(fields.get("at"))),
        failed=has_failed(fields),
    )


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(value: object) -> str:
    """Return a number of bytes as people say it."""
    number = _number(value)
    if number < _KB:
        return f"{number:.0f} B"
    return f"{number / _KB:,.0f} kB" if number < _KB * _KB else f"{number / _KB / _KB:,.1f} MB"


def clock_time(moment: datetime | None) -> str:
    """Return a time of day in UTC, to the second."""
    return "" if moment is None else f"{moment:%H:%M:%S}"


def _modified(source: Json) -> str:
    moment = _moment(source.get("modified_time"))
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def _moment(value: object) -> datetime | None:
    stored = parse_stored(value)
    try:
        return None if stored is None else moment_of(stored)
    except OverflowError:  # before the calendar's first year
        return None


def _facts(*values: object) -> tuple[str, ...]:
    return tuple(filter(None, map(text, values)))


def _id(fields: Json) -> str:
    return next((text(fields[name]) for name in _IDS if fields.get(name)), "")


def fields_of(value: object) -> Json:
    """Return an object's fields; what is none has none."""
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) else 0
