"""target-moesif, run against a scripted collector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scripted import Reply
from target_moesif import TargetMoesif
from target_runs import EMAIL, TargetRuns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEY = "application-CANARY"


class Moesif(TargetRuns):
    """A Moesif that takes everything unless told otherwise, and runs that deliver to it."""

    target = TargetMoesif
    success = Reply(201)
    secrets: Sequence[str] = (KEY, EMAIL)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {"streams": {"calls": {"as": "segment.calls"}}})
        self.settings |= {"application_id": KEY, "api_url": f"{self.url}/collector/v1/"}

    def documents(self, kind: str) -> list[dict[str, Any]]:
        """The documents of a kind, such as `users`, of the last run."""
        path = f"/collector/v1/{kind}/batch"
        return [each for request in self.requests if request.path == path for each in request.json]
