"""The files that a run writes when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.errors import HistoryFileError, OutputError, SummaryFileError
from singer_delivery.files import OWNER_ONLY, filled_in
from singer_delivery.reporting.history import add_to_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_delivery.reporting.run import Run
    from singer_delivery.settings import DeliverySettings


def write_summary(
    settings: DeliverySettings, run: Run, summary: Mapping[str, Any], sentence: str
) -> Iterator[OutputError]:
    """Write the summary and the history, where the settings name files for them.

    Args:
        settings: The shared settings. A dry run is no part of the history.
        run: The run, which ends now.
        summary: Its summary.
        sentence: What it ended with.

    Yields:
        An error for each file that cannot be written.
    """
    if settings.summary_path:
        path = filled_in(settings.summary_path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(OWNER_ONLY)
            path.write_bytes(msgspec.json.encode(summary) + b"\n")
        except OSError as error:
            yield SummaryFileError(path=path, reason=error.strerror)
    if settings.history_path and not settings.dry_run:
        path = filled_in(settings.history_path, target=run.target)
        try:
            add_to_history(path, run, summary, sentence)
        except HistoryFileError as error:
            yield error
