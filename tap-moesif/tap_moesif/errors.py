"""The base class of the tap's errors, and errors of its input and output.

`tap_moesif.service.errors` has those of Moesif's API.
"""

from __future__ import annotations

from singer_delivery.errors import OperatorError


class MoesifError(OperatorError):
    """The sync cannot continue."""


class StateLineError(MoesifError):
    """The state is a whole STATE line."""

    sentence = 'The state is a whole STATE line. Use only its value: what follows "value":'
    advice = "It was taken from the output of a tap; a target writes the values alone."


class NothingSelectedError(MoesifError):
    """No stream is selected."""

    sentence = (
        "No stream is selected, so there is nothing to read. Select one: meltano select tap-moesif "
        'users "*", or "selected": true in the catalog.'
    )
    advice = 'In Meltano, `select: ["!users.email"]` alone selects nothing: add `users.*`.'


class OtherStateError(MoesifError):
    """The state was not written by this tap."""

    sentence = (
        'The state was not written by this tap: it has no object "bookmarks" with an object for '
        "each stream. Run without it, or with --full-refresh, to read everything again."
    )
    advice = "It may be the state of another job; see `meltano state list` and `get`."


class StateOfStreamError(MoesifError):
    """The state of a stream cannot be resumed."""

    sentence = (
        "The state of '{stream}' {what}. Remove this stream from the state, or run with "
        "--full-refresh, to read everything again."
    )
    advice = "It was edited, or written by a newer version of tap-moesif."


class StreamMapError(MoesifError):
    """A stream map cannot be applied."""

    sentence = "The stream maps cannot be applied to '{stream}': {what}"
    advice = "Correct `stream_maps` in the settings of this tap. Records already written are kept."


class FileError(MoesifError):
    """A file on the command line is invalid."""

    sentence = "The file given as --{name} is not a JSON object."
    advice = (
        "`--state`: use the value of the last complete STATE line. `--catalog`: create it again "
        "with `--discover`."
    )


class NothingToPlanError(MoesifError):
    """There is no time to split into windows."""

    sentence = "No windows can be planned because start_date is in the future."
    advice = "Correct `start_date`."


class StandardOutputError(MoesifError):
    """Standard output cannot be written."""

    sentence = (
        "Standard output cannot be written ({reason}). Run again from the last whole STATE line."
    )
    advice = "Free disk space, or look at what the output leads to."


class ClosedPipeError(StandardOutputError):
    """The target has ended."""

    sentence = "The target closed the pipe; stopping"
    advice = "Its own sentence says why."
