"""Whether a record of the tap follows its schema, times included."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator, FormatChecker

from tap_moesif.records import json_schema

if TYPE_CHECKING:
    from tap_moesif.records import Field

FORMATS = FormatChecker(())


@FORMATS.checks("date-time", ValueError)
def is_the_one_form_of_times(value: object) -> bool:
    """Say whether a time is UTC with milliseconds and `Z`."""
    if isinstance(value, str):
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007, only its form counts
        return value.isascii() and len(value) == len("2023-07-27T21:52:58.099Z")
    return True


def checker(fields: tuple[Field, ...]) -> Draft202012Validator:
    """Make what checks the records of a stream."""
    return Draft202012Validator(json_schema(fields), format_checker=FORMATS)
