"""Errors of the input."""

from __future__ import annotations

from singer_sdk.exceptions import RecordsWithoutSchemaException

from singer_delivery.errors.base import InputError


class NoSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD comes before its stream's SCHEMA."""

    sentence = (
        "Line {line} of the input is not a Singer message: a RECORD needs a stream and a SCHEMA "
        "before it. Does the tap write anything else to its standard output?"
    )
    advice = "If the input is part of a file, include its SCHEMA lines."


class NoInputError(InputError):
    """Standard input is closed."""

    sentence = (
        "Standard input is closed, so there is nothing to read. Pipe a tap's output into it, or "
        "name a file with --input."
    )
    advice = "The target may have been started by a service manager, without an input."


class ReplayError(InputError):
    """The argument of `--replay` cannot be read."""

    sentence = "Cannot read {path} (--replay): {reason}. Correct the path, and run again."
    advice = (
        "Records read before the error were sent, and may be sent again. `singer-rejects` lists "
        "the content of a rejects file."
    )


class UnknownStreamError(InputError):
    """A stream has no route."""

    sentence = (
        "Stream '{stream}' is not known: {why}. The run stops before its first record, without "
        "state past it. {what} Add under streams in the settings: {line}"
    )
    advice = (
        "Look at the stream's records, and add that line or a better one. `'*': {call: ignore}` "
        "skips all streams without a route."
    )


class StreamMapError(InputError):
    """A stream map cannot be applied to the schema of its stream."""

    sentence = (
        "The stream maps cannot be applied to '{stream}': {what} The run stops there, without "
        "state past it."
    )
    advice = "Correct `stream_maps` in the settings of this target."


class UncheckableError(InputError):
    """The schema of a stream is not a valid JSON schema, so records cannot be checked."""

    sentence = (
        "The schema of '{stream}' is not a valid JSON schema ({kind}), so its records cannot be "
        "checked. Remove validate_records from the settings."
    )
    advice = (
        "Or correct the schema in the tap, or with the `schema` extra of the Meltano extractor."
    )
