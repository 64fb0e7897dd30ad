"""Settings of a sandbox: keys, limits, and variants of behaviour that Moesif does not document."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from moesif_sandbox.faults import Fault

PORT = 8700


class Settings(NamedTuple):
    """Settings of the services; the command's options of the same names describe them."""

    management_key: str = "sandbox-management-key"
    management_scopes: Collection[str] | None = None  # None: all scopes
    application_id: str = "sandbox-application-id"
    write_key: str = "sandbox-write-key"
    region: str = "us"
    moesif_requests_per_minute: int | None = None
    max_result_window: int = 10_000  # the index setting of this name
    max_buckets: int = 65_535  # `search.max_buckets`
    sort_by_id: bool = True  # `indices.id_field_data.enabled`
    circuit_breaker_bytes: int | None = None
    max_page_bytes: int | None = None
    hits_total: str = "integer"
    without_embedded_subscriptions: bool = False
    null_in_upsert: str = "keep"  # because Moesif's Python client sends null for missing values
    list_in_upsert: str = "replace"
    anonymous_users: bool = False
    activity_moves_modified_time: bool = False
    allow_backfill: bool = False
    latency: float = 0.0  # seconds
    clock_offset_seconds: float = 0.0
    faults: Sequence[Fault] = ()
