"""The checks of `tap-moesif --check`: address, key, scope of each stream, clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from singer_delivery.checking import Finding, Sign, clock_finding
from tap_moesif.service import MoesifError, RequiredScope
from tap_moesif.usage import EVENTS_SCOPE, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_moesif.service import Request
    from tap_moesif.streams import MoesifStream
    from tap_moesif.tap import TapMoesif

ATTEMPTS = 2
"""Fewer than in a run: a person is waiting for the table."""


def check_tap(tap: TapMoesif) -> Iterator[Finding]:
    """Check everything that could stop a run.

    Requests one document of each selected stream and writes none.

    Args:
        tap: A tap with valid settings.
    """
    yield Finding(Sign.OK, "settings", "They are valid.")
    selected = [stream for stream in tap.streams.values() if stream.selected]
    if not selected:
        yield Finding(Sign.FAILED, "catalog", "It selects no stream.")
    for stream in selected:
        yield _stream(tap, stream)  # type: ignore[arg-type]  # it is a MoesifStream
    rolls_up = tap.config["usage_rollup"] or tap.config.get("usage_traits")
    if rolls_up and {stream.name for stream in selected} & {"users", "companies"}:
        remedy = "set usage_rollup: false and no usage_traits"
        required = RequiredScope("users", EVENTS_SCOPE, remedy)
        yield _finding(tap, "roll-up", EVENTS_SCOPE, clock(required))
    if tap.moesif.last_request_time:
        yield clock_finding(tap.moesif.last_request_time, time.time())


def _stream(tap: TapMoesif, stream: MoesifStream) -> Finding:
    what, scope = f"stream {stream.name}", " and ".join(stream.scopes)
    try:
        request = stream.probe_request()
    except MoesifError as error:
        return Finding(Sign.FAILED, what, str(error))
    return _finding(tap, what, scope, request)


def _finding(tap: TapMoesif, what: str, scope: str, request: Request) -> Finding:
    try:
        tap.moesif.submit(tap.moesif.fetch, request, len, attempts=ATTEMPTS).result()
    except MoesifError as error:
        return Finding(Sign.FAILED, what, str(error))
    return Finding(Sign.OK, what, f"The key may read it ({scope}).")
