"""Writes STATE lines, each behind the files that it vouches for."""

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
    """Writes the newest STATE that is due.

    Args:
        write: Writes the value of a STATE line.
        files: Functions that bring to the disk what a STATE line vouches for; called in order.
        held: Returns whether no STATE may be written for now.
        seconds: The shortest time between two STATE lines, since bringing files to the disk costs.
        clock: A monotonic clock, in seconds.

    Attributes:
        checkpoints: Which STATE is due.
    """

    def __init__(
        self,
        write: Callable[[Any], None],
        files: Sequence[Callable[[], None]],
        *,
        held: Callable[[], bool],
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.checkpoints = Checkpoints()
        self._write = write
        self._files = files
        self._held = held
        self._seconds = seconds
        self._clock = clock
        self._value: Any = None  # the newest one that may be written, until it is
        self._not_before = clock()
        self._holds: dict[str, StateInterval] = {}

    def hold(self, name: str) -> None:
        """Let no STATE that is read from now on be written until this is released."""
        if name not in self._holds:
            self._holds[name] = self.checkpoints.record()

    def release(self, *names: str) -> None:
        """Let STATE pass that is held under these names, or under any if there are none."""
        for name in names or [*self._holds]:
            if (held := self._holds.pop(name, None)) is not None:
                self.checkpoints.resolve(held)

    @property
    def due(self) -> float | None:
        """When the next STATE line can be written; None where there is none."""
        return None if self._value is None or self._held() else self._not_before

    def write(self, *, at_once: bool = False) -> None:
        """Write the newest STATE that is due, if there is one.

        Args:
            at_once: Also where the last one was written a moment ago.

        Raises:
            OutputError: A file that it vouches for cannot be written, or standard output.
        """
        value = self.checkpoints.due()
        if value is not None:
            self._value = value
        if self._value is None or self._held():
            return
        now = self._clock()
        if now < self._not_before and not at_once:
            return
        self._not_before = now + self._seconds
        for store in self._files:
            store()
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
