"""The reports of the lanes: queued by their threads, processed by the reading thread."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from singer_delivery.errors import DeliveryError, RecordRejected
from singer_delivery.sending.lane import (
    Acknowledged,
    Answered,
    Failed,
    Finished,
    Refused,
    Report,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.records import Records
    from singer_delivery.reporting.meter import Meter
    from singer_delivery.sending.refusals import RejectionStreak


class LaneReports:
    """Resolves records by the reports of the lanes.

    Args:
        records: The records of the run.
        refusals: Counts consecutive refusals.
        meter: Measures requests and batches, if that is wanted.
        wake: Called after each report, to wake the reading thread.
    """

    def __init__(
        self,
        records: Records,
        refusals: RejectionStreak,
        meter: Meter | None,
        wake: Callable[[], None],
    ) -> None:
        self._records = records
        self._refusals = refusals
        self._meter = meter
        self._wake = wake
        self._queue: queue.SimpleQueue[Report] = queue.SimpleQueue()

    def put(self, report: Report) -> None:
        """Queue a report; called on the threads of the lanes."""
        self._queue.put(report)
        self._wake()

    def process(self) -> DeliveryError | None:
        """Process all queued reports; return the first error that ends the run, if there is one."""
        failure: DeliveryError | None = None
        while True:
            try:
                report = self._queue.get_nowait()
            except queue.Empty:
                return failure
            error = self._process(report)
            failure = failure or error

    def _process(self, report: Report) -> DeliveryError | None:
        match report:
            case Acknowledged():
                self._acknowledge(report)
            case Refused():
                return self._refuse(report)
            case Failed():
                return report.error
            case Finished():
                report.lane.queued -= 1
                if self._meter:
                    self._meter.finished(report.seconds)
            case Answered() if self._meter:
                self._meter.answered(report.endpoint, report.status, report.seconds)
        return None

    def _acknowledge(self, acknowledged: Acknowledged) -> None:
        self._refusals.acknowledged()
        attempts = acknowledged.attempts
        for message in acknowledged.messages:
            message.record.attempts = max(message.record.attempts, attempts)
            self._records.resolve_message(message, acknowledged=True)

    def _refuse(self, refused: Refused) -> DeliveryError | None:
        """Reject a message's record; return the error that ends the run if there are too many."""
        if self._refusals.too_many:
            return None  # the cause is probably the configuration
        record = refused.message.record
        record.attempts = max(record.attempts, refused.attempts)
        answer = refused.answer
        detail = f"{answer.detail}: {answer.excerpt}" if answer.excerpt else answer.detail
        if not record.rejected:
            self._records.reject(record, RecordRejected("refused_by_service", detail))
        self._records.resolve_message(refused.message, acknowledged=False)
        return self._refusals.add(answer)
