"""target-segment, run against a scripted Segment, and what is left of the run."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

from commands import Ended, run
from scripted import Reply, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

KEY = "w-key-CANARY"
SUCCESS = Reply(body={"success": True})
OUTCOMES = ("delivered", "unchanged", "skipped", "rejected", "undelivered")


def scripted_segment() -> ScriptedService:
    """Make a Segment that says success unless told otherwise."""
    return ScriptedService(lambda _: SUCCESS)


AS_CALLS = {name: {"as": "segment.calls"} for name in ("people", "orders", "crm", "calls")}
"""Routes for streams of the tests' own that hold calls without a mark."""


def config(service: ScriptedService, **settings: Any) -> dict[str, Any]:
    return {
        "write_key": KEY,
        "host": service.url,
        "summary_path": "summary.json",
        "streams": AS_CALLS,
        **settings,
    }


def deliver(
    service: ScriptedService,
    folder: Path,
    lines: Iterable[Mapping[str, Any] | str],
    *,
    before: Any = "",
    **settings: Any,
) -> Ended:
    """Run the installed command on some lines, after some code of the test's own."""
    return run("target-segment", folder, config(service, **settings), lines=lines, before=before)


def sent(service: ScriptedService) -> list[dict[str, Any]]:
    return [message for request in service.requests for message in request.json["batch"]]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    assert found["read"] == sum(found[outcome] for outcome in OUTCOMES)
    return found


def rejected(folder: Path) -> list[dict[str, Any]]:
    [path] = (folder / "rejects").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return [json.loads(line) for line in path.read_text().splitlines()]


def schema(stream: str, *properties: str, mark: str | None = None) -> dict[str, Any]:
    """Write a SCHEMA line; `mark` is what tap-moesif calls the stream."""
    marked = {"$id": f"urn:tap-moesif:{mark}"} if mark else {}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {**marked, "properties": {name: {} for name in properties}},
        "key_properties": ["id"] if mark else [],
    }


def record(stream: str, **fields: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": fields}


def state(value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}
