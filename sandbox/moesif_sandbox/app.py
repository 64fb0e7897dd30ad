"""The sandbox as an ASGI app, and the command that serves it."""

from __future__ import annotations

import gc
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount

from moesif_sandbox.answers import error_answer
from moesif_sandbox.browser import open_page
from moesif_sandbox.clock import ShiftedClock, system_clock
from moesif_sandbox.faults import Fault, FaultPlan
from moesif_sandbox.local_only import LocalOnly
from moesif_sandbox.moesif_access import Access, MinuteLimit
from moesif_sandbox.moesif_api import MoesifApi
from moesif_sandbox.moesif_collector_api import CollectorApi
from moesif_sandbox.moesif_profiles import Readings
from moesif_sandbox.options import APPLICATION_ID, MANAGEMENT_KEY, WRITE_KEY, with_options
from moesif_sandbox.page_api import PageApi
from moesif_sandbox.page_runs import Keys
from moesif_sandbox.request_log import RequestLog
from moesif_sandbox.sandbox_api import SandboxApi
from moesif_sandbox.seed import SeedData, SeedPlan, make_seed
from moesif_sandbox.segment import Source
from moesif_sandbox.segment_api import SegmentApi
from moesif_sandbox.server import HOST, listen, serve
from moesif_sandbox.store import Store
from moesif_sandbox.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp
    from typing_extensions import Unpack

from moesif_sandbox.options import Options


def random_id() -> str:
    """Return an id for a message or an event that came without one."""
    return str(uuid.uuid4())


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return error_answer(status, "no_such_endpoint", f"{request.method} {request.url.path}")


@dataclass(frozen=True)
class Settings:
    """Keys, limits and faults of a running sandbox."""

    access: Access = field(default_factory=lambda: Access(MANAGEMENT_KEY))
    source: Source = field(default_factory=lambda: Source(WRITE_KEY))
    application_id: str = APPLICATION_ID
    readings: Readings = field(default_factory=Readings)
    requests_per_minute: int | None = None
    latency: float = 0.0  # seconds
    total_as_object: bool = False
    embedded_subscriptions: bool = True
    max_page_bytes: int | None = None
    clock_offset: timedelta = timedelta(0)
    faults: Sequence[Fault] = ()

    def keys(self) -> Keys:
        """Return what a client must know."""
        return Keys(self.access.key, self.source.write_key, self.application_id, self.source.region)


def create_app(
    settings: Settings,
    seed: SeedData,
    clock: Callable[[], datetime] = system_clock,
    new_id: Callable[[], str] = random_id,
) -> ASGIApp:
    """Return the app: both services under their paths, and the sandbox's own endpoints."""
    clock = ShiftedClock(clock, settings.clock_offset)
    store, faults, log = Store(seed), FaultPlan(settings.faults, clock), RequestLog()
    moesif = MoesifApi(
        store,
        settings.access,
        MinuteLimit(settings.requests_per_minute),
        clock,
        settings.total_as_object,
        settings.embedded_subscriptions,
        settings.max_page_bytes,
    )
    collector = CollectorApi(store, settings.application_id, settings.readings, clock, new_id)
    segment = SegmentApi(store, settings.source, clock, new_id)
    own = SandboxApi(store, faults, log, clock, settings.readings)
    page = PageApi(own, settings.keys())
    services = Starlette(
        routes=[
            Mount("/moesif/api/v1", routes=moesif.routes()),
            Mount("/moesif/collector/v1", routes=collector.routes()),
            Mount("/segment/v1", routes=segment.routes()),
            Mount("/segment-us/v1", routes=segment.routes("us")),
            Mount("/segment-eu/v1", routes=segment.routes("eu")),
            Mount("/segment-cdn/v1", routes=segment.cdn_routes()),
            Mount("/sandbox", routes=own.routes(), middleware=[Middleware(LocalOnly)]),
            Mount("/", routes=page.routes(), middleware=[Middleware(LocalOnly)]),
        ],
        exception_handlers={HTTPException: _no_such_endpoint},
    )
    return Traffic(services, faults, log, clock, settings.latency)


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@with_options
def main(**options: Unpack[Options]) -> None:
    """Serve Moesif's search and collector and Segment's tracking API on 127.0.0.1, data in memory.

    Moesif is under /moesif/api/v1 and /moesif/collector/v1, Segment under /segment/v1 and its CDN
    under /segment-cdn/v1. GET /sandbox/segment and GET /sandbox/collector give back what they
    received; the other endpoints of /sandbox are in the README. The page at / shows all of it.
    Prints one line once it listens and ends with SIGTERM or SIGINT.
    """
    try:
        listener = listen(options["port"])
    except OSError as error:
        raise click.ClickException(
            f"port {options['port']} can't be opened ({error.strerror}); take another with --port"
        ) from error
    app = create_app(_settings(options), make_seed(_plan(options)))
    gc.freeze()  # the seed stays: there is no sense in looking for garbage in it
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    serve(app, listener, lambda: _ready(address, options))


def _plan(options: Options) -> SeedPlan:
    return SeedPlan(
        now=options["now"] or system_clock() + _clock_offset(options),
        users=options["users"],
        companies=options["companies"],
        days=options["days"],
        seed=options["seed"],
        events_per_user=options["events_per_user"],
        wrong_types=options["wrong_types"],
        without_modified_time=options["without_modified_time"],
        times_without_zone=options["times_without_zone"],
    )


def _settings(options: Options) -> Settings:
    return Settings(
        access=Access(options["management_key"], options["management_scopes"]),
        source=Source(options["write_key"], options["region"]),
        application_id=options["application_id"],
        readings=_readings(options),
        requests_per_minute=options["moesif_requests_per_minute"],
        latency=options["latency_ms"] / 1000,
        total_as_object=options["hits_total"] == "object",
        embedded_subscriptions=not options["without_embedded_subscriptions"],
        max_page_bytes=options["max_page_bytes"],
        clock_offset=_clock_offset(options),
        faults=[fault for given in options["faults"] for fault in given],
    )


def _clock_offset(options: Options) -> timedelta:
    return timedelta(seconds=options["clock_offset_seconds"])


def _readings(options: Options) -> Readings:
    return Readings(
        nulls=options["null_in_upsert"],
        lists=options["list_in_upsert"],
        anonymous_users=options["anonymous_users"],
        activity_moves_modified_time=options["activity_moves_modified_time"],
        allow_backfill=options["allow_backfill"],
    )


def _ready(address: str, options: Options) -> None:
    _announce(address, options)
    if options["open"]:
        open_page(address)


def _announce(address: str, options: Options) -> None:
    click.echo(f"moesif-sandbox ready on {address}")
    click.echo(
        f"  page:      {address}/\n"
        f"  Moesif:    {address}/moesif/api/v1  (management key {options['management_key']})\n"
        f"  collector: {address}/moesif/collector/v1  (id {options['application_id']})\n"
        f"  Segment:   {address}/segment/v1  (write key {options['write_key']})\n"
        f"  received:  curl -s '{address}/sandbox/segment?limit=1'",
        err=True,
    )
