"""How much each service took in, second by second: what the page's chart is drawn from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT_SECONDS = 3_600


class Bar(NamedTuple):
    """A span of time: how many records a service gave or took, how many requests failed."""

    records: int = 0
    failed: int = 0


@dataclass
class Throughput:
    """The newest seconds in which anything happened."""

    _seconds: dict[int, Counter[tuple[str, str]]] = field(default_factory=dict)

    def add(self, service: str, second: int, records: int, *, failed: bool) -> None:
        """Count a request; the clock may have been set back since the last."""
        counts = self._seconds.setdefault(second, Counter())
        counts[service, "records"] += records
        counts[service, "failed"] += failed
        if len(self._seconds) > KEPT_SECONDS:
            del self._seconds[next(iter(self._seconds))]

    def bars(self, service: str, now: int, width: int, count: int) -> list[Bar]:
        """Return so many spans of `width` seconds each, the last of which holds `now`.

        A span begins at a multiple of its width, so that it does not change while time goes on.
        """
        last = now // width
        return [
            self._bar(service, range(number * width, (number + 1) * width))
            for number in range(last - count + 1, last + 1)
        ]

    def _bar(self, service: str, seconds: range) -> Bar:
        counts = [self._seconds[second] for second in seconds if second in self._seconds]
        return Bar(
            sum(count[service, "records"] for count in counts),
            sum(count[service, "failed"] for count in counts),
        )
