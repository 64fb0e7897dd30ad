"""Other errors that end a run."""

from __future__ import annotations

from pathlib import Path

from singer_delivery.errors.base import DeliveryError


class CountsError(DeliveryError):
    """The records that were read are not all accounted for."""

    sentence = (
        "The counts do not add up: {count} records are unaccounted for. This is a bug: report it, "
        "and run again."
    )


class DefectError(DeliveryError):
    """An unexpected error."""

    sentence = "Stopped by a bug: {place}. Report it with that place, and run again."
    advice = "Nothing is lost: no state is written past a record without an outcome."


class Interrupted(DeliveryError):  # noqa: N818, a signal is no error
    """A signal ended the run.

    Args:
        signum: The number of the signal; the exit code is 128 + signum.
    """

    sentence = "Stopped by signal {signum}. The next run continues from the last state."

    def __init__(self, signum: int) -> None:
        super().__init__(signum=signum)
        self.exit_code = 128 + signum


def place_of(error: Exception) -> str:
    """Return an error's type and place; its message could contain a record."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    file = Path(place.tb_frame.f_code.co_filename)
    return f"{type(error).__name__} in {file.parent.name}/{file.name}, line {place.tb_lineno}"
