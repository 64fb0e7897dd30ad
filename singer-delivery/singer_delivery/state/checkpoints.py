"""Which STATE line may be written: only one behind which every record is resolved.

A record is resolved when the service acknowledged it, when it was left out on purpose, or
when it stands in the rejects file. Answers come in any order; STATE lines go out in theirs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class StateInterval:
    """The records between two STATE lines.

    Attributes:
        read: How many records it has.
        resolved: How many of them are resolved.
        state: The value of the STATE line that closes it, once that was read.
    """

    read: int = 0
    resolved: int = 0
    state: Any = None


class Checkpoints:
    """Follows the records between STATE lines, in constant time for each.

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
        """Note a record that was read; pass the result to `resolve`."""
        interval = self._intervals[-1]
        interval.read += 1
        return interval

    def resolve(self, interval: StateInterval) -> None:
        """Note that one record of this interval is resolved."""
        interval.resolved += 1

    def state(self, value: Any) -> None:  # noqa: ANN401, the tap's business
        """Note a STATE line that was read."""
        last = self._intervals[-1]
        if not last.read and len(self._intervals) > 1:
            # Nothing came between two STATE lines, so the newer one stands for both.
            self._intervals[-2].state = value
            return
        last.state = value
        self._intervals.append(StateInterval())

    def due(self) -> Any | None:  # noqa: ANN401
        """Take the newest STATE value that may be written now, or None."""
        newest = None
        while len(self._intervals) > 1 and self._intervals[0].resolved == self._intervals[0].read:
            newest = self._intervals.popleft().state
        return newest
