"""The tap: settings, streams, and the connection to Moesif."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from singer_delivery.http import host_of
from tap_moesif.checking import check_tap
from tap_moesif.command import CommandTap
from tap_moesif.contact import Contact, Probe
from tap_moesif.errors import NothingSelectedError, OtherStateError, StateLineError
from tap_moesif.service import ForbiddenError, Moesif
from tap_moesif.service.connection import Connection
from tap_moesif.service.errors import AllForbiddenError
from tap_moesif.service.rate_limit import RateLimiter
from tap_moesif.settings import setting_errors, settings
from tap_moesif.streams import STREAMS, MoesifStream
from tap_moesif.sync import AtomicLineWriter
from tap_moesif.windows import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from singer_delivery.checking import Finding

DEFAULT_SCOPES = sorted(
    {scope for stream in STREAMS if stream.selected_by_default for scope in stream.scopes}
)


class TapMoesif(CommandTap):
    """Reads users and companies with a roll-up of their API usage, and other data, from Moesif."""

    name = "tap-moesif"
    message_writer_class = AtomicLineWriter
    message_writer: AtomicLineWriter

    config_jsonschema: ClassVar[dict[str, Any]] = settings(DEFAULT_SCOPES)

    @cached_property
    def moesif(self) -> Moesif:
        """The API client, shared by all streams because the rate limit is."""
        address, per_minute = self.config["api_url"], self.config["requests_per_minute"]
        key, app_id = self.config["management_api_key"], self.config.get("app_id")
        return Moesif(
            lambda: Connection(address, key, app_id),
            RateLimiter(per_minute, time.monotonic, time.sleep),
            host_of(address),
            min(self.config["parallel_requests"], per_minute),
        )

    @cached_property
    def _skipped(self) -> dict[str, ForbiddenError]:
        """Errors of the streams that the key may not read, by stream name."""
        return {}

    @override
    def discover_streams(self) -> Sequence[MoesifStream]:
        return [stream(self) for stream in STREAMS]

    def skip_stream(self, stream: MoesifStream, error: ForbiddenError) -> None:
        """Skip a stream that the key may not read, and continue with the others."""
        self.logger.warning("Skipping stream '%s'. %s", stream.name, error)
        self._skipped[stream.name] = error

    @override
    def after_sync(self) -> None:
        """Check that streams are selected, and that none was skipped.

        Raises:
            NothingSelectedError: No stream is selected.
            ForbiddenError: The key may not read a stream.
        """
        selected = [stream for stream in self.streams.values() if stream.selected]
        if not selected:
            raise NothingSelectedError
        if not (errors := [*self._skipped.values()]):
            return
        scopes = ", ".join(sorted({error.scope for error in errors}))
        if len(errors) == len(selected) > 1:
            raise AllForbiddenError(scope=scopes)
        raise ForbiddenError(" ".join(map(str, errors)), scope=scopes)

    @override
    def try_streams(self) -> None:
        """Read one record of each selected stream; raises what `sync_all` raises."""
        for stream in self.streams.values():
            if stream.selected:
                stream.record_limit = 1  # type: ignore[attr-defined]  # it is a MoesifStream
                stream.sync()
        self.after_sync()

    @override
    def plan(self, windows: int) -> dict[str, Any]:
        """Split the time between `start_date` and `end_date` into windows."""
        return plan(self.moesif, self.config, windows)

    @override
    def check(self) -> list[Finding]:
        return [*check_tap(self)]

    @override
    def first_contact(self) -> str:
        address, key = self.config["api_url"], self.config["management_api_key"]
        connection = Connection(address, key, self.config.get("app_id"))
        pace = RateLimiter(self.config["requests_per_minute"], time.monotonic, time.sleep)
        contact = Contact(
            Probe(connection, pace, time.time), self.config, datetime.now(timezone.utc)
        )
        return contact.report(self.plugin_version)

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        if state.get("type") == "STATE":
            raise StateLineError
        bookmarks = state.get("bookmarks")
        if state and not (
            isinstance(bookmarks, dict) and all(isinstance(b, dict) for b in bookmarks.values())
        ):
            raise OtherStateError
        super().load_state(state)

    @override
    @classmethod
    def setting_errors(cls, config: dict[str, Any], found: Iterable[Any]) -> list[str]:
        return setting_errors(config, found)

    @override
    def stop(self, signum: int) -> None:
        # No STATE is written: the last line is still correct.
        self.logger.warning("Stopped by signal %d", signum)
        self.message_writer.leave(128 + signum)
