"""The errors of a target, by what happens next.

DeliveryError           the run ends
├── InputError          a line is not a Singer message: exit 1
├── ServiceError        the service refuses the sender, or cannot be reached: exit 1
├── OutputError         a file or stdout cannot be written: exit 1
└── Interrupted         SIGINT or SIGTERM: exit 130 or 143
RecordRejected          this record goes to the rejects file; the run goes on
RecordSkipped           this record is skipped on purpose; the run goes on

No message contains a payload, a key or a user id. `make settings` writes the sentence, exit code
and advice of each class to `docs/failures.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from singer_sdk.exceptions import RecordsWithoutSchemaException


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


# The input.


class InputError(DeliveryError):
    """A line of the input is not a Singer message, or is out of order."""

    sentence = "Line {line} of the input is not a Singer message: {what}. {remedy}"
    advice = (
        "Run the tap alone and look at that line: another program writes to its output, or the tap "
        "was killed and the line is incomplete. Convert a file in UTF-16 or UTF-32 with `iconv`."
    )


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


# The service.


class ServiceError(DeliveryError):
    """The service refuses this sender, or does not answer."""


class SenderRefusedError(ServiceError):
    """The service refuses the key, the account or the address, not a record."""

    sentence = (
        "{host} refuses this sender: {answer}.{why} Nothing was rejected. Check {settings}, and "
        "run again."
    )
    advice = (
        "HTTP 401 or 403: the key is wrong. HTTP 402: the plan is not active. Any other answer: "
        "the address may not be that of the service."
    )


class LongWaitError(ServiceError):
    """The service requests a longer wait than the settings allow."""

    sentence = (
        "{host} requests a wait of {requested:.0f} s ({answer}), longer than retry_max_seconds "
        "({seconds:g}). Run again later, or raise retry_max_seconds."
    )
    advice = "Run again after that time. State is kept."


class ManyWaitsError(ServiceError):
    """The service has requested too many waits."""

    sentence = (
        "{host} has requested one wait after another, {seconds:g} s in total, in {attempts} "
        "({answer}). State is kept. Run again later."
    )
    advice = (
        "The service is overloaded, or a proxy always answers this way. A smaller "
        "`max_requests_per_second` or fewer `lanes` may help."
    )


class NoDeliveryError(ServiceError):
    """All attempts to deliver a batch have failed."""

    sentence = (
        "No delivery to {host} for {seconds:g} s ({limit}), in {attempts}: {answer}. State is "
        "kept. Check {settings}, and whether this machine can reach that host, or run again later."
    )
    advice = (
        "`name or service not known`: check the DNS. `connection refused`: check the address and "
        "the firewall. `TLS`: add the certificate to `REQUESTS_CA_BUNDLE`. No answer in time: set "
        "a larger `request_timeout_seconds` or a smaller `batch_max_bytes`."
    )


class AllRefusedError(ServiceError):
    """The service refuses one record after another with the same answer."""

    sentence = (
        "{what} refused with the same answer ({answer}), so the cause is probably the "
        "configuration and not the records. They are in the rejects file with that answer. "
        "Correct the cause and {then} if all of them are bad."
    )
    advice = "The answer in the rejects file names the cause."


# Files, and standard output.


class OutputError(DeliveryError):
    """A file or standard output cannot be written."""


class RejectsFileError(OutputError):
    """The rejects file cannot be written."""

    sentence = (
        "Cannot write the rejects file {path}: {reason}. Free disk space, or set rejects_path to a "
        "writable path."
    )
    advice = (
        "If another process has locked it, `lsof` shows which one: stop it, or set another "
        "`rejects_path` for this run."
    )


class BucketError(OutputError):
    """A bucket cannot be written at the start of a run."""

    sentence = (
        "Cannot write to {url} ({setting}): {reason}. Nothing was sent. Check the setting, and the "
        "bucket's address and credentials in the environment, and run again."
    )
    advice = (
        "The credentials are those of the bucket's own tools: `AWS_ACCESS_KEY_ID` or a role for "
        "`s3://`, with `AWS_ENDPOINT_URL` for services other than Amazon's; "
        "`GOOGLE_APPLICATION_CREDENTIALS` or a service account for `gs://`. They need permission "
        "to create objects."
    )


class UploadError(OutputError):
    """A file cannot be uploaded."""

    sentence = (
        "Cannot upload {path} to {url}: {reason}. State and the file are kept, and the next run "
        "uploads the file first. Check the bucket and the credentials, and run again."
    )
    advice = (
        "No state was written past the records in it. If the bucket no longer exists, move the "
        "file away; until then no run starts."
    )


class SpoolError(OutputError):
    """A file to upload cannot be written on this machine."""

    sentence = (
        "Cannot write {path}, a file to upload: {reason}. Free disk space, or set spool_path to a "
        "writable path."
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
        "Cannot write metrics_path {path}: {reason}. Free disk space, or set metrics_path to a "
        "writable path."
    )
    advice = "Until then Prometheus scrapes the metrics of an earlier run."


class OutcomesFileError(OutputError):
    """The outcomes of records cannot be written."""

    sentence = (
        "Cannot write outcomes_path {path}: {reason}. Free disk space, or set outcomes_path to a "
        "writable path."
    )


class DryRunFileError(OutputError):
    """The requests of a dry run cannot be written."""

    sentence = "Cannot write dry_run_path {path}: {reason}."
    advice = "Correct the path."


class FingerprintsError(OutputError):
    """The fingerprints cannot be used."""

    sentence = (
        "Cannot use the fingerprints in {path}: {reason}. Free disk space, set fingerprints_path "
        "to a writable path, or remove a broken file; everything is then sent once more."
    )
    advice = (
        "If it belongs to another program, correct `fingerprints_path`. If a newer version wrote "
        "it, return to that version, or remove the file."
    )


class FingerprintsInUseError(OutputError):
    """Another run uses the fingerprints."""

    sentence = (
        "Another run uses the fingerprints in {path}. Wait until it has ended, or set another "
        "fingerprints_path for this run."
    )
    advice = (
        "This run has sent nothing. The lock of a file ends with its process, even after a kill. "
        "The lease of a database ends 60 s later; the next run waits for that."
    )


class FingerprintsMovedError(OutputError):
    """The fingerprints were moved to a database."""

    sentence = (
        "The fingerprints in {path} were moved to {place}. Set fingerprints_path to that database."
    )
    advice = "Nothing was sent. The database may be newer than the file."


class FingerprintsDatabaseError(OutputError):
    """The database of the fingerprints cannot be used."""

    sentence = (
        "Cannot use the fingerprints in {path}: {reason}. State is kept. Check fingerprints_path "
        "and the database, and run again."
    )
    advice = (
        "The sentence contains PostgreSQL's message. The role needs CREATE on the schema for the "
        "first run, and always SELECT, INSERT, UPDATE and DELETE on the tables "
        "`singer_fingerprint…`, and TEMPORARY on the database. Set the password in `PGPASSWORD` or "
        "in a password file."
    )


class LeaseLostError(OutputError):
    """Another run has taken over the fingerprints."""

    sentence = (
        "Another run has taken over the fingerprints in {path}, because this run did not renew its "
        "lease for {seconds:g} s. This run stops and writes no more state; the other continues."
    )
    advice = (
        "This run was suspended or disconnected from the database for that long. Nothing is lost. "
        "Find out why two runs of one job were started."
    )


class TooManyRemovedError(DeliveryError):
    """A complete read requires more removals than the settings allow."""

    sentence = (
        "{removed} of the {total} users or companies of stream '{stream}' are missing from its "
        "complete read, more than max_removed ({percent:g} %) allows. Nothing was removed, and no "
        "state is written past it. Check whether the source is complete. If they were really "
        "removed, raise max_removed for one run."
    )
    advice = (
        "Everything that was read is delivered. Usual causes are an incomplete source, a filter, "
        "or the wrong database. A dry run with a higher `max_removed` shows what would be removed. "
        "If the tap resumes a read, `--full-refresh` starts a new one."
    )


class StateNotWrittenError(OutputError):
    """Standard output is closed or full."""

    sentence = (
        "Standard output cannot be written ({reason}), so no state can be kept. The next run sends "
        "again what was delivered, with the same ids."
    )
    advice = (
        "Find out why the process that stores the state, such as Meltano, has ended, and run again."
    )


# Everything else.


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
    """This record is skipped on purpose.

    Args:
        reason: A short code for the counts, such as `deleted`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def place_of(error: Exception) -> str:
    """Return an error's type and place; its message could contain a record."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    file = Path(place.tb_frame.f_code.co_filename)
    return f"{type(error).__name__} in {file.parent.name}/{file.name}, line {place.tb_lineno}"
