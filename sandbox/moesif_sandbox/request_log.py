"""The log of the requests to the services: the newest of them, and how much went through when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moesif_sandbox.segment_times import show_time
from moesif_sandbox.throughput import Throughput

if TYPE_CHECKING:
    from datetime import datetime

    from moesif_sandbox.moesif_dsl import Json

LOGGED_REQUESTS = 20_000
_SERVICES = {
    "/moesif/api/": "moesif",
    "/moesif/collector/": "collector",
    "/segment/": "segment",
    "/segment-us/": "segment",
    "/segment-eu/": "segment",
}
_REFUSED = 400


@dataclass
class RequestLog:
    """The newest requests, oldest first, and how many there were in all."""

    entries: deque[Json] = field(default_factory=lambda: deque(maxlen=LOGGED_REQUESTS))
    logged: int = 0
    throughput: Throughput = field(default_factory=Throughput)

    def add(self, at: datetime, entry: Json) -> None:
        """Log a request that came at a time."""
        self.entries.append({"at": show_time(at), **entry})
        self.logged += 1
        path, records = str(entry["path"]), entry["records"]
        service = next((name for start, name in _SERVICES.items() if path.startswith(start)), None)
        if service is not None and isinstance(records, int):
            self.throughput.add(service, int(at.timestamp()), records, failed=has_failed(entry))

    def clear(self) -> None:
        """Forget all requests."""
        self.entries.clear()
        self.logged = 0
        self.throughput = Throughput()


def has_failed(entry: Json) -> bool:
    """Say whether the client of a logged request has reason to try again, or to give up."""
    status = entry["status"]
    return (
        not isinstance(status, int) or status >= _REFUSED or entry["fault"] not in {None, "delay"}
    )
