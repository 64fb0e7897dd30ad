"""The errors, by what happens next.

DeliveryError           the run ends
├── InputError          a line is not a Singer message: exit 1
│   ├── NoSchemaError   a RECORD comes before its SCHEMA (singer-sdk's own error as well)
│   └── UnknownStreamError  a stream has no route
├── ServiceError        the service refuses the sender, or cannot be reached: exit 1
├── OutputError         a file or stdout cannot be written: exit 1
└── Interrupted         SIGINT or SIGTERM: exit 130 or 143
RecordRejected          this record goes to the rejects file; the run goes on
RecordSkipped           this record is left out on purpose; the run goes on

No message of these holds a payload, a key or a user id.
"""

from __future__ import annotations

from pathlib import Path

from singer_sdk.exceptions import RecordsWithoutSchemaException


class DeliveryError(Exception):
    """The run ends; its message is one sentence for the operator."""

    exit_code = 1


class InputError(DeliveryError):
    """A line of the input is not a Singer message, or is out of order."""


class NoSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD comes before its stream's SCHEMA."""


class UnknownStreamError(InputError):
    """A stream has no route; the message proposes one."""


class ServiceError(DeliveryError):
    """The service refuses this sender, or did not answer for too long."""


class OutputError(DeliveryError):
    """The rejects file, the summary or standard output cannot be written."""


class Interrupted(DeliveryError):  # noqa: N818, a signal is no error
    """A signal asked the run to end.

    Args:
        signum: The number of the signal; the exit code is 128 + signum.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"Stopped by signal {signum}.")
        self.exit_code = 128 + signum


class RecordRejected(Exception):  # noqa: N818, the run goes on
    """This record cannot be delivered.

    Args:
        reason: A short code, such as Segment's `no_user_anon_id`.
        detail: One sentence that names the field, but not its value.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RecordSkipped(Exception):  # noqa: N818, the run goes on
    """This record is left out on purpose.

    Args:
        reason: A short code for the counts, such as `deleted`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def place_of(error: Exception) -> str:
    """Return an error's type and place; its message could hold a record."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    file = Path(place.tb_frame.f_code.co_filename)
    return f"{type(error).__name__} in {file.parent.name}/{file.name}, line {place.tb_lineno}"
