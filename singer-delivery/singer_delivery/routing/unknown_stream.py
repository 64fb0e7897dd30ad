"""The error message for a stream without a route, with a route to add.

The route is a suggestion to check; it is never used automatically.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from singer_delivery.errors import UnknownStreamError
from singer_delivery.routing import paths, shapes
from singer_delivery.routing.settings import IGNORE, settings_of
from singer_delivery.routing.table import Table
from singer_delivery.routing.yaml import flow, key, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_delivery.reading.streams import InputStream
    from singer_delivery.routing.router import KnownShape

    Settings = Mapping[str, Any]

_BYTE_ORDER_MARK = "\ufeff"
_READ_WITHOUT_MARK = "Have the tap read its file with the encoding utf-8-sig."


def unknown_stream_message(
    stream: InputStream,
    calls: Sequence[str],
    known: Mapping[str, KnownShape],
    pattern: str | None,
    settings: Settings,
) -> str:
    """Return the error message, with the route to add to the settings.

    Args:
        stream: The stream.
        calls: The calls that the target can make.
        known: The target's shapes besides Segment's.
        pattern: The key of the incomplete route under `streams` that matches, if any.
        settings: That incomplete route, which is part of the route to add.
    """
    what, route = _route_for(stream, calls, known)
    if any(name.startswith(_BYTE_ORDER_MARK) for name in stream.fields):
        what = f"The name of a field begins with a byte order mark. {_READ_WITHOUT_MARK} {what}"
    name = key(stream.name)
    if pattern is None:
        why = "no route under streams matches it, and its schema has no mark of a known tap"
        if route.get("as") == "segment.warehouse":
            name = _tables_beside(stream.name)
    else:
        why = f"streams.{printable(pattern)} has neither call nor as"
        route = _completed(route, settings)
        if pattern == stream.name:
            what += " The line replaces the existing one."
    line = flow({name: route})[1:-1]
    return UnknownStreamError.sentence.format(
        stream=printable(stream.name), why=why, what=what, line=line
    )


def _route_for(
    stream: InputStream, calls: Sequence[str], known: Mapping[str, KnownShape]
) -> tuple[str, dict[str, Any]]:
    """Return a description of a stream, and the route to add."""
    for name, shape in known.items():
        if shape.fits(stream):
            return f"It looks like {name} without its mark.", {"as": name}
    if shapes.looks_like_a_warehouse(stream.name, stream.fields):
        what = "It looks like a table of a Segment or RudderStack warehouse."
        return what, {"as": "segment.warehouse"}
    if shapes.looks_like_calls(stream.fields):
        return "It looks like Segment calls.", {"as": "segment.calls"}
    if route := Table.of(stream).route(calls):
        return (
            "All its fields except those under exclude would be sent, so check them first.",
            route,
        )
    return "No field identifies the user or company of its records.", {"call": IGNORE}


def _completed(route: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Add the settings of an incomplete route to a route, if they have an effect there."""
    effective = settings_of(route.get("call"))
    added = {name: value for name, value in settings.items() if name in effective}
    if exclude := [*dict.fromkeys([*route.get("exclude", ()), *added.get("exclude", ())])]:
        added["exclude"] = exclude
    return {**route, **added}


def _tables_beside(stream: str) -> str:
    """Return a pattern for all tables of a stream's schema, if its name contains one."""
    match = re.fullmatch(r"(.+?)([-./]|__)([^-./]+)", stream, re.DOTALL)
    return f"{key(match[1])}{match[2]}*" if match else key(stream)


def with_byte_order_mark(path: str, fields: Sequence[str]) -> str:
    """Return a hint if a field has a name but for a byte order mark, or an empty text."""
    found = paths.find(fields, f"{_BYTE_ORDER_MARK}{path}")
    return f": there it begins with a byte order mark. {_READ_WITHOUT_MARK[:-1]}" if found else ""
