"""The values of the shared settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from singer_delivery.settings.features import IGNORE

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The values of the shared settings, described in `delivery_settings`.

    The settings of features that the target does not offer are None.
    """

    batch_size_rows: int
    batch_max_bytes: int
    batch_wait_limit_seconds: float
    lanes: int
    max_requests_per_second: float | None
    request_timeout_seconds: float
    retry_max_seconds: float
    compression: str | None
    rejects_path: str
    max_rejects: int
    changed_only: bool | None
    fingerprints_path: str | None
    fingerprints_lease: str | None
    full_refresh: bool | None
    dry_run: bool
    dry_run_path: str | None
    outcomes_path: str | None
    validate_records: bool
    summary_path: str | None
    history_path: str | None
    spool_path: str
    metrics_path: str | None
    on_removed: str | None = None
    removed_event: str | None = None
    max_removed: float | None = None

    @property
    def removes(self) -> bool:
        """Whether removals are detected."""
        return self.on_removed not in {None, IGNORE}

    @classmethod
    def of(cls, config: Mapping[str, Any], schema: Mapping[str, Any]) -> DeliverySettings:
        """Return the settings from a validated configuration with defaults.

        Args:
            config: All settings.
            schema: JSON schema of all settings; others have no effect.
        """
        declared = schema["properties"]
        # singer-sdk reads fractions as Decimal, which cannot be added to the times of a clock.
        values: dict[str, Any] = {
            name: float(value)
            if isinstance(value := config.get(name), Decimal)
            else value
            if name in declared
            else None
            for name in (field.name for field in fields(cls))
        }
        return cls(**values)
