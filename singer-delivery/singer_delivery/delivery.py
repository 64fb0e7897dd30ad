"""Delivers encoded records through lanes; used by the reading thread.

`Delivery` owns what only the reading thread may change: the open batches and, in `records`, the
counts, the checkpoints and the rejects file. Lanes report through a queue. The reading thread calls
`poll`, which processes the reports, before each read and while it waits.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from singer_delivery.errors import CountsError, RecordRejected
from singer_delivery.lane_reports import LaneReports
from singer_delivery.records import Records
from singer_delivery.sending.lanes import start_lanes
from singer_delivery.sending.rate_limit import RateLimiter
from singer_delivery.sending.refusals import RejectionStreak
from singer_delivery.state.writer import StateWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_delivery.fingerprints.changes import Fingerprints
    from singer_delivery.reading.lines import Wakeup
    from singer_delivery.rejects.file import Rejects
    from singer_delivery.removals.comparison import RemovalDetector
    from singer_delivery.reporting.reports import Reports
    from singer_delivery.sending.batching import Message, RecordHandle
    from singer_delivery.sending.lanes import Destination
    from singer_delivery.settings import DeliverySettings

LOOKED_UP_TOGETHER = 250
"""Records whose fingerprints are looked up together; fewer if the input pauses."""

STOP_SECONDS = 30
"""How long a run that stops early waits for requests in flight."""


class Delivery:
    """Delivers encoded messages to a service, and writes STATE after them.

    Args:
        settings: Timeouts, number of lanes and reject limit.
        destination: The destination of batches, and their limits.
        rejects: The rejects file.
        wakeup: Ends a wait of the reading thread.
        checkpoint: Writes the value of a STATE line once every record before it is resolved.
        interrupt: Called by each `poll`; raises if a signal ends the run.
        reports: Reports the outcomes of the records.
        fingerprints: What was last acknowledged, if only changes are sent.
        removals: Detects removals, for `on_removed`; only with `fingerprints`.
        clock: A monotonic clock, in seconds.

    Attributes:
        records: Tracks each record until its outcome is known.
    """

    def __init__(
        self,
        settings: DeliverySettings,
        *,
        destination: Destination,
        rejects: Rejects,
        wakeup: Wakeup,
        checkpoint: Callable[[Any], None],
        interrupt: Callable[[], None],
        reports: Reports,
        fingerprints: Fingerprints | None = None,
        removals: RemovalDetector | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reports = reports
        self.summary = reports.summary
        self.summary.counts_removals = removals is not None
        self.rejects = rejects
        self._destination = destination
        self._wakeup = wakeup
        self._interrupt = interrupt
        self._fingerprints = fingerprints
        self._removals = removals
        self._pending: list[tuple[RecordHandle, Sequence[Message]]] = []  # until they are looked up
        self._refusals = RejectionStreak(settings.max_rejects)
        self._clock = clock
        self._started = clock()
        reports.start(self._started)
        self._states = StateWriter(
            checkpoint,
            [
                rejects.sync,
                reports.sync,
                *(each.flush for each in (fingerprints, removals) if each),
            ],
            blocked=lambda: self._refusals.blocks_state,
            seconds=max(rejects.sync_seconds, reports.sync_seconds),
            clock=clock,
        )
        self.records = Records(self._states, rejects, reports, fingerprints, removals)
        self._lane_reports = LaneReports(self.records, self._refusals, reports.meter, wakeup)
        self._stop = threading.Event()
        self._rate_limiter = RateLimiter(settings.max_requests_per_second, clock)
        self._lanes = start_lanes(
            settings.lanes,
            destination,
            rate_limiter=self._rate_limiter,
            max_seconds=settings.retry_max_seconds,
            report=self._lane_reports.put,
            before_batch=self.records.before_batch if fingerprints else None,
            stop=self._stop,
            clock=clock,
        )

    def open(self) -> None:
        """Open all files, so that a run fails before it reads anything.

        Raises:
            OutputError: A file cannot be used.
        """
        if self._fingerprints:
            self._fingerprints.open()
            self._rate_limiter.allowed_until = self._fingerprints.lease_ends_at
        if self._removals:
            self._removals.open()
        self._destination.open()

    # For each record that `records` has read, the reading thread calls exactly one of `send`,
    # `records.skip` and `records.reject`.

    def send(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Queue a record's messages; wait while a lane has too many batches."""
        try:
            for message in messages:
                self._destination.limits[message.endpoint].check(message)
        except RecordRejected as rejected:
            self.records.reject(record, rejected)
            return
        self.records.accept(record, messages)
        if self._fingerprints is None:
            self._send(record, messages)
            return
        self._pending.append((record, messages))
        if len(self._pending) >= LOOKED_UP_TOGETHER:
            self._release(self._fingerprints)

    def _renew_lease(self, fingerprints: Fingerprints) -> None:
        """Renew the lease of the fingerprints; without it no requests are sent."""
        fingerprints.renew_lease(self._clock())
        self._rate_limiter.allowed_until = fingerprints.lease_ends_at

    def _release(self, fingerprints: Fingerprints) -> None:
        """Look up the pending records, and send those that have changed."""
        pending, self._pending = self._pending, []
        fingerprints.look_up(message.entity_key for _, messages in pending for message in messages)
        changes = [(record, self.records.changes(messages)) for record, messages in pending]
        for record, messages in changes:
            if messages:
                self._send(record, messages)
            else:
                self.records.resolve(record, "unchanged")

    def _send(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        record.unresolved = len(messages)
        self.reports.sent(record, messages)
        now = self._clock()
        queued = False
        for message in messages:
            message.record = record
            queued |= self._lanes.put(message, now)
        while queued and self._lanes.congested:
            self.wait()

    def state(self, value: Any) -> None:  # noqa: ANN401, any JSON
        """Note a STATE line; it is written once every record before it is resolved."""
        self._states.checkpoints.state(value)
        self._states.write()

    def poll(self) -> float | None:
        """Process the lanes' reports, and send the batches that have waited long enough.

        Returns:
            Seconds until the next deadline, or None if there is none.
        """
        self._interrupt()
        if self._fingerprints:
            self._renew_lease(self._fingerprints)
        if self._pending and self._fingerprints:
            self._release(self._fingerprints)
        self._process_reports()
        now = self._clock()
        self._lanes.flush(now)
        self.reports.tick(now, self._lanes.traffic, self.seconds, sending=self._sending)
        return self._time_left()

    def wait(self) -> None:
        """Wait until a lane reports or a batch is due, then `poll`.

        Not the other way around: a report that `poll` has processed would not end the wait.
        """
        self._wakeup.wait(self._time_left())
        self.poll()

    def finish(self) -> None:
        """Deliver everything that is queued, then the removals.

        Raises:
            DeliveryError: Something cannot be delivered.
        """
        self._deliver()
        if self._removals:
            self._send_removals()
        self._states.write(force=True)
        self._close()
        if self.summary.undelivered:
            raise CountsError(count=self.summary.undelivered)

    def _deliver(self) -> None:
        self.poll()
        self._lanes.flush()
        while self._lanes.busy:
            self.wait()
        if error := self._refusals.final_error():
            raise error

    def _send_removals(self) -> None:
        """Send the removals, now that everything else is delivered."""
        for record, message in self.records.detect_removals():
            self.send(record, [message])
        self._deliver()
        self._states.release()

    def stop(self) -> bool:
        """Stop sending; return whether requests are in flight."""
        self._stop.set()
        return self._lanes.busy

    def abandon(self, seconds: float = STOP_SECONDS) -> None:
        """Stop early; STATE is written only for resolved records.

        Args:
            seconds: How long to wait for requests in flight.
        """
        self.stop()
        deadline = self._clock() + seconds
        while self._lanes.busy and (left := deadline - self._clock()) > 0:
            self._wakeup.wait(left)
            self._process_reports(also_after_failure=True)
        self._states.write(force=True)
        self._close()

    def measure(self, exit_code: int | None = None) -> None:
        """Report metrics to the log and to Prometheus.

        Args:
            exit_code: The exit code, if the run has ended.

        Raises:
            OutputError: The file for Prometheus cannot be written.
        """
        self.reports.measure(self.as_dict(exit_code or 0), exit_code)

    @property
    def seconds(self) -> float:
        """Seconds since the delivery was started."""
        return self._clock() - self._started

    def as_dict(self, exit_code: int) -> dict[str, Any]:
        """The summary, as in the file of `summary_path`."""
        return self.summary.as_dict(self._lanes.traffic, self.seconds, exit_code)

    def sentence(self) -> str:
        """The summary, as in the log."""
        return self.summary.sentence(self._lanes.traffic, self.seconds)

    @property
    def _sending(self) -> bool:
        return self._lanes.busy or self._lanes.deadline is not None

    def _time_left(self) -> float | None:
        """Seconds until a batch or a report is due, or None if none is."""
        renew_at = self._fingerprints.renew_at if self._fingerprints else None
        reports_due = self.reports.due(sending=self._sending)
        dues = (self._lanes.deadline, reports_due, self._states.due, renew_at)
        due = min((each for each in dues if each is not None), default=None)
        return None if due is None else max(0.0, due - self._clock())

    def _process_reports(self, *, also_after_failure: bool = False) -> None:
        self._wakeup.clear()
        failure = self._lane_reports.process()
        self._states.write(force=failure is not None)
        if failure and not also_after_failure:
            self._stop.set()
            raise failure

    def _close(self) -> None:
        self.reports.progress.end()
        self._lanes.close()
        self.records.close()
