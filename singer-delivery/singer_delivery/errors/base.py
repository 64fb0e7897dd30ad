"""The tree of errors; see `singer_delivery.errors`."""

from __future__ import annotations

from typing import ClassVar


class OperatorError(Exception):
    """An error whose message says what happened and what to do.

    Args:
        message: The message, if the class has no sentence.
        values: The values for the sentence.

    Attributes:
        exit_code: The exit code of the run.
        sentence: The message, as a template for `str.format`.
        advice: What to do, if the sentence does not say it.
    """

    exit_code = 1
    sentence: ClassVar[str] = ""
    advice: ClassVar[str] = ""

    def __init__(self, message: str = "", **values: object) -> None:
        super().__init__(message or self.sentence.format(**values))


class DeliveryError(OperatorError):
    """The run ends."""


class InputError(DeliveryError):
    """A line of the input is not a Singer message, or is out of order."""

    sentence = "Line {line} of the input is not a Singer message: {what}. {remedy}"
    advice = (
        "Run the tap alone and look at that line: another program writes to its output, or the tap "
        "was killed and the line is incomplete. Convert a file in UTF-16 or UTF-32 with `iconv`."
    )


class ServiceError(DeliveryError):
    """The service refuses this sender, or does not answer."""


class OutputError(DeliveryError):
    """A file or standard output cannot be written."""


class RecordRejected(Exception):  # noqa: N818, the run continues
    """This record cannot be delivered.

    Args:
        reason: A short code, such as Segment's `no_user_anon_id`.
        detail: One sentence that names the field, but not its value.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RecordSkipped(Exception):  # noqa: N818, the run continues
    """This record is skipped on purpose.

    Args:
        reason: A short code for the counts, such as `deleted`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
