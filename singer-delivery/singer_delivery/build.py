"""Builds the delivery of a run from its settings."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from singer_delivery.delivery import Delivery
from singer_delivery.errors import OutcomesFileError, RejectsFileError
from singer_delivery.files import filled_in
from singer_delivery.fingerprints.changes import Fingerprints, entity_key
from singer_delivery.fingerprints.stores import fingerprint_store
from singer_delivery.http import host_of
from singer_delivery.rejects.file import Rejects
from singer_delivery.removals.comparison import RemovalDetector
from singer_delivery.reporting.dry_run import DryRun, Preview
from singer_delivery.reporting.meter import Meter
from singer_delivery.reporting.outcomes import Outcomes
from singer_delivery.reporting.progress import progress_on
from singer_delivery.reporting.reports import Reports
from singer_delivery.reporting.run import utc_now
from singer_delivery.sending.batching import Limits
from singer_delivery.sending.connection import HttpConnection
from singer_delivery.sending.lanes import Destination
from singer_delivery.sending.retry import ServiceErrors
from singer_delivery.state.writer import write_state

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    import msgspec

    from singer_delivery.output import Output
    from singer_delivery.reading.lines import Wakeup
    from singer_delivery.reporting.run import Run
    from singer_delivery.sending.lane import Connection
    from singer_delivery.sending.service import Service
    from singer_delivery.settings import DeliverySettings


def build_delivery(
    run: Run,
    settings: DeliverySettings,
    service: Service,
    *,
    output: Output,
    sender: Sender,
    max_body_bytes: int,
    wakeup: Wakeup,
    interrupt: Callable[[], None],
    logger: logging.Logger,
    keeps_state: bool = True,
) -> Delivery:
    """Build the delivery of one run; its lanes are started.

    Args:
        run: The run, whose names are filled in.
        settings: The shared settings.
        service: The service to write to.
        output: The files of the run.
        sender: The sender.
        max_body_bytes: The maximum size of a body.
        wakeup: Ends a wait of the reading thread.
        interrupt: Called regularly; raises if a signal ends the run.
        logger: Logs the progress.
        keeps_state: Whether STATE is written.
    """
    dry_run = _dry_run(settings, service) if settings.dry_run else None

    def wait(seconds: float) -> None:
        wakeup.wait(seconds)
        interrupt()

    fingerprints = _fingerprints(run.target, settings, sender, wait)
    removals = None
    if fingerprints and settings.removes and keeps_state:
        removals = RemovalDetector(
            fingerprints.store,
            destination=entity_key(sender.tenant),
            max_removed=settings.max_removed or 0.0,
            compares=settings.fingerprints_lease is None,
            log=logger.info,
        )
    envelope = len(service.body([]))
    limits = [
        Limits(
            rows=1 if endpoint.deletes else settings.batch_size_rows,
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
            secrets=[*sender.secrets, *sender.other_secrets],
        )

    others = {
        number: ServiceErrors(
            host_of(endpoint.url), endpoint.deletes.keys, endpoint.deletes.addresses
        )
        for number, endpoint in enumerate(service.endpoints)
        if endpoint.deletes
    }
    errors = ServiceErrors(host_of(service.endpoints[0].url), sender.keys, sender.addresses, others)
    destination = Destination(limits, connect, errors)
    if dry_run:
        destination = replace(destination, open=dry_run.open)
    return Delivery(
        settings,
        destination=destination,
        rejects=Rejects(
            output.lines("rejects_path", RejectsFileError), utc_now, enabled=not settings.dry_run
        ),
        wakeup=wakeup,
        checkpoint=write_state if keeps_state and not dry_run else _write_nothing,
        interrupt=interrupt,
        reports=Reports(
            progress_on(sys.stderr, logger),
            preview=Preview(service.endpoints) if dry_run else None,
            outcomes=None if dry_run else _outcomes(run, settings, service, output),
            meter=None if dry_run else _meter(run, settings, service),
        ),
        fingerprints=fingerprints,
        removals=removals,
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of requests.

    Attributes:
        user_agent: The User-Agent header.
        keys: The names of the secret settings that identify the destination.
        secrets: Their values.
        addresses: The names of the settings that contain the service's address.
        other_secrets: The values of other secret settings, to mask in logs too.
        tenant: Identifies the destination, for `entity_key`.
    """

    user_agent: str
    keys: Sequence[str]
    secrets: Sequence[str]
    addresses: Sequence[str]
    other_secrets: Sequence[str] = ()
    tenant: bytes = b""


def _dry_run(settings: DeliverySettings, service: Service) -> DryRun:
    path = settings.dry_run_path
    return DryRun(service, filled_in(path) if path else None)


def _fingerprints(
    name: str, settings: DeliverySettings, sender: Sender, wait: Callable[[float], None]
) -> Fingerprints | None:
    if not settings.changed_only or not settings.fingerprints_path:
        return None
    store = fingerprint_store(
        settings.fingerprints_path,
        name,
        sender.secrets,
        shared=settings.fingerprints_lease,
        writable=not settings.dry_run,
        wait=wait,
    )
    return Fingerprints(
        store,
        full_refresh=bool(settings.full_refresh),
        invalidates_reads=not settings.removes and not settings.dry_run,
    )


def _outcomes(
    run: Run, settings: DeliverySettings, service: Service, output: Output
) -> Outcomes | None:
    if not settings.outcomes_path:
        return None
    return Outcomes(output.lines("outcomes_path", OutcomesFileError), run, service.endpoints)


def _meter(run: Run, settings: DeliverySettings, service: Service) -> Meter:
    if not settings.metrics_path:
        return Meter(service.endpoints)
    from singer_delivery.reporting.textfile import Textfile  # noqa: PLC0415, rarely needed

    path = filled_in(settings.metrics_path, target=run.target)
    return Meter(service.endpoints, Textfile(path, run))


def _write_nothing(_state: msgspec.Raw) -> None:
    """Write no STATE, because not everything is delivered."""
