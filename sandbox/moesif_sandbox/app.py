"""The sandbox as an ASGI app: both services, and the sandbox's own endpoints."""

from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from moesif_sandbox.control import ControlApi
from moesif_sandbox.faults import FaultPlan
from moesif_sandbox.moesif.account import Account, Contents
from moesif_sandbox.moesif.api import ManagementApi
from moesif_sandbox.moesif.collector import CollectorApi
from moesif_sandbox.page import PageApi
from moesif_sandbox.segment import SegmentApi
from moesif_sandbox.settings import Settings
from moesif_sandbox.state import State
from moesif_sandbox.times import ShiftedClock, system_clock
from moesif_sandbox.traffic import Traffic
from moesif_sandbox.web import LocalOnly, error_response


def create_app(
    settings: Settings, seed: Contents, clock: Callable[[], datetime] = system_clock
) -> ASGIApp:
    """Return the app."""
    clock = ShiftedClock(clock, timedelta(seconds=settings.clock_offset_seconds))
    state = State(settings, clock, Account(seed), FaultPlan(settings.faults, clock))
    moesif = ManagementApi(state.account, settings, clock)
    collector = CollectorApi(state.account, state.collector, settings, clock)
    segment = SegmentApi(state.segment, settings, clock)
    local = [Middleware(LocalOnly)]
    services = Starlette(
        routes=[
            Mount("/moesif/api/v1", routes=moesif.routes()),
            Mount("/moesif/collector/v1", routes=collector.routes()),
            Mount("/segment/v1", routes=segment.routes()),
            Mount("/segment-us/v1", routes=segment.routes("us")),
            Mount("/segment-eu/v1", routes=segment.routes("eu")),
            Mount("/segment-cdn/v1", routes=segment.cdn_routes()),
            Mount("/sandbox", routes=ControlApi(state).routes(), middleware=local),
            Mount("/", routes=PageApi(state).routes(), middleware=local),
        ],
        exception_handlers={HTTPException: _no_such_endpoint},
    )
    return Traffic(services, state.faults, state.log, clock, settings.latency)


async def _no_such_endpoint(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return error_response(status, "no_such_endpoint", f"{request.method} {request.url.path}")
