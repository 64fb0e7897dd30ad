"""What a run is made of: the thin edge put together, by its settings."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from singer_delivery.delivery import Delivery, write_state
from singer_delivery.http import host_of
from singer_delivery.rejects.file import Rejects
from singer_delivery.reporting.dry_run import DryRun, Preview
from singer_delivery.reporting.progress import progress_on
from singer_delivery.sending.batching import Limits
from singer_delivery.sending.connection import Connection
from singer_delivery.sending.lanes import Destination
from singer_delivery.sending.retry import Advice
from singer_delivery.state.fingerprint_file import FingerprintFile
from singer_delivery.state.fingerprints import Fingerprints

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    import msgspec

    from singer_delivery.reading.lines import Wakeup
    from singer_delivery.sending.lane import Poster
    from singer_delivery.sending.service import Service
    from singer_delivery.settings import DeliverySettings


class Wiring:
    """Makes the parts of one run.

    Args:
        name: The target's, for file names.
        settings: The shared ones.
        service: The service to write to.
        user_agent: The User-Agent header.
        keys: The names of the secret settings.
        secrets: Their values.
        addresses: The names of the settings that say where the service is.
        max_body_bytes: The largest body that the service takes.
    """

    def __init__(
        self,
        name: str,
        settings: DeliverySettings,
        service: Service,
        *,
        user_agent: str,
        keys: Sequence[str],
        secrets: Sequence[str],
        addresses: Sequence[str],
        max_body_bytes: int,
    ) -> None:
        self._settings = settings
        self._service = service
        self._user_agent = user_agent
        self._secrets = secrets
        self._max_body_bytes = max_body_bytes
        self._advice = Advice(host_of(service.endpoints[0].url), keys, addresses)
        today = datetime.now(timezone.utc).date().isoformat()
        self._rejects_path = filled_in(settings.rejects_path, target=name, date=today)
        self._dry_run: DryRun | None = None
        self.preview: Preview | None = None
        if settings.dry_run:
            self.preview = Preview(service.endpoints)
            path = settings.dry_run_path
            self._dry_run = DryRun(service, filled_in(path) if path else None)
        self._fingerprints: Fingerprints | None = None
        if settings.changed_only and settings.fingerprints_path:
            path = settings.fingerprints_path
            file = FingerprintFile(filled_in(path, target=name), keep=not settings.dry_run)
            self._fingerprints = Fingerprints(file, again=bool(settings.full_refresh))

    def open(self) -> None:
        """Open what would fail later.

        Raises:
            OutputError: A file cannot be used.
        """
        if self._fingerprints:
            self._fingerprints.open()
        if self._dry_run:
            self._dry_run.open()

    def delivery(
        self, wakeup: Wakeup, interrupt: Callable[[], None], logger: logging.Logger
    ) -> Delivery:
        """Make the way to the service; its lanes are started."""
        settings = self._settings
        envelope = len(self._service.body([]))
        limits = [
            Limits(
                rows=settings.batch_size_rows,
                size=min(settings.batch_max_bytes, endpoint.max_bytes),
                envelope=envelope,
                seconds=settings.batch_wait_limit_seconds,
                message=min(self._max_body_bytes, endpoint.max_bytes) - envelope,
            )
            for endpoint in self._service.endpoints
        ]
        return Delivery(
            settings,
            destination=Destination(limits, self._connect, self._advice),
            rejects=Rejects(
                self._rejects_path,
                lambda: datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                keep=not settings.dry_run,
            ),
            wakeup=wakeup,
            checkpoint=_claim_nothing if self._dry_run else write_state,
            interrupt=interrupt,
            progress=progress_on(sys.stderr, logger),
            fingerprints=self._fingerprints,
            preview=self.preview,
        )

    def _connect(self) -> Poster:
        return self._dry_run or Connection(
            self._service,
            timeout=self._settings.request_timeout_seconds,
            compress=self._settings.compression == "gzip",
            user_agent=self._user_agent,
            secrets=self._secrets,
        )


def _claim_nothing(_state: msgspec.Raw) -> None:
    """Write no STATE: nothing was delivered."""


def filled_in(template: str, **names: str) -> Path:
    """Make a path of a setting, with its `{names}` filled in."""
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", value)
    return Path(template).expanduser()
