"""The reports of a run: counts, outcomes, progress, metrics."""

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
"""The outcome of a removed user or company."""

MEASURED_SECONDS = 60.0
"""How often metrics are reported, as by singer-sdk's own counters."""


@dataclass(slots=True)
class Reports:
    """Reports the outcomes of a run's records.

    Attributes:
        progress: Shows the progress.
        preview: Counts what would be sent, in a dry run.
        outcomes: The outcomes file, if any.
        meter: Measures requests and batches; None in a dry run.
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
        """Note the start of the run, by the clock of `tick`."""
        self._progress_due = now + self.progress.seconds
        self._measured_due = now + MEASURED_SECONDS

    def sent(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Note the messages of a record."""
        if self.outcomes:
            self.outcomes.sent(record, messages)

    def resolved(self, record: RecordHandle, outcome: str) -> None:
        """Count a record by its outcome."""
        if record.is_removal:
            self._resolved_removal(record, outcome)
            return
        if self.preview and outcome in {"unchanged", "skipped"}:
            self.preview.not_sent(record.stream, outcome)
        if self.outcomes:
            self.outcomes.add(record, outcome)
        self.summary.outcomes[outcome][record.stream] += 1

    def _resolved_removal(self, record: RecordHandle, outcome: str) -> None:
        """Count a removal, unless an earlier run has sent it."""
        if outcome == "rejected":
            self.summary.removals_rejected[record.stream] += 1
        if self.outcomes and outcome != "unchanged":
            self.outcomes.add(record, REMOVED if outcome == "delivered" else outcome)

    def rejected(self, record: RecordHandle, reason: str) -> None:
        """Count a rejected record by its reason."""
        self.summary.reasons[reason] += 1
        if self.preview:
            self.preview.not_sent(record.stream, f"rejected: {reason}")

    def due(self, *, sending: bool) -> float | None:
        """Return when the next report is due.

        Args:
            sending: Whether anything is being sent; if not, there is no progress to show.
        """
        dues = [self._progress_due] if sending else []
        if self.meter and self.meter.textfile:
            dues.append(self._measured_due)
        return min(dues, default=None)

    def tick(self, now: float, traffic: Traffic, seconds: float, *, sending: bool) -> None:
        """Make the reports that are due.

        Args:
            now: A monotonic clock, in seconds.
            traffic: The traffic of all lanes so far.
            seconds: Seconds since the start of the run.
            sending: Whether anything is being sent.
        """
        if now >= self._progress_due and sending:
            self._progress_due = now + self.progress.seconds
            self.progress.show(self.summary.progress(traffic, seconds))
        if now >= self._measured_due:
            self._measured_due = now + MEASURED_SECONDS
            with suppress(OutputError):  # it is reported at the end
                self.measure(self.summary.as_dict(traffic, seconds, 0))

    def measure(self, summary: dict[str, Any], exit_code: int | None = None) -> None:
        """Report metrics to the log and to Prometheus.

        Args:
            summary: The summary so far.
            exit_code: The exit code, if the run has ended.

        Raises:
            OutputError: The file for Prometheus cannot be written.
        """
        if self.meter:
            self.meter.log(self.summary.read)
            if textfile := self.meter.textfile:
                textfile.write(summary, exit_code)

    @property
    def sync_seconds(self) -> float:
        """The shortest reasonable time between two calls of `sync`; 0 without outcomes."""
        return self.outcomes.sync_seconds if self.outcomes else 0.0

    def sync(self) -> None:
        """Make the outcomes durable; a STATE line after them may be written only afterwards.

        Raises:
            OutputError: The file cannot be written.
        """
        if self.outcomes:
            self.outcomes.sync()

    def close(self) -> None:
        """Close the outcomes file.

        Raises:
            OutputError: It cannot be written.
        """
        if self.outcomes:
            self.outcomes.close()
