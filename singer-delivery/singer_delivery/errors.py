"""The errors of a target, by what happens next.

DeliveryError           the run ends
├── InputError          a line is not a Singer message: exit 1
├── ServiceError        the service refuses the sender, or cannot be reached: exit 1
├── OutputError         a file or stdout cannot be written: exit 1
└── Interrupted         SIGINT or SIGTERM: exit 130 or 143
RecordRejected          this record goes to the rejects file; the run goes on
RecordSkipped           this record is left out on purpose; the run goes on

No message of these holds a payload, a key or a user id. `docs/failures.md` is made of the classes
below by `make settings`: of each its sentence, its exit code and its advice.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from singer_sdk.exceptions import RecordsWithoutSchemaException


class OperatorError(Exception):
    """A message that tells the operator what happened and what to do.

    Args:
        message: The message, of a class without a sentence of its own.
        values: The values in the sentence.

    Attributes:
        exit_code: The exit code of the run.
        sentence: The message, as `str.format` takes it.
        advice: What to do, where the sentence leaves something to say.
    """

    exit_code = 1
    sentence: ClassVar[str] = ""
    advice: ClassVar[str] = ""

    def __init__(self, message: str = "", **values: object) -> None:
        super().__init__(message or self.sentence.format(**values))


class DeliveryError(OperatorError):
    """The run ends."""


# The input.


class InputError(DeliveryError):
    """A line of the input is not a Singer message, or is out of order."""

    sentence = "Line {line} of the input is no Singer message: {what}. {remedy}"
    advice = (
        "Run the tap alone, and look at that line: something else prints into its output, or the "
        "tap was killed and the line is torn. A file in UTF-16 or UTF-32 is converted by iconv."
    )


class NoSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD comes before its stream's SCHEMA."""

    sentence = (
        "Line {line} of the input is no Singer message: a RECORD needs a stream and a SCHEMA "
        "before it. Does the tap write anything else to its standard output?"
    )
    advice = "If the input is a part of a file, keep the SCHEMA lines."


class NoInputError(InputError):
    """Standard input is closed."""

    sentence = (
        "Standard input is closed, so there is nothing to read. Pipe a tap's output into it, or "
        "name a file with --input."
    )
    advice = "A service manager may have started the target without an input."


class ReplayError(InputError):
    """What `--replay` names cannot be read."""

    sentence = "Cannot read {path}, which --replay names: {reason}. Correct it, and run again."
    advice = (
        "What was read before that was sent; to send it again does no harm. `singer-rejects` lists "
        "what is in it."
    )


class UnknownStreamError(InputError):
    """A stream has no route."""

    sentence = (
        "Stream '{stream}' is not known: {why}. The run stops before its first record; no state is "
        "written past it. {what} Add under streams in the settings: {line}"
    )
    advice = (
        "Look at what the stream holds, and add that line, or a better one. `'*': {call: ignore}` "
        "leaves out all streams that nothing else explains."
    )


class StreamMapError(InputError):
    """A stream map cannot be applied to the schema of its stream."""

    sentence = (
        "The stream maps cannot be applied to '{stream}': {what} The run stops there; no state is "
        "written past it."
    )
    advice = "Correct `stream_maps` in the settings of this target."


class UncheckableError(InputError):
    """The schema of a stream is no valid JSON schema, so records cannot be checked."""

    sentence = (
        "The schema of '{stream}' is no valid JSON schema ({kind}), so its records cannot be "
        "checked. Take validate_records out of the settings."
    )
    advice = "Or correct the schema, in the tap or by the `schema` extra of a Meltano extractor."


# The service.


class ServiceError(DeliveryError):
    """The service refuses this sender, or did not answer for too long."""


class SenderRefusedError(ServiceError):
    """The service refuses the key, the account or the address, and no record."""

    sentence = (
        "{host} refuses this sender: {answer}.{why} Nothing was rejected. Check {settings}, and "
        "run again."
    )
    advice = (
        "HTTP 401 or 403: the key is wrong. HTTP 402: the plan is not active. Anything else: does "
        "the address lead to the service?"
    )


class LongWaitError(ServiceError):
    """The service asks to wait for longer than the settings allow."""

    sentence = (
        "{host} asks to wait {asked:.0f} s ({answer}), longer than retry_max_seconds "
        "({seconds:g}): run again later, or raise it."
    )
    advice = "Run again after that time."


class ManyWaitsError(ServiceError):
    """The service has asked for too many waits."""

    sentence = (
        "{host} has asked to wait again and again, for {seconds:g} s in all, in {attempts} "
        "({answer}). State is kept: run again later."
    )
    advice = (
        "The service is overloaded, or a proxy always answers so. A smaller "
        "`max_requests_per_second` or fewer `lanes` may help."
    )


class NoDeliveryError(ServiceError):
    """All attempts to deliver a batch have failed."""

    sentence = (
        "No delivery to {host} for {seconds:g} s ({limit}), in {attempts}: {answer}. State is "
        "kept. Check {settings}, and whether this machine can reach that host, or run again later."
    )
    advice = (
        "`name or service not known` is the DNS, `connection refused` the address or a firewall, "
        "`TLS` a certificate that belongs into `REQUESTS_CA_BUNDLE`. No answer in time: a larger "
        "`request_timeout_seconds` or a smaller `batch_max_bytes`."
    )


class AllRefusedError(ServiceError):
    """The service refuses one record after the other with the same answer."""

    sentence = (
        "{what} refused with the same answer ({answer}), so the cause is probably the "
        "configuration and not the records. They are in the rejects file with that answer: "
        "correct what it says and {then} if they are all bad."
    )
    advice = "Read the answer in the rejects file."


# Files, and standard output.


class OutputError(DeliveryError):
    """A file or standard output cannot be written."""


class RejectsFileError(OutputError):
    """The rejects file cannot be written."""

    sentence = (
        "Cannot write the rejects file {path}: {reason}. Make room or set rejects_path to a place "
        "that can be written."
    )
    advice = (
        "If another process keeps it locked, `lsof` shows which: end it, or give this run a "
        "`rejects_path` of its own."
    )


class BucketError(OutputError):
    """A bucket cannot be written, as is found out when a run starts."""

    sentence = (
        "Cannot write to {url}, which {setting} names: {reason}. Nothing was sent. Check that "
        "setting, and the bucket's address and credentials in the environment, and run again."
    )
    advice = (
        "The credentials are those of the bucket's own tools: `AWS_ACCESS_KEY_ID` or a role for "
        "`s3://`, and `AWS_ENDPOINT_URL` for another service than Amazon's; "
        "`GOOGLE_APPLICATION_CREDENTIALS` or a service account for `gs://`. They need the right to "
        "create objects there."
    )


class UploadError(OutputError):
    """A file cannot be uploaded."""

    sentence = (
        "Cannot upload {path} to {url}: {reason}. State is kept, and so is that file: the next run "
        "uploads it first. Check the bucket and the credentials, and run again."
    )
    advice = (
        "State has not passed the records in it. If its bucket is gone for good, move the file "
        "away: otherwise no run starts."
    )


class SpoolError(OutputError):
    """A file that is to be uploaded cannot be written on this machine."""

    sentence = (
        "Cannot write {path}, from where it is uploaded: {reason}. Make room or set spool_path to "
        "a place that can be written."
    )


class SummaryFileError(OutputError):
    """The summary cannot be written."""

    sentence = "Cannot write summary_path {path}: {reason}."
    advice = "Correct the path. Everything else was done."


class HistoryFileError(OutputError):
    """The history of runs cannot be written."""

    sentence = "Cannot write history_path {path}: {reason}."
    advice = "Correct the path. Everything else was done."


class MetricsFileError(OutputError):
    """The metrics cannot be written."""

    sentence = (
        "Cannot write metrics_path {path}: {reason}. Make room or set metrics_path to a place that "
        "can be written."
    )
    advice = "Prometheus sees the figures of an earlier run."


class OutcomesFileError(OutputError):
    """The outcomes of records cannot be written."""

    sentence = (
        "Cannot write outcomes_path {path}: {reason}. Make room or set outcomes_path to a place "
        "that can be written."
    )


class DryRunFileError(OutputError):
    """The requests of a dry run cannot be written."""

    sentence = "Cannot write dry_run_path {path}: {reason}."
    advice = "Correct the path."


class FingerprintsError(OutputError):
    """The fingerprints cannot be used."""

    sentence = (
        "Cannot use the fingerprints in {path}: {reason}. Make room, set fingerprints_path to a "
        "place that can be written, or remove a broken file: everything is sent once more then."
    )
    advice = (
        "If it is a database of something else, correct `fingerprints_path`. If a newer version "
        "wrote it, go back to that version, or remove the file."
    )


class FingerprintsInUseError(OutputError):
    """Another run uses the fingerprints."""

    sentence = (
        "Another run uses the fingerprints in {path}. Let it end first, or give this one a "
        "fingerprints_path of its own."
    )
    advice = (
        "Nothing was sent by this run. The lock of a file ends with its process, however that "
        "ends; the lease of a database 60 s later, and the next run waits for that."
    )


class FingerprintsMovedError(OutputError):
    """The fingerprints were moved to a database."""

    sentence = (
        "The fingerprints in {path} were moved to {place}. Set fingerprints_path to that database."
    )
    advice = "Nothing was sent. To go on with the file would lose what the database learned since."


class FingerprintsDatabaseError(OutputError):
    """The database of the fingerprints cannot be used."""

    sentence = (
        "Cannot use the fingerprints in {path}: {reason}. State is kept. Check fingerprints_path "
        "and the database, and run again."
    )
    advice = (
        "What PostgreSQL says is in the sentence. The role needs CREATE in the schema for the "
        "first run, and later SELECT, INSERT, UPDATE and DELETE on the tables "
        "`singer_fingerprint…`, and TEMPORARY in the database. A password belongs in `PGPASSWORD` "
        "or in a password file."
    )


class LeaseLostError(OutputError):
    """Another run has taken over the fingerprints."""

    sentence = (
        "Another run has taken over the fingerprints in {path}, since this one did not renew its "
        "lease for {seconds:g} s. This one stops and writes no more state; the other goes on."
    )
    advice = (
        "This run was suspended for that long, or cut off from the database. Nothing is lost. Find "
        "out why two runs were started for one job."
    )


class TooManyRemovedError(DeliveryError):
    """A complete read lacks more users or companies than may be removed."""

    sentence = (
        "The complete read of stream '{stream}' lacks {gone} of the {held} users or companies that "
        "are known of it, more than max_removed ({percent:g} %) allows. Nothing was removed, and "
        "no state is written past it. Check whether the source is whole; if they are gone, set "
        "max_removed higher for one run."
    )
    advice = (
        "Everything that was read is delivered. A source that came up empty or half, a filter or a "
        "wrong database is the usual cause; a dry run with a higher `max_removed` lists who would "
        "be removed. In a tap that resumes a read, `--full-refresh` begins a new one."
    )


class StateNotWrittenError(OutputError):
    """Standard output is closed or full."""

    sentence = (
        "Standard output cannot be written ({reason}), so no state can be kept. What was delivered "
        "will be sent again by the next run, with the same ids."
    )
    advice = "Find out why Meltano, or whatever kept the state, has ended. Then run again."


# Everything else.


class CountsError(DeliveryError):
    """The records that were read are not all accounted for."""

    sentence = (
        "The counts do not add up: {count} records are unaccounted for. This is a defect. Report "
        "it, and run again."
    )


class DefectError(DeliveryError):
    """An unexpected error."""

    sentence = "Stopped by a defect: {place}. Report that place, and run again."
    advice = "Nothing is lost: STATE never passes a record whose outcome is open."


class Interrupted(DeliveryError):  # noqa: N818, a signal is no error
    """A signal asked the run to end.

    Args:
        signum: The number of the signal; the exit code is 128 + signum.
    """

    sentence = "Stopped by signal {signum}. The next run goes on from the last state."

    def __init__(self, signum: int) -> None:
        super().__init__(signum=signum)
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
