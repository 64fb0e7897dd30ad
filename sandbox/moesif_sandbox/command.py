"""The command `moesif-sandbox`: options and server."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import click
import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from moesif_sandbox.app import create_app
from moesif_sandbox.faults import Fault, read_faults
from moesif_sandbox.moesif.account import Contents
from moesif_sandbox.moesif.api import SCOPES
from moesif_sandbox.seed import SeedPlan, make_seed
from moesif_sandbox.settings import PORT, Settings
from moesif_sandbox.times import UTC

HOST = "127.0.0.1"  # never another host: there are no secrets in the sandbox and no protection
# The limits of `--strict`: Moesif's rate limit ('Rate limits'), `search.max_buckets` of
# Elasticsearch 7.0 to 7.8, and the response size of a small engine.
STRICT = {"moesif_requests_per_minute": 500, "max_buckets": 10_000,
          "circuit_breaker_bytes": 20_000_000}  # fmt: skip
_DEFAULTS = {**SeedPlan._field_defaults, **Settings._field_defaults, "port": PORT}
_YEAR_SECONDS = 31_622_400


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _scopes(value: str) -> list[str]:
    scopes = [scope.strip() for scope in value.split(",") if scope.strip()]
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise click.BadParameter(f"{unknown[0]} is not one of {', '.join(SCOPES)}")
    return scopes


def _faults(value: str) -> list[Fault]:
    try:
        return read_faults(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _option(name: str, kind: Any, explained: str, **more: Any) -> click.Option:  # noqa: ANN401
    default = _DEFAULTS.get(name.removeprefix("--").replace("-", "_"))
    if kind is bool:
        return click.Option([*name.split(",")], is_flag=True, help=explained)
    return click.Option([name], **{"type": kind, "default": default, "help": explained, **more})


_ANY, _ONE, _FLOAT = click.IntRange(min=0), click.IntRange(min=1), click.FloatRange(min=0)
_OPTIONS = [
    _option("--port", click.IntRange(0, 65_535), "Port on 127.0.0.1; 0 selects a free one."),
    _option("--open/--no-open", bool, "Open the page in the desktop's browser, if there is one."),
    _option("--users", _ANY, "Number of users in Moesif."),
    _option("--companies", _ANY, "Number of companies in Moesif."),
    _option("--events-per-user", _ANY, "API calls and actions per user; one user in twenty has "
            "twelve times as many. With more than 50,000 in all, only some users have any."),
    _option("--days", _ONE, "Number of days over which changes are spread."),
    _option("--seed", int, "Seed of the data; with the same --now and numbers, it is the same."),
    _option("--now", _moment, "The end of the data (default: now).", metavar="ISO"),
    _option("--awkward,--wrong-types,awkward", bool, "Include documents in unusual and invalid "
            "shapes: missing ids, wrong types, a null character."),
    _option("--without-modified-time", _ANY, "Number of users without modified_time."),
    _option("--times-without-zone", bool, "Write all times in the data as UTC without a zone."),
    _option("--without-embedded-subscriptions", bool, "Omit subscriptions from companies."),
    _option("--hits-total", click.Choice(["integer", "object"]), "The form of hits.total."),
    _option("--latency", _FLOAT, "Delay of each response, in seconds."),
    _option("--latency-ms", _FLOAT, "The same in milliseconds.", hidden=True),
    _option("--strict", bool, "Limits as in production: 500 requests per minute, 10,000 buckets, "
            "responses of 20 MB. These options override them:"),
    _option("--moesif-requests-per-minute", _ONE, "Limit per calendar minute; above it, a 429."),
    _option("--max-buckets", _ONE, "Maximum number of buckets of a search; above it, a 503."),
    _option("--max-result-window", _ONE, "Maximum number of hits of a search; above it, a 400."),
    _option("--circuit-breaker-bytes", _ONE, "Maximum size of a response; above it, a 429."),
    _option("--max-page-bytes", _ONE, "Maximum size of a response; above it, a 413."),
    _option("--sort-by-id/--no-sort-by-id", None, "Whether to allow sorting by _id.", default=True),
    _option("--management-key", str, "Moesif's Management API key."),
    _option("--management-scopes", _scopes, "The key's scopes; without the right one, a 401.",
            default=",".join(SCOPES), metavar="SCOPES"),
    _option("--application-id", str, "Moesif's collector application id."),
    _option("--null-in-upsert", click.Choice(["keep", "overwrite", "delete"]),
            "Effect of a null in the update of a profile."),
    _option("--list-in-upsert", click.Choice(["replace", "append"]),
            "Effect of a list in the update of a profile."),
    _option("--anonymous-users", bool, "Accept users with an anonymous_id and no user_id."),
    _option("--activity-moves-modified-time", bool, "Move modified_time with last_seen_time."),
    _option("--allow-backfill", bool, "Accept events older than 30 days."),
    _option("--write-key", str, "Segment's write key."),
    _option("--region", click.Choice(["us", "eu"]), "Region of the Segment workspace; the other "
            "region's host silently drops messages."),
    _option("--clock-offset-seconds", click.IntRange(-_YEAR_SECONDS, _YEAR_SECONDS),
            "Offset of the sandbox's clock; it is slow if negative.", default=0),
    click.Option(["--fault", "faults"], metavar="JSON", multiple=True, type=_faults,
                 help='Such as {"path": "/segment/v1/batch", "kind": "status", "times": 3}; may be '
                 "repeated. POST /sandbox/faults accepts the same."),
]  # fmt: skip


@click.command(params=_OPTIONS, context_settings={"show_default": True, "max_content_width": 100})
def main(**options: Any) -> None:  # noqa: ANN401, click gives each its type
    """Serve Moesif's search and collector and Segment's tracking API on 127.0.0.1, data in memory.

    Prints one line when it is ready and ends with SIGTERM or SIGINT. The page is at /; what was
    received is at /sandbox/segment and /sandbox/collector. The README describes the rest.
    """
    try:
        listener = socket.create_server((HOST, options["port"]), backlog=socket.SOMAXCONN)
    except OSError as error:
        raise click.ClickException(
            f"cannot open port {options['port']} ({error.strerror}); use another one with --port"
        ) from error
    app = create_app(*configured(click.get_current_context()))
    gc.freeze()  # the seed is never collected
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again when it has stopped
        signal.signal(number, lambda *_: sys.exit(0))
    _announce(f"http://{HOST}:{listener.getsockname()[1]}", options)
    server_of(app).run(sockets=[listener])


def configured(context: click.Context) -> tuple[Settings, Contents]:
    """Return the settings and the data for a command line."""
    options, source = {**context.params}, context.get_parameter_source
    if options["strict"]:
        default = click.core.ParameterSource.DEFAULT
        options |= {name: value for name, value in STRICT.items() if source(name) is default}
    if options["latency_ms"] is not None:
        options["latency"] = options["latency_ms"] / 1000
    offset = timedelta(seconds=options["clock_offset_seconds"])
    options["now"] = options["now"] or datetime.now(UTC) + offset
    plan = SeedPlan(**{name: options[name] for name in SeedPlan._fields})
    options["faults"] = [fault for faults in options["faults"] for fault in faults]
    return Settings(**{name: options[name] for name in Settings._fields}), make_seed(plan)


class _ClosableProtocol(H11Protocol):
    """Passes the connection to the app, so that a fault can close it."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # Otherwise a response in two parts waits 40 ms for an acknowledgement.
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def server_of(app: ASGIApp) -> uvicorn.Server:
    """Return a server of the app, for sockets that are already listening."""
    config = uvicorn.Config(
        app, http=_ClosableProtocol, ws="none", lifespan="off", log_level="warning",
        access_log=False, server_header=False, timeout_graceful_shutdown=1,
        date_header=False,  # the app sends its own, by the sandbox's clock
    )  # fmt: skip
    return uvicorn.Server(config)


def _announce(address: str, options: Mapping[str, Any]) -> None:
    click.echo(
        f"  page:      {address}/\n"
        f"  Moesif:    {address}/moesif/api/v1  (management key {options['management_key']})\n"
        f"  collector: {address}/moesif/collector/v1  (id {options['application_id']})\n"
        f"  Segment:   {address}/segment/v1  (write key {options['write_key']})\n"
        f"  received:  curl -s '{address}/sandbox/segment?limit=1'",
        err=True,
    )
    click.echo(f"moesif-sandbox ready on {address}")
    if options["open"] and has_desktop(os.environ, sys.platform):
        threading.Thread(target=_open, args=(address,), daemon=True).start()


def has_desktop(environment: Mapping[str, str], platform: str) -> bool:
    """Return whether there is a desktop; without one, a text browser might take the terminal."""
    displays = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    return platform in {"darwin", "win32"} or bool(displays)


def _open(address: str) -> None:
    with suppress(OSError, webbrowser.Error):
        webbrowser.open(address)
