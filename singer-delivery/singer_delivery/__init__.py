"""From a Singer line to an acknowledged HTTP request.

A target is three things on top of this: where the service is (`DeliveryTarget.service`), how a
record becomes messages (`DeliveryTarget.encoder`), and in what the service differs from one that
takes JSON arrays and answers 2xx (`Service`).

What this module exports is imported when it is first used: a tap that needs `singer_delivery.http`
alone does not import the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from singer_delivery.errors import DeliveryError, RecordRejected, RecordSkipped, ServiceError
    from singer_delivery.reading.streams import Encode, InputStream, NotKnown, NotSent
    from singer_delivery.sending.batching import Message
    from singer_delivery.sending.service import Endpoint, Service
    from singer_delivery.settings import Feature, delivery_settings
    from singer_delivery.target import DeliveryTarget
    from singer_delivery.values import Record

__all__ = [
    "DeliveryError",
    "DeliveryTarget",
    "Encode",
    "Endpoint",
    "Feature",
    "InputStream",
    "Message",
    "NotKnown",
    "NotSent",
    "Record",
    "RecordRejected",
    "RecordSkipped",
    "Service",
    "ServiceError",
    "delivery_settings",
]

_EXPORTED_BY = {
    "errors": ("DeliveryError", "RecordRejected", "RecordSkipped", "ServiceError"),
    "reading.streams": ("Encode", "InputStream", "NotKnown", "NotSent"),
    "sending.batching": ("Message",),
    "sending.service": ("Endpoint", "Service"),
    "settings": ("Feature", "delivery_settings"),
    "target": ("DeliveryTarget",),
    "values": ("Record",),
}
_MODULE_OF = {name: module for module, names in _EXPORTED_BY.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401, each has a type of its own, above
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
