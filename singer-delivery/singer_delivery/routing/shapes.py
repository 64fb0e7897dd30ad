"""The shapes of every target: Segment's calls, and the tables of its warehouses."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from singer_delivery.routing.route import Route

if TYPE_CHECKING:
    from collections.abc import Iterable

# Columns that taps and loaders add.

BOOKKEEPING_PREFIX = "_sdc_"

_DELETED = frozenset(
    {
        "_ab_cdc_deleted_at",  # Airbyte
        "_cdc_deleted_at",
        "_fivetran_deleted",
        "_peerdb_is_deleted",
        "__deleted",  # Debezium
        "__hevo__marked_deleted",
    }
)

_NOT_DELETED = frozenset({"", "false", "f", "no", "n", "0"})


def is_bookkeeping(name: str) -> bool:
    """Return whether a column was added by a tap or a loader."""
    return name.lower().startswith(BOOKKEEPING_PREFIX)


def marks_deleted(name: str) -> bool:
    """Return whether a column marks a row as deleted, by a time or a boolean.

    >>> [*map(marks_deleted, ("_SDC_LSN_DELETED_AT", "__deleted", "deleted_at", "_sdc_batched_at"))]
    [True, True, False, False]
    """
    return name.lower() in _DELETED or (is_bookkeeping(name) and "deleted" in name.lower())


def is_deleted(value: object) -> bool:
    """Return whether the decoded value of such a column marks its row as deleted.

    >>> [*map(is_deleted, ("2026-01-31", True, "t", None, False, 0, "FALSE", "f", " "))]
    [True, True, True, False, False, False, False, False, False]
    """
    return value.strip().lower() not in _NOT_DELETED if isinstance(value, str) else bool(value)


# Segment's calls, in the form of its file destinations (Segment, "Spec: Common Fields").

CALL_ENVELOPE = frozenset(
    {
        *("type", "messageid", "userid", "anonymousid", "previousid", "context", "integrations"),
        *("timestamp", "originaltimestamp", "sentat", "receivedat", "writekey", "projectid"),
        *("channel", "version", "_metadata"),
    }
)
"""The fields of a call besides its content, in lower case."""

_TYPICAL_ENVELOPE = frozenset(
    {
        *("messageid", "anonymousid", "originaltimestamp", "sentat", "receivedat"),
        *("writekey", "projectid", "integrations", "_metadata"),
    }
)
"""The typical ones; a stream with two of them contains calls."""

SEGMENT_CALLS = Route(
    call="",
    shape="segment.calls",
    fields={
        "userId": ("userId", "user_id"),
        "anonymousId": ("anonymousId", "anonymous_id"),
        "groupId": ("groupId", "group_id"),
        "previousId": ("previousId", "previous_id"),
        "event": ("event",),
        "name": ("name",),
        "category": ("category",),
        "messageId": ("messageId", "message_id"),
        "integrations": ("integrations",),
        "timestamp": ("timestamp", "originalTimestamp", "original_timestamp"),
    },
    context="context",
    by_type=True,
    by_fields=True,
    own_content=True,
    objects=frozenset({"traits", "properties", "context", "integrations"}),
)

RAW_CALLS = replace(SEGMENT_CALLS, by_fields=False)
"""Calls that are recognised without a route; they must have a type."""


CONTEXT_FIELDS = {
    name.lower(): name
    for name in (
        *("active", "app", "campaign", "channel", "consent", "device", "groupId", "ip", "library"),
        *("locale", "location", "network", "os", "page", "referrer", "screen", "timezone"),
        *("traits", "userAgent", "userAgentData"),
    )
}
"""The fields of a context (Segment, "Spec: Common Fields"), by their names in lower case."""


def is_raw_call(names: Iterable[str]) -> bool:
    """Return whether the fields of a stream are those of Segment's calls."""
    lower = {name.lower() for name in names}
    return lower >= {"messageid", "type"} and not lower.isdisjoint({"userid", "anonymousid"})


def envelope_of(names: Iterable[str]) -> frozenset[str]:
    """Return the names of a call's envelope, in lower case, if a stream has some of them."""
    lower = {name.lower() for name in names}
    return CALL_ENVELOPE if len(lower & _TYPICAL_ENVELOPE) > 1 else frozenset()


def looks_like_calls(names: Iterable[str]) -> bool:
    """Return whether the field names of records look like those of calls."""
    lower = {name.lower().replace("_", "") for name in names}
    has_user = not lower.isdisjoint({"userid", "anonymousid"})
    return bool(envelope_of(names)) or (has_user and not lower.isdisjoint({"traits", "properties"}))


# The tables of a Segment warehouse (Segment, "Warehouse Schemas"); RudderStack's are similar.

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

TABLE_BOOKKEEPING = frozenset(
    {
        *("id", "received_at", "sent_at", "original_timestamp", "timestamp"),
        *("uuid", "uuid_ts", "loaded_at", "event", "event_text"),
    }
)
"""Columns that are neither traits nor properties, in lower case."""

CONTEXT_PREFIX = "context_"

_TYPICAL_COLUMNS = frozenset({"sent_at", "original_timestamp", "uuid_ts"})

_TABLE_FIELDS: dict[str, tuple[str, ...]] = {
    "userId": ("user_id",),
    "anonymousId": ("anonymous_id",),
    "event": ("event_text", "event"),
    "timestamp": ("timestamp", "original_timestamp", "received_at"),
    "messageId": ("id",),
}
_TABLE_FIELDS_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "users": {"userId": ("id",), "messageId": ()},
    "accounts": {"groupId": ("id",), "messageId": ()},
    "groups": {"groupId": ("group_id",)},
    "aliases": {"previousId": ("previous_id",)},
    "pages": {"name": ("name",), "category": ("category",)},
    "screens": {"name": ("name",), "category": ("category",)},
}

_CONTEXT_OBJECTS = (
    *("app", "campaign", "device", "library", "location", "network"),
    *("os", "page", "referrer", "screen", "traits"),
)


def table_of(stream: str) -> str:
    """Return the table name of a stream, without its schema and without `_view`.

    >>> table_of("PROD-IDENTIFIES"), table_of("web__signed_up_view")
    ('identifies', 'signed_up')
    """
    return re.split(r"[-./]|__", stream)[-1].lower().removesuffix("_view")


def warehouse_route(stream: str) -> Route:
    """Return the route that turns the rows of a warehouse table into calls."""
    table = table_of(stream)
    call = TABLES.get(table, "track")
    return Route(
        call=call,
        shape="segment.warehouse",
        fields={**_TABLE_FIELDS, **_TABLE_FIELDS_OF.get(table, {})},
        literals={} if table in TABLES else {"event": table},
        context_columns=True,
        lower_case=True,
        dropped=TABLE_BOOKKEEPING,
    )


def looks_like_a_warehouse(stream: str, names: Iterable[str]) -> bool:
    """Return whether a table looks like one of a warehouse, by its columns and name."""
    lower = {name.lower() for name in names}
    marked = lower & _TYPICAL_COLUMNS or any(name.startswith(CONTEXT_PREFIX) for name in lower)
    return "received_at" in lower and bool(marked or table_of(stream) in TABLES)


@lru_cache(maxsize=1024)
def context_path(column: str) -> tuple[str, ...]:
    """Return the path in the context for a warehouse's column.

    >>> context_path("context_page_url"), context_path("CONTEXT_USER_AGENT")
    (('page', 'url'), ('userAgent',))
    """
    name = column.lower().removeprefix(CONTEXT_PREFIX)
    for parent in _CONTEXT_OBJECTS:
        if name.startswith(f"{parent}_"):
            inner = name.removeprefix(f"{parent}_")
            return (parent, inner if parent == "traits" else _camel_case(inner))
    return (_camel_case(name),)


def _camel_case(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)
