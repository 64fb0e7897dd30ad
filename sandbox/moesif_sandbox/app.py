"""The sandbox as an ASGI app, and the command that serves it."""

from __future__ import annotations

import gc
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from typing_extensions import TypedDict, Unpack

from moesif_sandbox.answers import error_answer
from moesif_sandbox.faults import Fault, FaultPlan, read_faults
from moesif_sandbox.moesif_access import SCOPES, Access, MinuteLimit
from moesif_sandbox.moesif_api import MoesifApi
from moesif_sandbox.sandbox_api import SandboxApi
from moesif_sandbox.seed import SeedData, SeedPlan, make_seed
from moesif_sandbox.segment import Source
from moesif_sandbox.segment_api import API_HOSTS, SegmentApi
from moesif_sandbox.server import HOST, listen, serve
from moesif_sandbox.store import Store
from moesif_sandbox.traffic import RequestLog, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp


MANAGEMENT_KEY = "sandbox-management-key"
WRITE_KEY = "sandbox-write-key"
APPLICATION_ID = "sandbox-application-id"


def system_clock() -> datetime:
    """Return the time of day."""
    return datetime.now(timezone.utc)


def random_id() -> str:
    """Return an id for a message that came without one."""
    return str(uuid.uuid4())


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return error_answer(status, "no_such_endpoint", f"{request.method} {request.url.path}")


@dataclass(frozen=True)
class Settings:
    """Keys, limits and faults of a running sandbox."""

    access: Access = field(default_factory=lambda: Access(MANAGEMENT_KEY))
    source: Source = field(default_factory=lambda: Source(WRITE_KEY))
    requests_per_minute: int | None = None
    latency: float = 0.0  # seconds
    total_as_object: bool = False
    faults: Sequence[Fault] = ()


def create_app(
    settings: Settings,
    seed: SeedData,
    clock: Callable[[], datetime] = system_clock,
    new_id: Callable[[], str] = random_id,
) -> ASGIApp:
    """Return the app: both services under their paths, and the sandbox's own endpoints."""
    store, faults, log = Store(seed), FaultPlan(settings.faults), RequestLog()
    limit = MinuteLimit(settings.requests_per_minute)
    moesif = MoesifApi(store, settings.access, limit, clock, settings.total_as_object)
    segment = SegmentApi(store, settings.source, clock, new_id)
    own = SandboxApi(store, faults, log, clock)
    services = Starlette(
        routes=[
            Mount("/moesif/api/v1", routes=moesif.routes()),
            Mount("/segment/v1", routes=segment.routes()),
            Mount("/segment-us/v1", routes=segment.routes("us")),
            Mount("/segment-eu/v1", routes=segment.routes("eu")),
            Mount("/segment-cdn/v1", routes=segment.cdn_routes()),
            Mount("/sandbox", routes=own.routes()),
        ],
        exception_handlers={HTTPException: _no_such_endpoint},
    )
    return Traffic(services, faults, log, clock, settings.latency)


class Options(TypedDict):
    """The command line, read."""

    port: int
    users: int
    companies: int
    events_per_user: int
    days: int
    seed: int
    now: datetime | None
    wrong_types: bool
    without_modified_time: int
    management_key: str
    management_scopes: list[str]
    write_key: str
    application_id: str
    region: str
    moesif_requests_per_minute: int | None
    latency_ms: float
    hits_total: str
    faults: list[list[Fault]]


def _read_moment(_context: object, _option: object, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise click.BadParameter(f"{value} is no ISO 8601 time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _read_scopes(_context: object, _option: object, value: str) -> list[str]:
    scopes = [scope.strip() for scope in value.split(",") if scope.strip()]
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise click.BadParameter(f"{unknown[0]} is none of {', '.join(SCOPES)}")
    return scopes


def _read_faults(_context: object, _option: object, values: tuple[str, ...]) -> list[list[Fault]]:
    try:
        return [read_faults(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_COUNT = click.IntRange(min=0)


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8700, help="Port on 127.0.0.1; 0 is any free."
)
@click.option("--users", type=_COUNT, default=1000, help="How many users Moesif has.")
@click.option("--companies", type=_COUNT, default=100, help="How many companies Moesif has.")
@click.option(
    "--events-per-user",
    type=_COUNT,
    default=10,
    help="API calls and actions a user; above 50,000 in all, only some of the users have any.",
)
@click.option(
    "--days", type=click.IntRange(min=1), default=30, help="The days over which changes are spread."
)
@click.option("--seed", default=1, help="Same seed, same --now, same numbers: same data.")
@click.option(
    "--now",
    metavar="ISO",
    callback=_read_moment,
    help="The time at which the data ends (default: the current time).",
)
@click.option("--wrong-types", is_flag=True, help="A handful of users have fields of wrong types.")
@click.option(
    "--without-modified-time", type=_COUNT, default=0, help="So many users lack modified_time."
)
@click.option("--management-key", default=MANAGEMENT_KEY, help="Moesif's management API key.")
@click.option(
    "--management-scopes",
    default=",".join(SCOPES),
    callback=_read_scopes,
    help="The key's scopes; what needs another is answered with 401.",
)
@click.option("--write-key", default=WRITE_KEY, help="Segment's write key.")
@click.option("--application-id", default=APPLICATION_ID, help="Moesif's collector key.")
@click.option(
    "--region",
    type=click.Choice(sorted(API_HOSTS)),
    default="us",
    help="Where the Segment workspace is; the other region's host drops messages in silence.",
)
@click.option(
    "--moesif-requests-per-minute",
    type=click.IntRange(min=1),
    help="Above it in a calendar minute, Moesif answers 429 (Moesif itself: 500; default: off).",
)
@click.option(
    "--latency-ms",
    type=click.FloatRange(min=0),
    default=0.0,
    help="How long both services take for every answer.",
)
@click.option(
    "--hits-total",
    type=click.Choice(["integer", "object"]),
    default="integer",
    help="The form of hits.total: a number, or {value, relation} as newer engines have it.",
)
@click.option(
    "--fault",
    "faults",
    metavar="JSON",
    multiple=True,
    callback=_read_faults,
    help='A fault to begin with, such as {"path": "/segment/v1/batch", "kind": "status", '
    '"status": 503, "times": 3}; may be repeated. POST /sandbox/faults takes the same.',
)
def main(**options: Unpack[Options]) -> None:
    """Serve Moesif's search and Segment's tracking API on 127.0.0.1, data in memory.

    Moesif is under /moesif/api/v1, Segment under /segment/v1 and its CDN under /segment-cdn/v1.
    GET /sandbox/segment gives back what Segment received; the other endpoints of /sandbox are in
    the README. Prints one line once it listens and ends with SIGTERM or SIGINT.
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
    serve(app, listener, lambda: _announce(address, options))


def _plan(options: Options) -> SeedPlan:
    return SeedPlan(
        now=options["now"] or system_clock(),
        users=options["users"],
        companies=options["companies"],
        days=options["days"],
        seed=options["seed"],
        events_per_user=options["events_per_user"],
        wrong_types=options["wrong_types"],
        without_modified_time=options["without_modified_time"],
    )


def _settings(options: Options) -> Settings:
    return Settings(
        access=Access(options["management_key"], options["management_scopes"]),
        source=Source(options["write_key"], options["region"]),
        requests_per_minute=options["moesif_requests_per_minute"],
        latency=options["latency_ms"] / 1000,
        total_as_object=options["hits_total"] == "object",
        faults=[fault for given in options["faults"] for fault in given],
    )


def _announce(address: str, options: Options) -> None:
    click.echo(f"moesif-sandbox ready on {address}")
    click.echo(
        f"  Moesif:   {address}/moesif/api/v1  (management key {options['management_key']})\n"
        f"  Segment:  {address}/segment/v1  (write key {options['write_key']})\n"
        f"  received: curl -s '{address}/sandbox/segment?limit=1'",
        err=True,
    )
