"""The requests to the services: the newest of them, and how much went through in each second."""

from collections import Counter, deque
from datetime import datetime
from typing import Any, NamedTuple

from moesif_sandbox.times import zulu

LOGGED_REQUESTS = 20_000
KEPT_SECONDS = 3_600
SERVICES = {
    "/moesif/api/": "moesif", "/moesif/collector/": "collector", "/segment/": "segment",
    "/segment-us/": "segment", "/segment-eu/": "segment", "/segment-cdn/": "cdn",
}  # fmt: skip
_REFUSED = 400


class Bar(NamedTuple):
    """A span of time: how many records a service gave or took, how many requests failed."""

    records: int = 0
    failed: int = 0


class RequestLog:
    """The newest requests, oldest first, how many there were in all, and the last hour's sums."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.entries: deque[dict[str, Any]] = deque(maxlen=LOGGED_REQUESTS)
        self.logged = 0
        self._seconds: dict[int, Counter[tuple[str, str]]] = {}

    def add(self, at: datetime, entry: dict[str, Any]) -> None:
        """Log a request that came at a time; the clock may have been set back since the last."""
        self.entries.append({"at": zulu(at), **entry})
        self.logged += 1
        service = next(name for start, name in SERVICES.items() if entry["path"].startswith(start))
        counts = self._seconds.setdefault(int(at.timestamp()), Counter())
        counts[service, "records"] += entry["records"]
        counts[service, "failed"] += has_failed(entry)
        if len(self._seconds) > KEPT_SECONDS:
            del self._seconds[next(iter(self._seconds))]

    def bars(self, service: str, now: int, width: int, count: int) -> list[Bar]:
        """Return so many spans of `width` seconds each, the last of which holds `now`.

        A span begins at a multiple of its width, so that it does not change while time goes on.
        """
        bars = []
        for number in range(now // width - count + 1, now // width + 1):
            seconds = range(number * width, (number + 1) * width)
            counts = [self._seconds[second] for second in seconds if second in self._seconds]
            bars.append(Bar(*(sum(c[service, what] for c in counts) for what in Bar._fields)))
        return bars


def has_failed(entry: dict[str, Any]) -> bool:
    """Say whether the client of a logged request has reason to try again, or to give up."""
    status = entry["status"]
    return status is None or status >= _REFUSED or entry["fault"] not in {None, "delay"}
