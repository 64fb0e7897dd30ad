"""The settings that all targets share."""

from singer_delivery.settings.features import DELETE, EVENT, IGNORE, NULL_TRAITS, Feature
from singer_delivery.settings.shared import delivery_settings
from singer_delivery.settings.validation import setting_errors
from singer_delivery.settings.values import DeliverySettings

__all__ = [
    "DELETE",
    "EVENT",
    "IGNORE",
    "NULL_TRAITS",
    "DeliverySettings",
    "Feature",
    "delivery_settings",
    "setting_errors",
]
