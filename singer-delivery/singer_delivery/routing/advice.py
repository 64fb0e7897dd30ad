"""The error message for a stream without a route, with a route to add.

The route is a proposal for someone who knows the data; it is not used by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from singer_delivery.errors import UnknownStreamError
from singer_delivery.routing import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_delivery.reading.streams import InputStream
    from singer_delivery.routing.router import KnownShape

_PEOPLE = re.compile(
    "user|customer|client|contact|person|people|member|lead|subscriber|employee|patient|student"
    "|profile"
)
_COMPANIES = re.compile("compan|account|organi[sz]ation|tenant|workspace|team|firm")
_HAPPENINGS = re.compile(
    "order|invoice|payment|charge|booking|transaction|purchase|subscription|refund|ticket|session"
    "|visit|event|log|audit|history|message|item|product"
)
_OF_A_PERSON = re.compile("e?mail(address)?|(first|last|given|family|full)name|username")
_NAME_OF_A_PERSON = re.compile("(first|last|given|family|full)name")
_USER_ID = re.compile(
    "(user|customer|client|contact|person|member|subscriber|buyer|owner)(id|uuid)"
)
_GROUP_ID = re.compile("(group|company|organi[sz]ation|org|team|tenant|workspace)(id|uuid)")
_TIME = re.compile("(created|occurred|happened|placed|sent|logged)at|(event|request)?time(stamp)?")
_PLAIN = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_WORDS_OF_YAML = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def advice_for(
    stream: InputStream,
    calls: Sequence[str],
    known: Mapping[str, KnownShape],
    pattern: str | None,
) -> str:
    """Return the error message, with the route to add to the settings.

    Args:
        stream: The stream.
        calls: The calls that the target can make.
        known: The shapes that the target has besides Segment's own.
        pattern: The key under `streams` that matches but is incomplete, if there is one.
    """
    what, key, line = _line_for(stream, calls, known)
    why = (
        "no route under streams names it, and its schema carries no mark of a known tap"
        if pattern is None
        else f"streams.{pattern} has neither call nor as"
    )
    return UnknownStreamError.sentence.format(
        stream=stream.name, why=why, what=what, line=f"{_quoted(key)}: {line}"
    )


def _line_for(
    stream: InputStream, calls: Sequence[str], known: Mapping[str, KnownShape]
) -> tuple[str, str, str]:
    """Return what a stream looks like, and the key and value of the line to add."""
    for name, shape in known.items():
        if shape.fits(stream):
            return (
                f"It looks like {name}, its mark lost on the way.",
                stream.name,
                f"{{as: {name}}}",
            )
    if shapes.looks_like_a_warehouse(stream.name, stream.fields):
        what = "It looks like a table of a Segment or RudderStack warehouse."
        return what, _of_the_schema(stream.name), "{as: segment.warehouse}"
    if shapes.looks_like_calls(stream.fields):
        return "It looks like Segment's calls.", stream.name, "{as: segment.calls}"
    line = _line_by_fields(stream, calls)
    what = (
        "All its fields would be sent but those under exclude, so look at them first."
        if line
        else "Nothing in it says whose its records are."
    )
    return what, stream.name, line or "{call: ignore}"


def _line_by_fields(stream: InputStream, calls: Sequence[str]) -> str | None:
    """Propose a route by the fields of a table, if they allow one."""
    fields = {re.sub(r"[\W_]", "", name).lower(): name for name in stream.fields}
    table = re.sub(r"[\W_]", "", shapes.table_of(stream.name))
    key = stream.key_properties[0] if len(stream.key_properties) == 1 else fields.get("id")
    users = [name for plain, name in fields.items() if _USER_ID.fullmatch(plain)]
    groups = [name for plain, name in fields.items() if _GROUP_ID.fullmatch(plain)]
    person = [plain for plain in fields if _OF_A_PERSON.fullmatch(plain)]
    if len(users) == 1 and users != [key]:
        return _line_of_a_user(stream, fields, users[0], groups)
    if users and users != [key]:
        return None
    if _COMPANIES.search(table) and not _PEOPLE.search(table):
        return (
            f"{{call: company, group_id: {_quoted(key)}}}" if key and "company" in calls else None
        )
    named = any(_NAME_OF_A_PERSON.fullmatch(plain) for plain in fields)
    of_people = bool(_PEOPLE.search(table)) or (named and not _HAPPENINGS.search(table))
    if key and person and of_people and not _HAPPENINGS.search(table):
        return f"{{call: identify, user_id: {_quoted(key)}}}"
    return None


def _line_of_a_user(
    stream: InputStream, fields: Mapping[str, str], user: str, groups: Sequence[str]
) -> str:
    """Propose a route for a table whose rows have a user id."""
    if len(groups) == 1 and not _HAPPENINGS.search(stream.name.lower()):
        return f"{{call: group, user_id: {_quoted(user)}, group_id: {_quoted(groups[0])}}}"
    table = shapes.table_of(stream.name)
    words = re.sub(r"[\W_]+", " ", table).strip().title()
    event = _quoted(fields["event"]) if "event" in fields else f"{{literal: {_quoted(words)}}}"
    times = [name for plain, name in fields.items() if _TIME.fullmatch(plain)]
    time = f", timestamp: {_quoted(times[0])}" if len(times) == 1 else ""
    return f"{{call: track, user_id: {_quoted(user)}, event: {event}{time}}}"


def _of_the_schema(stream: str) -> str:
    """Return a pattern for all tables of a stream's schema, if its name holds one."""
    match = re.fullmatch(r"(.+?)([-./]|__)([^-./]+)", stream)
    return f"{match[1]}{match[2]}*" if match else stream


def _quoted(text: str) -> str:
    """Quote a text for a YAML flow mapping, if needed."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
