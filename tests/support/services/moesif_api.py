"""Moesif's API as the tap has it, on a clock that goes on only while somebody waits."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from singer_delivery.http import host_of
from tap_moesif.service import Moesif
from tap_moesif.service.connection import Connection
from tap_moesif.service.rate_limit import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "management-key-nobody-may-see"
WALL = 1_700_000_030.0  # 50 s into its calendar minute


@dataclass
class Clock:
    """A clock, and the waits that moved it."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@contextmanager
def api(
    url: str,
    clock: Clock | None = None,
    *,
    parallel: int = 1,
    per_minute: int = 10_000,
    connect: Callable[[], Connection] | None = None,
) -> Iterator[Moesif]:
    """Connect to a service."""
    clock = clock or Clock()
    moesif = Moesif(
        connect or (lambda: Connection(url, KEY)),
        RateLimiter(per_minute, clock, clock.sleep),
        host_of(url),
        parallel,
        sleep=clock.sleep,
        clock=clock,
        wall=lambda: WALL,
        uniform=lambda: 0.5,
    )
    try:
        yield moesif
    finally:
        moesif.close()
