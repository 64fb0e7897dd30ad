"""Errors of fingerprints and removals."""

from __future__ import annotations

from singer_delivery.errors.base import DeliveryError, OutputError


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
