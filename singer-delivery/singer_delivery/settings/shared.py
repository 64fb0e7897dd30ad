"""Declares the settings that all targets share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery.settings.features import EVENT, feature_settings, settings_without
from singer_delivery.settings.reporting import reject_settings, reporting_settings
from singer_delivery.settings.sending import sending_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from singer_sdk import typing as th

    from singer_delivery.settings.features import Feature


def delivery_settings(
    *,
    rows: int,
    size: int,
    largest: int | None = None,
    features: Collection[Feature] = (),
    removals: Sequence[str] = (EVENT,),
) -> list[th.Property[Any]]:
    """Declare the settings that all targets share.

    Args:
        rows: The service's maximum number of messages in a batch.
        size: The default of `batch_max_bytes`.
        largest: The service's maximum size of a body, in bytes; by default `size`.
        features: The features that the target offers; others have no settings.
        removals: The values of `on_removed` besides `ignore`.
    """
    declared = [
        *sending_settings(rows, size, largest or size),
        *reject_settings(),
        *feature_settings(removals),
        *reporting_settings(),
    ]
    missing = settings_without(features)
    return [setting for setting in declared if setting.name not in missing]
