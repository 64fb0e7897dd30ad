"""The settings of rejects and reports."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th


def reject_settings() -> list[th.Property[Any]]:
    """Declare the settings of rejects."""
    return [
        th.Property(
            "rejects_path",
            th.StringType(min_length=1),
            default="rejects/{target}-{date}.singer.jsonl",
            title="Rejects file",
            description="File for records that cannot be delivered, with the reasons; or "
            "s3://bucket/prefix or gs://bucket/prefix, below which each run writes its own "
            "objects. {target}, {date} and {run_id} are filled in.",
        ),
        th.Property(
            "max_rejects",
            th.IntegerType(minimum=-1),
            default=0,
            title="Maximum rejects",
            description="Exit with 3, after delivering the rest, if more records than this are "
            "rejected; -1 allows any number.",
        ),
    ]


def reporting_settings() -> list[th.Property[Any]]:
    """Declare the settings of dry runs, checks and reports."""
    return [
        th.Property(
            "dry_run",
            th.BooleanType(),
            default=False,
            title="Dry run",
            description="Do everything except sending. No state and no rejects file is written; "
            "the exit code is that of a real run.",
        ),
        th.Property(
            "dry_run_path",
            th.StringType(min_length=1),
            title="Dry run file",
            description="File for the request bodies of a dry run, one per line.",
        ),
        th.Property(
            "outcomes_path",
            th.StringType(min_length=1),
            title="Outcomes file",
            description="File for the outcome of each record, as a Singer stream that any target "
            "can load; it contains the records' keys. Also s3:// or gs://. {target}, {date} and "
            "{run_id} are filled in.",
        ),
        th.Property(
            "validate_records",
            th.BooleanType(),
            default=False,
            title="Validate records",
            description="Reject records that do not match their stream's schema. This makes a run "
            "several times slower.",
        ),
        th.Property(
            "summary_path",
            th.StringType(min_length=1),
            title="Summary file",
            description="File for the run's summary as JSON, written for every exit code; or the "
            "URL of an object, s3:// or gs://. {target}, {date} and {run_id} are filled in.",
        ),
        th.Property(
            "history_path",
            th.StringType(min_length=1),
            title="History file",
            description="File to which each run appends its summary and its last message, as a "
            "Singer stream; below s3:// or gs:// each run adds an object. {target}, {date} and "
            "{run_id} are filled in.",
        ),
        th.Property(
            "spool_path",
            th.StringType(min_length=1),
            default=".spool/{target}",
            title="Spool",
            description="Folder for files to be uploaded to s3:// or gs://. Files that a run "
            "could not upload are uploaded by the next run. {target} is filled in.",
        ),
        th.Property(
            "metrics_path",
            th.StringType(min_length=1),
            title="Metrics file",
            description="Textfile for Prometheus, written each minute and at the end. Its name "
            "without .prom is the label pipeline. {target} is filled in.",
        ),
    ]
