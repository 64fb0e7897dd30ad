"""Turns records into calls, in the terms of Segment's specification.

`Router` finds the `Route` of a stream. `RoutedStream` applies it to the records, and passes the
calls to the target, which makes messages.
"""

from singer_delivery.routing.calls import (
    EVENTS,
    MOESIF_CALLS,
    MOESIF_DESTINATION,
    SEGMENT_CALLS,
    content_of,
)
from singer_delivery.routing.encoding import DeletedRows, RoutedStream
from singer_delivery.routing.integrations import ALL_DESTINATIONS, destination
from singer_delivery.routing.route import Route
from singer_delivery.routing.router import KnownShape, Router
from singer_delivery.routing.settings import streams_setting

__all__ = [
    "ALL_DESTINATIONS",
    "EVENTS",
    "MOESIF_CALLS",
    "MOESIF_DESTINATION",
    "SEGMENT_CALLS",
    "DeletedRows",
    "KnownShape",
    "Route",
    "RoutedStream",
    "Router",
    "content_of",
    "destination",
    "streams_setting",
]
