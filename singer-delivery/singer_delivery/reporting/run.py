"""A run of a target, as its reports identify it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from uuid import uuid4


def utc_now() -> str:
    """Return the current time in UTC as ISO 8601, with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a target.

    Attributes:
        target: The name of the target.
        version: The version of the target.
        id: The unique id of the run.
        started_at: The start of the run, as ISO 8601.
    """

    target: str
    version: str
    id: str = field(default_factory=lambda: str(uuid4()))
    started_at: str = field(default_factory=utc_now)
