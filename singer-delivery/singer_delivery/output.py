"""The files that a run writes, on this machine or in a bucket."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from singer_delivery.buckets.urls import SETTINGS, filled_in_url, is_url
from singer_delivery.errors import OutputError, SummaryFileError
from singer_delivery.files import OWNER_ONLY, SharedLines, filled_in

if TYPE_CHECKING:
    from pathlib import Path

    from singer_delivery.buckets.spool import Spool
    from singer_delivery.files import LineFile
    from singer_delivery.reporting.run import Run
    from singer_delivery.settings import DeliverySettings

SUFFIX = ".singer.jsonl"
"""The suffix of objects with lines."""


class Output:
    """The files that a run writes, by setting.

    Args:
        settings: The shared settings.
        run: The run, whose names are filled in.
    """

    def __init__(self, settings: DeliverySettings, run: Run) -> None:
        self._settings = settings
        self._run = run
        self._names = {"target": run.target, "date": run.started_at[:10], "run_id": run.id}
        written = SETTINGS if not settings.dry_run else ("summary_path",)
        self._urls = {
            name: filled_in_url(template, **self._names)
            for name in written
            if (template := getattr(settings, name)) and is_url(template)
        }

    @cached_property
    def spool(self) -> Spool:
        """The files to upload; only used with a bucket."""
        from singer_delivery.buckets.spool import Spool  # noqa: PLC0415, an extra

        return Spool(self.spool_folder, self._run)

    @property
    def spool_folder(self) -> Path:
        """The folder of the spool."""
        return filled_in(self._settings.spool_path, **self._names)

    @property
    def has_urls(self) -> bool:
        """Whether any file is in a bucket."""
        return bool(self._urls)

    def open(self) -> None:
        """Check that the buckets can be written, and upload the files of earlier runs.

        Raises:
            OutputError: A bucket or the spool cannot be written.
        """
        if self._urls:
            self.spool.open({name: folder_of(name, url) for name, url in self._urls.items()})

    def check(self, setting: str) -> str:
        """Check that the bucket of a setting can be written; return its URL.

        Raises:
            OutputError: It cannot be written.
        """
        url = self._urls[setting]
        self.spool.check(setting, folder_of(setting, url))
        return url

    def lines(self, setting: str, failure: type[OutputError]) -> LineFile:
        """Return a file of lines.

        Args:
            setting: The name of its setting.
            failure: The error of a file on this machine.
        """
        if url := self._urls.get(setting):
            return self.spool.lines(url, SUFFIX)
        return SharedLines(filled_in(getattr(self._settings, setting), **self._names), failure)

    def write_summary(self, text: bytes) -> None:
        """Write the summary, replacing an earlier one.

        Raises:
            SummaryFileError: It cannot be written.
        """
        path = self._urls.get("summary_path") or filled_in(
            str(self._settings.summary_path), **self._names
        )
        try:
            if isinstance(path, str):
                self.spool.write(path, text)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(OWNER_ONLY)
            path.write_bytes(text)
        except OSError as error:
            raise SummaryFileError(path=path, reason=error.strerror) from error

    def set_upload_deadline(self, seconds: float) -> float:
        """Set a deadline for all uploads; return the seconds reserved for them."""
        return self.spool.set_upload_deadline(seconds) if self._urls else 0.0

    def close(self) -> None:
        """Remove the temporary files of the run."""
        if self._urls:
            self.spool.close()


def folder_of(setting: str, url: str) -> str:
    """Return the URL below which a setting's objects are written."""
    return url.rpartition("/")[0] if setting == "summary_path" else url
