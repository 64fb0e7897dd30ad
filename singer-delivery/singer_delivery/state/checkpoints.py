"""Tracks which STATE line may be written: the last one after resolved records only.

A record is resolved when the service has acknowledged it, when it is skipped on purpose, or when it
is in the rejects file. Answers come in any order; STATE lines keep theirs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class StateInterval:
    """The records between two STATE lines.

    Attributes:
        read: The number of its records.
        resolved: The number of its resolved records.
        state: The value of the STATE line at its end, once it is read.
    """

    read: int = 0
    resolved: int = 0
    state: Any = None


class Checkpoints:
    """Tracks the records between STATE lines, in constant time per record.

    >>> checkpoints = Checkpoints()
    >>> interval = checkpoints.record()
    >>> checkpoints.state({"page": 1})
    >>> checkpoints.due()
    >>> checkpoints.resolve(interval)
    >>> checkpoints.due()
    {'page': 1}
    """

    def __init__(self) -> None:
        self._intervals = deque([StateInterval()])

    def record(self) -> StateInterval:
        """Count a record that was read; pass the result to `resolve`."""
        interval = self._intervals[-1]
        interval.read += 1
        return interval

    def resolve(self, interval: StateInterval) -> None:
        """Count a record of this interval as resolved."""
        interval.resolved += 1

    def state(self, value: Any) -> None:  # noqa: ANN401, any JSON
        """Note a STATE line that was read."""
        last = self._intervals[-1]
        if not last.read and len(self._intervals) > 1:
            # No record came between two STATE lines, so the newer one replaces the older.
            self._intervals[-2].state = value
            return
        last.state = value
        self._intervals.append(StateInterval())

    def due(self) -> Any | None:  # noqa: ANN401
        """Remove and return the newest STATE value that may be written, or None."""
        newest = None
        while len(self._intervals) > 1 and self._intervals[0].resolved == self._intervals[0].read:
            newest = self._intervals.popleft().state
        return newest
