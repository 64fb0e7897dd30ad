"""The error message for a stream without a route, with a route to add.

The route is a proposal for someone who knows the data; it is not used by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from singer_delivery.errors import UnknownStreamError
from singer_delivery.routing import shapes
from singer_delivery.routing.settings import IGNORE, settings_of
from singer_delivery.routing.table import Table
from singer_delivery.routing.yaml import flow, key, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_delivery.reading.streams import InputStream
    from singer_delivery.routing.router import KnownShape

    Settings = Mapping[str, Any]


def advice_for(
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
        known: The shapes that the target has besides Segment's own.
        pattern: The key under `streams` that matches but is incomplete, if there is one.
        settings: What it says; the route to add says it too.
    """
    what, route = _route_for(stream, calls, known)
    name = key(stream.name)
    if pattern is None:
        why = "no route under streams names it, and its schema carries no mark of a known tap"
        if route.get("as") == "segment.warehouse":
            name = _tables_beside(stream.name)
    else:
        why = f"streams.{printable(pattern)} has neither call nor as"
        route = _completed(route, settings)
        if pattern == stream.name:
            what += " The line is for the place of the one that is there."
    line = flow({name: route})[1:-1]
    return UnknownStreamError.sentence.format(
        stream=printable(stream.name), why=why, what=what, line=line
    )


def _route_for(
    stream: InputStream, calls: Sequence[str], known: Mapping[str, KnownShape]
) -> tuple[str, dict[str, Any]]:
    """Return what a stream looks like, and the route to add."""
    for name, shape in known.items():
        if shape.fits(stream):
            return f"It looks like {name}, its mark lost on the way.", {"as": name}
    if shapes.looks_like_a_warehouse(stream.name, stream.fields):
        what = "It looks like a table of a Segment or RudderStack warehouse."
        return what, {"as": "segment.warehouse"}
    if shapes.looks_like_calls(stream.fields):
        return "It looks like Segment's calls.", {"as": "segment.calls"}
    if route := Table.of(stream).route(calls):
        return (
            "All its fields would be sent but those under exclude, so look at them first.",
            route,
        )
    return "Nothing in it says whose its records are.", {"call": IGNORE}


def _completed(route: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Add to a route what the incomplete one says, as far as it means something there."""
    meant = settings_of(route.get("call"))
    said = {name: value for name, value in settings.items() if name in meant}
    if exclude := [*dict.fromkeys([*route.get("exclude", ()), *said.get("exclude", ())])]:
        said["exclude"] = exclude
    return {**route, **said}


def _tables_beside(stream: str) -> str:
    """Return a pattern for all tables of a stream's schema, if its name holds one."""
    match = re.fullmatch(r"(.+?)([-./]|__)([^-./]+)", stream, re.DOTALL)
    return f"{key(match[1])}{match[2]}*" if match else key(stream)
