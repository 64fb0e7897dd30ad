"""What a run tells while it goes on: counts, outcomes, progress, measurements."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_delivery.errors import OutputError
from singer_delivery.reporting.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_delivery.reporting.dry_run import Preview
    from singer_delivery.reporting.meter import Meter
    from singer_delivery.reporting.outcomes import Outcomes
    from singer_delivery.reporting.progress import Progress
    from singer_delivery.sending.batching import Message, RecordHandle
    from singer_delivery.sending.lane import Traffic

REMOVED = "removed"
"""The outcome of a user or company that a complete read lacks."""

MEASURED_SECONDS = 60.0
"""How often what was measured is told, like singer-sdk's own counters."""


@dataclass(slots=True)
class Reports:
    """Tells what becomes of the records of a run.

    Attributes:
        progress: Shows the progress.
        preview: Counts what would be sent, in a dry run.
        outcomes: Takes the outcome of each record, if that is wanted.
        meter: Measures requests and batches; a dry run has none.
        summary: The counts.
    """

    progress: Progress
    preview: Preview | None = None
    outcomes: Outcomes | None = None
    meter: Meter | None = None
    summary: Summary = field(default_factory=Summary)
    _progress_due: float = 0.0
    _measured_due: float = 0.0

    def start(self, now: float) -> None:
        """Note when the run starts, on the clock of `tick`."""
        self._progress_due = now + self.progress.seconds
        self._measured_due = now + MEASURED_SECONDS

    def sent(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note the messages that a record is sent as."""
        if self.outcomes:
            self.outcomes.sent(record, messages)

    def resolved(self, record: RecordHandle, outcome: str) -> None:
        """Count a record by its outcome."""
        if record.is_removal:
            self._resolved_removal(record, outcome)
            return
        if self.preview and outcome in {"unchanged", "skipped"}:
            self.preview.kept(record.stream, outcome)
        if self.outcomes:
            self.outcomes.add(record, outcome)
        self.summary.outcomes[outcome][record.stream] += 1

    def _resolved_removal(self, record: RecordHandle, outcome: str) -> None:
        """Count a removal, unless an earlier run has told it."""
        if outcome == "rejected":
            self.summary.removals_rejected[record.stream] += 1
        if self.outcomes and outcome != "unchanged":
            self.outcomes.add(record, REMOVED if outcome == "delivered" else outcome)

    def rejected(self, record: RecordHandle, reason: str) -> None:
        """Count a rejected record by its reason."""
        self.summary.reasons[reason] += 1
        if self.preview:
            self.preview.kept(record.stream, f"rejected: {reason}")

    def due(self, *, going_on: bool) -> float | None:
        """Return when the next report is due.

        Args:
            going_on: Whether anything is being sent; without, there is no progress.
        """
        dues = [self._progress_due] if going_on else []
        if self.meter and self.meter.textfile:
            dues.append(self._measured_due)
        return min(dues, default=None)

    def tick(self, now: float, traffic: Traffic, seconds: float, *, going_on: bool) -> None:
        """Tell what is due.

        Args:
            now: A monotonic clock, in seconds.
            traffic: Of all lanes so far.
            seconds: Since the start of the run.
            going_on: Whether anything is being sent.
        """
        if now >= self._progress_due and going_on:
            self._progress_due = now + self.progress.seconds
            self.progress.show(self.summary.progress(traffic, seconds))
        if now >= self._measured_due:
            self._measured_due = now + MEASURED_SECONDS
            with suppress(OutputError):  # it is reported at the end
                self.measure(self.summary.as_dict(traffic, seconds, 0))

    def measure(self, summary: dict[str, Any], exit_code: int | None = None) -> None:
        """Tell the log and Prometheus what was measured.

        Args:
            summary: The summary so far.
            exit_code: Of a run that has ended.

        Raises:
            OutputError: The file for Prometheus cannot be written.
        """
        if self.meter:
            self.meter.log(self.summary.read)
            if textfile := self.meter.textfile:
                textfile.write(summary, exit_code)

    @property
    def sync_seconds(self) -> float:
        """How long to wait between two syncs of the outcomes; 0 where there are none."""
        return self.outcomes.sync_seconds if self.outcomes else 0.0

    def sync(self) -> None:
        """Write the outcomes to the disk; only then may a STATE line behind them be written.

        Raises:
            OutputError: The file cannot be written.
        """
        if self.outcomes:
            self.outcomes.sync()

    def close(self) -> None:
        """Close the file of the outcomes.

        Raises:
            OutputError: It cannot be written.
        """
        if self.outcomes:
            self.outcomes.close()
