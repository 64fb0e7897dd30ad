"""Streams that are known by their schema: Segment's calls, its warehouses' tables, tap-moesif's."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def call_of(schema: Mapping[str, Any]) -> str | None:
    """Recognise a stream in the shape of Segment's calls, and say which call."""
    properties = _names(schema)
    if not properties & {"userId", "anonymousId"}:
        return None
    kinds = {"event": "track", "groupId": "group", "traits": "identify"}
    return next((kind for field, kind in kinds.items() if field in properties), None)


# The tables of a Segment warehouse (Segment, "Warehouse Schemas").

TABLES = {
    "identifies": "identify",
    "users": "identify",
    "groups": "group",
    "accounts": "group",
    "tracks": "track",
    "pages": "page",
    "screens": "screen",
    "aliases": "alias",
}

TABLE_MARKS = frozenset({"sent_at", "original_timestamp", "uuid_ts"})
"""Columns of which every table of a warehouse has some, beside `received_at`."""

TABLE_BOOKKEEPING = frozenset(
    {
        *("id", "received_at", "sent_at", "original_timestamp", "timestamp"),
        *("uuid", "uuid_ts", "loaded_at", "event", "event_text"),
    }
)
"""Columns that hold no trait or property of anybody."""

CONTEXT = "context_"
TAP_COLUMNS = "_sdc_"  # what taps and loaders add
DELETED_AT = "_sdc_deleted_at"  # of a row that a replication log says is gone

_CONTEXT_OBJECTS = (
    *("app", "campaign", "device", "library", "location", "network"),
    *("os", "page", "referrer", "screen", "traits"),
)


def table_of(stream: str, schema: Mapping[str, Any]) -> str | None:
    """Recognise a table of a Segment warehouse, and give its name.

    The name says what it is, for a property of an event may be called anything; what tells it
    from a foreign table of that name are columns that only Segment writes.
    """
    properties = _names(schema)
    marked = properties & TABLE_MARKS or any(name.startswith(CONTEXT) for name in properties)
    if not marked or "received_at" not in properties:
        return None
    table = re.split(r"[-./]", stream)[-1].lower()
    if table in TABLES:
        return table
    return table if properties & {"event", "event_text"} else None


@lru_cache(maxsize=1024)
def context_path(column: str) -> tuple[str, ...]:
    """Say where in a context a warehouse's column belongs.

    >>> context_path("context_page_url"), context_path("context_user_agent")
    (('page', 'url'), ('userAgent',))
    """
    name = column.removeprefix(CONTEXT)
    for parent in _CONTEXT_OBJECTS:
        if name.startswith(f"{parent}_"):
            inner = name.removeprefix(f"{parent}_")
            return (parent, inner if parent == "traits" else _camel_case(inner))
    return (_camel_case(name),)


def _camel_case(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


# tap-moesif's streams.


class MoesifStream(Enum):
    """A stream of tap-moesif."""

    USERS = "users"
    COMPANIES = "companies"
    SUBSCRIPTIONS = "subscriptions"
    COHORTS = "cohorts"
    EVENTS = "events"


_ONLY_THERE: dict[MoesifStream, tuple[Collection[str], Collection[str]]] = {
    MoesifStream.EVENTS: ({"id", "requestTime"}, {"eventType", "request"}),
    MoesifStream.SUBSCRIPTIONS: ({"id", "companyId"}, {"trialStart", "currentPeriodStart"}),
    MoesifStream.COHORTS: ({"id", "cohortType"}, {"cohortType"}),
    MoesifStream.COMPANIES: (
        {"id", "modifiedTime"},
        {"created", "ipAddress", "companyDomain", "ttfhw_s"},
    ),
    MoesifStream.USERS: (
        {"id", "modifiedTime"},
        {"firstSeenTime", "lastSeenTime", "last24HourAggResults"},
    ),
}
"""For each stream the fields it always has (its key and replication key, which no selection can
take away), and some of which it has at least one."""


def moesif_stream_of(schema: Mapping[str, Any]) -> MoesifStream | None:
    """Recognise a stream of tap-moesif by its schema, whatever its name.

    A foreign `users` table has not such fields, and must never be sent unasked.
    """
    properties = _names(schema)
    for stream, (always, some) in _ONLY_THERE.items():
        if properties >= {*always} and not properties.isdisjoint(some):
            return stream
    return None


def _names(schema: Mapping[str, Any]) -> set[str]:
    properties = schema.get("properties")
    return {*properties} if isinstance(properties, dict) else set()
