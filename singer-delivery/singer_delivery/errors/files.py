"""Errors of files, buckets and standard output."""

from __future__ import annotations

from singer_delivery.errors.base import OutputError


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


class StateNotWrittenError(OutputError):
    """Standard output is closed or full."""

    sentence = (
        "Standard output cannot be written ({reason}), so no state can be kept. The next run sends "
        "again what was delivered, with the same ids."
    )
    advice = (
        "Find out why the process that stores the state, such as Meltano, has ended, and run again."
    )
