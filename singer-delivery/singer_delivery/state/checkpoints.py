"""Which STATE line may be written: only one behind which every record is settled.

A record is settled when the service acknowledged it, when it was left out on purpose, or
when it stands in the rejects file. Answers come in any order; STATE lines go out in theirs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Stretch:
    """The records between two STATE lines.

    Attributes:
        read: How many records it has.
        settled: How many of them are settled.
        state: The value of the STATE line that closes it, once that was read.
    """

    read: int = 0
    settled: int = 0
    state: Any = None


class Checkpoints:
    """Follows the records between STATE lines, in constant time for each.

    >>> checkpoints = Checkpoints()
    >>> stretch = checkpoints.record()
    >>> checkpoints.state({"page": 1})
    >>> checkpoints.due()
    >>> checkpoints.settle(stretch)
    >>> checkpoints.due()
    {'page': 1}
    """

    def __init__(self) -> None:
        self._stretches = deque([Stretch()])

    def record(self) -> Stretch:
        """Note a record that was read; whoever settles it gives back what is returned."""
        stretch = self._stretches[-1]
        stretch.read += 1
        return stretch

    def settle(self, stretch: Stretch) -> None:
        """Note that one record of this stretch is settled."""
        stretch.settled += 1

    def state(self, value: Any) -> None:  # noqa: ANN401, the tap's business
        """Note a STATE line that was read."""
        last = self._stretches[-1]
        if not last.read and len(self._stretches) > 1:
            # Nothing came between two STATE lines, so the newer one stands for both.
            self._stretches[-2].state = value
            return
        last.state = value
        self._stretches.append(Stretch())

    def due(self) -> Any | None:  # noqa: ANN401
        """Take the newest STATE value that may be written now, or None."""
        newest = None
        while len(self._stretches) > 1 and self._stretches[0].settled == self._stretches[0].read:
            newest = self._stretches.popleft().state
        return newest
