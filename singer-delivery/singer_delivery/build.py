"""Builds the delivery of a run by its settings: files, connections, clock."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from singer_delivery.delivery import Delivery, write_state
from singer_delivery.http import host_of
from singer_delivery.rejects.file import Rejects
from singer_delivery.reporting.dry_run import DryRun, Preview
from singer_delivery.reporting.progress import progress_on
from singer_delivery.sending.batching import Limits
from singer_delivery.sending.connection import HttpConnection
from singer_delivery.sending.lanes import Destination
from singer_delivery.sending.retry import Advice
from singer_delivery.state.fingerprint_file import FingerprintFile
from singer_delivery.state.fingerprints import Fingerprints

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    import msgspec

    from singer_delivery.reading.lines import Wakeup
    from singer_delivery.sending.lane import Connection
    from singer_delivery.sending.service import Service
    from singer_delivery.settings import DeliverySettings


def build_delivery(
    name: str,
    settings: DeliverySettings,
    service: Service,
    *,
    sender: Sender,
    max_body_bytes: int,
    wakeup: Wakeup,
    interrupt: Callable[[], None],
    logger: logging.Logger,
) -> Delivery:
    """Build the delivery of one run; its lanes are started.

    Args:
        name: The target's name, for the names of files.
        settings: The shared settings.
        service: The service to write to.
        sender: Who sends.
        max_body_bytes: The largest body that the service takes.
        wakeup: Ends a wait of the reading thread.
        interrupt: Called at each turn; raises where the run must end.
        logger: Takes the progress.
    """
    dry_run = _dry_run(settings, service) if settings.dry_run else None
    fingerprints = _fingerprints(name, settings)
    today = datetime.now(timezone.utc).date().isoformat()
    envelope = len(service.body([]))
    limits = [
        Limits(
            rows=settings.batch_size_rows,
            size=min(settings.batch_max_bytes, endpoint.max_bytes),
            envelope=envelope,
            seconds=settings.batch_wait_limit_seconds,
            message=min(max_body_bytes, endpoint.max_bytes) - envelope,
        )
        for endpoint in service.endpoints
    ]

    def connect() -> Connection:
        return dry_run or HttpConnection(
            service,
            timeout=settings.request_timeout_seconds,
            compress=settings.compression == "gzip",
            user_agent=sender.user_agent,
            secrets=sender.secrets,
        )

    advice = Advice(host_of(service.endpoints[0].url), sender.keys, sender.addresses)
    destination = Destination(limits, connect, advice)
    if dry_run:
        destination = replace(destination, open=dry_run.open)
    return Delivery(
        settings,
        destination=destination,
        rejects=Rejects(
            filled_in(settings.rejects_path, target=name, date=today),
            lambda: datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            keep=not settings.dry_run,
        ),
        wakeup=wakeup,
        checkpoint=_write_nothing if dry_run else write_state,
        interrupt=interrupt,
        progress=progress_on(sys.stderr, logger),
        fingerprints=fingerprints,
        preview=Preview(service.endpoints) if dry_run else None,
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, as the service and the operator are told.

    Attributes:
        user_agent: The User-Agent header.
        keys: The names of the secret settings.
        secrets: Their values.
        addresses: The names of the settings that say where the service is.
    """

    user_agent: str
    keys: Sequence[str]
    secrets: Sequence[str]
    addresses: Sequence[str]


def _dry_run(settings: DeliverySettings, service: Service) -> DryRun:
    path = settings.dry_run_path
    return DryRun(service, filled_in(path) if path else None)


def _fingerprints(name: str, settings: DeliverySettings) -> Fingerprints | None:
    if not settings.changed_only or not settings.fingerprints_path:
        return None
    path = filled_in(settings.fingerprints_path, target=name)
    file = FingerprintFile(path, keep=not settings.dry_run)
    return Fingerprints(file, again=bool(settings.full_refresh))


def _write_nothing(_state: msgspec.Raw) -> None:
    """Write no STATE, because nothing was delivered."""


def filled_in(template: str, **names: str) -> Path:
    """Return the path of a setting, with its `{names}` filled in."""
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", value)
    return Path(template).expanduser()
