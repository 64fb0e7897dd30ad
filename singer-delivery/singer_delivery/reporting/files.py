"""The files that a run writes at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.errors import HistoryFileError, OutputError
from singer_delivery.reporting.history import add_to_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_delivery.output import Output
    from singer_delivery.reporting.run import Run
    from singer_delivery.settings import DeliverySettings


def write_summary(
    output: Output,
    settings: DeliverySettings,
    run: Run,
    summary: Mapping[str, Any],
    sentence: str,
) -> Iterator[OutputError]:
    """Write the summary and the history, if the settings name files for them.

    Args:
        output: The files of the run.
        settings: The shared settings. A dry run is not added to the history.
        run: The run, which ends now.
        summary: Its summary.
        sentence: Its last message.

    Yields:
        An error for each file that cannot be written.
    """
    if settings.summary_path:
        try:
            output.write_summary(msgspec.json.encode(summary) + b"\n")
        except OutputError as error:
            yield error
    if settings.history_path and not settings.dry_run:
        try:
            file = output.lines("history_path", HistoryFileError)
            add_to_history(file, run, summary, sentence)
        except OutputError as error:
            yield error
