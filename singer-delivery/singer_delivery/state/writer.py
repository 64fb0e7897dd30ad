"""Writes STATE lines, after syncing the files that they depend on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from singer_delivery.errors import StateNotWrittenError
from singer_delivery.state.checkpoints import Checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

    from singer_delivery.state.checkpoints import StateInterval


class StateWriter:
    """Writes the newest STATE that may be written.

    Args:
        write: Writes the value of a STATE line.
        syncs: Functions that make durable what a STATE line depends on; called in order.
        blocked: Returns whether STATE must wait.
        seconds: The shortest time between two STATE lines, since syncing files takes time.
        clock: A monotonic clock, in seconds.

    Attributes:
        checkpoints: Tracks which STATE may be written.
    """

    def __init__(
        self,
        write: Callable[[Any], None],
        syncs: Sequence[Callable[[], None]],
        *,
        blocked: Callable[[], bool],
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.checkpoints = Checkpoints()
        self._write = write
        self._syncs = syncs
        self._blocked = blocked
        self._seconds = seconds
        self._clock = clock
        self._value: Any = None  # the newest one that may be written and is not
        self._not_before = clock()
        self._holds: dict[str, StateInterval] = {}

    def hold(self, name: str) -> None:
        """Hold back all later STATE lines until this name is released."""
        if name not in self._holds:
            self._holds[name] = self.checkpoints.record()

    def release(self, *names: str) -> None:
        """Release the STATE lines held back under these names, or under all if there are none."""
        for name in names or [*self._holds]:
            if (held := self._holds.pop(name, None)) is not None:
                self.checkpoints.resolve(held)

    @property
    def due(self) -> float | None:
        """When the next STATE line can be written; None if there is none."""
        return None if self._value is None or self._blocked() else self._not_before

    def write(self, *, force: bool = False) -> None:
        """Write the newest STATE that may be written, if there is one.

        Args:
            force: Whether to write it even if the last one was written just before.

        Raises:
            OutputError: A file that it depends on, or standard output, cannot be written.
        """
        value = self.checkpoints.due()
        if value is not None:
            self._value = value
        if self._value is None or self._blocked():
            return
        now = self._clock()
        if now < self._not_before and not force:
            return
        self._not_before = now + self._seconds
        for sync in self._syncs:
            sync()
        self._write(self._value)
        self._value = None


def write_state(value: msgspec.Raw) -> None:
    """Write the value of a STATE line to standard output, byte for byte as it was read.

    Raises:
        StateNotWrittenError: Standard output is closed or full.
    """
    line = bytes(value) + b"\n"
    try:
        if (binary := getattr(sys.stdout, "buffer", None)) is None:
            sys.stdout.write(line.decode())
        else:
            binary.write(line)
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError) as error:  # it is None if it was never opened
        reason = getattr(error, "strerror", None) or "it is closed"
        raise StateNotWrittenError(reason=reason) from error
