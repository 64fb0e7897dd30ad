"""The sandbox's clock, which may be wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def system_clock() -> datetime:
    """Return the time of day."""
    return datetime.now(timezone.utc)


@dataclass
class ShiftedClock:
    """Another clock, fast or slow by an offset that can be changed while it runs."""

    clock: Callable[[], datetime]
    offset: timedelta

    def __call__(self) -> datetime:
        """Return the time that the sandbox takes it to be."""
        return self.clock() + self.offset
