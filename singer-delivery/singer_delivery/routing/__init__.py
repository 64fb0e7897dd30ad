"""Which call a record becomes, in the vocabulary of Segment's specification.

`Router` finds a stream's `Route`; `RoutedStream` applies it to its records and has the target make
messages of the calls.
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
