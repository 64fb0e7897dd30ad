"""Segment's `integrations` of a call: the destinations that receive it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from singer_delivery.routing import paths
from singer_delivery.routing.calls import MOESIF_DESTINATION
from singer_delivery.values import NULL, as_object, object_in_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from singer_delivery.routing.route import Route
    from singer_delivery.values import Record

    Call = dict[str, Any]

ALL_DESTINATIONS = "All"
"""The key of `integrations` for all destinations without a key of their own."""

_DESTINATIONS = {
    "all": ALL_DESTINATIONS,
    "moesifapianalytics": MOESIF_DESTINATION,
}
"""The known keys of `integrations`, in lower case, letters only."""


def destination(name: str) -> str:
    """Return a key of `integrations` as Segment writes it, if it is known.

    Some taps lower-case names, or replace their spaces.

    >>> destination("ALL"), destination("moesif_api_analytics"), destination("Mixpanel")
    ('All', 'Moesif API Analytics', 'Mixpanel')
    """
    return _DESTINATIONS.get(_plain(name), name)


class IntegrationsReader:
    """Completes the integrations of calls.

    A row of an application's or a warehouse's table may have its own integrations. They are used if
    they name a known destination; any other value is content.

    Args:
        route: The route of the stream.
        names: The possible field names of the records.
        recases: Whether names may differ from Segment's in letter case.
    """

    def __init__(self, route: Route, names: Collection[str], *, recases: bool) -> None:
        is_table = not route.by_type and route.shape in {"", "segment.warehouse"}
        self._column = paths.find(names, "integrations") if is_table else None
        self._recases = recases

    def __call__(self, call: Call, record: Record) -> None:
        """Complete a call, and remove what it uses from its record."""
        if self._column is not None and "integrations" not in call:
            found = as_object(object_in_text(record.get(self._column, NULL))) or {}
            if any(_plain(name) in _DESTINATIONS for name in found):
                call["integrations"] = found
                del record[self._column]
        if self._recases and isinstance(brought := call.get("integrations"), dict):
            call["integrations"] = {destination(name): raw for name, raw in brought.items()}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
