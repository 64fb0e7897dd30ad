"""From a Singer line to an acknowledged HTTP request.

A target is three things on top of this: how a record becomes a message (`DeliveryTarget.encoder`),
how a batch of messages becomes a request and how an answer reads (`Service`).
"""

from singer_delivery.errors import DeliveryError, RecordRejected, RecordSkipped, ServiceError
from singer_delivery.reading.streams import InputStream, NotKnown, NotSent
from singer_delivery.sending.batching import Message
from singer_delivery.sending.service import Endpoint, Service
from singer_delivery.settings import delivery_settings
from singer_delivery.target import DeliveryTarget

__all__ = [
    "DeliveryError",
    "DeliveryTarget",
    "Endpoint",
    "InputStream",
    "Message",
    "NotKnown",
    "NotSent",
    "RecordRejected",
    "RecordSkipped",
    "Service",
    "ServiceError",
    "delivery_settings",
]
