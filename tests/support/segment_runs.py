"""target-segment, run against a scripted Segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commands import Ended, run
from scripted import Reply, ScriptedService
from target_runs import EMAIL, TargetRuns, record, schema, state
from target_segment import TargetSegment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["KEY", "SUCCESS", "Segment", "config", "deliver", "record", "schema", "sent", "state"]

KEY = "w-key-CANARY"
SUCCESS = Reply(body={"success": True})

AS_CALLS = {name: {"as": "segment.calls"} for name in ("people", "orders", "crm", "calls")}
"""Routes for streams of the tests' own that hold calls without a mark."""


class Segment(TargetRuns):
    """A Segment that says success unless told otherwise, and runs that deliver to it."""

    target = TargetSegment
    success = SUCCESS
    secrets: Sequence[str] = (KEY, EMAIL)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {})
        self.settings = {**config(self), **self.settings}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the last run."""
        return sent(self)

    @property
    def users(self) -> list[str]:
        """Whom they are about."""
        return sorted(message["userId"] for message in self.messages)


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
    **settings: Any,
) -> Ended:
    """Run the installed command on some lines."""
    return run("target-segment", folder, config(service, **settings), lines=lines)


def sent(service: ScriptedService) -> list[dict[str, Any]]:
    posts = [request for request in service.requests if request.method == "POST"]
    return [message for request in posts for message in request.json["batch"]]
