"""The delivery of encoded records: lanes, reports, checkpoints; used by one thread.

`Delivery` holds what only the reading thread may touch: the batches being filled, the counts, the
checkpoints and the rejects file. Lanes report through a queue; `poll` takes their reports, and the
reading thread calls it before each read and while it waits.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from singer_delivery.errors import CountsError, DeliveryError, RecordRejected, StateNotWrittenError
from singer_delivery.reporting.summary import Summary
from singer_delivery.sending.batching import RecordHandle
from singer_delivery.sending.lane import Acknowledged, Failed, Lane, Refused, Report
from singer_delivery.sending.lanes import Lanes
from singer_delivery.sending.pace import Pace
from singer_delivery.sending.refusals import RejectionStreak
from singer_delivery.state.checkpoints import Checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import msgspec

    from singer_delivery.reading.lines import Wakeup
    from singer_delivery.rejects.file import Rejects
    from singer_delivery.reporting.dry_run import Preview
    from singer_delivery.reporting.progress import Progress
    from singer_delivery.sending.batching import Message
    from singer_delivery.sending.lanes import Destination
    from singer_delivery.settings import DeliverySettings
    from singer_delivery.state.fingerprints import Fingerprints

LOOKED_UP_TOGETHER = 250
"""Records whose fingerprints are looked up together; fewer where the input pauses."""

STOP_SECONDS = 30
"""How long a run that ends early waits for requests in flight."""


class Delivery:
    """Delivers encoded messages to a service and writes the STATE behind them.

    Args:
        settings: Timeouts, number of lanes and reject limit.
        destination: Where batches go, and their limits.
        rejects: The rejects file.
        wakeup: Ends a wait of the reading thread.
        checkpoint: Writes the value of a STATE line once every record before it is resolved.
        interrupt: Called in each `poll`; raises where a signal ends the run.
        progress: Shows the progress of the run.
        fingerprints: What was last acknowledged, if only changes are sent.
        preview: Counts what would be sent, in a dry run.
        clock: A monotonic clock, in seconds.
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
        progress: Progress,
        fingerprints: Fingerprints | None = None,
        preview: Preview | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.summary = Summary()
        self.preview = preview
        self.rejects = rejects
        self._destination = destination
        self._wakeup = wakeup
        self._checkpoint = checkpoint
        self._interrupt = interrupt
        self._progress = progress
        self._fingerprints = fingerprints
        self._held: list[tuple[RecordHandle, Sequence[Message]]] = []  # until they are looked up
        self._refusals = RejectionStreak(settings.max_rejects)
        self._clock = clock
        self._started = clock()
        self._progress_due = self._started + progress.seconds
        self._checkpoints = Checkpoints()
        self._due: Any = None  # the newest STATE that may be written, until it is
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._stop = threading.Event()
        reached = threading.Event()
        pace = Pace(settings.max_requests_per_second, clock)
        self._lanes = Lanes(
            destination.limits,
            [
                Lane(
                    f"lane-{number}",
                    destination.connect(),
                    pace=pace,
                    max_seconds=settings.retry_max_seconds,
                    advice=destination.advice,
                    reached=reached,
                    report=self._report,
                    stop=self._stop,
                    clock=clock,
                )
                for number in range(settings.lanes)
            ],
            fingerprints.leave if fingerprints else None,
        )
        for lane in self._lanes.lanes:
            lane.start()

    def open(self) -> None:
        """Open the files that would fail later.

        Raises:
            OutputError: A file cannot be used.
        """
        if self._fingerprints:
            self._fingerprints.open()
        self._destination.open()

    # For each record the reading thread calls exactly one of send, skip and reject.

    def record(self, stream: str, line: bytes) -> RecordHandle:
        """Note a record that was read, and return the handle to resolve it by."""
        self.summary.read[stream] += 1
        return RecordHandle(stream, line, self._checkpoints.record())

    def send(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        """Queue a record's messages; wait while a lane holds as many batches as it may."""
        try:
            for message in messages:
                self._destination.limits[message.endpoint].check(message)
        except RecordRejected as rejected:
            self.reject(record, rejected)
            return
        if self._fingerprints is None:
            self._send(record, messages)
            return
        self._held.append((record, messages))
        if len(self._held) >= LOOKED_UP_TOGETHER:
            self._release(self._fingerprints)

    def _release(self, fingerprints: Fingerprints) -> None:
        """Look up the records that are held, and send those that have changed."""
        held, self._held = self._held, []
        fingerprints.look_up(message.entity_key for _, messages in held for message in messages)
        changed = [[each for each in messages if fingerprints.send(each)] for _, messages in held]
        for (record, _), messages in zip(held, changed, strict=True):
            if messages:
                self._send(record, messages)
            else:
                self._resolve(record, "unchanged")

    def _send(self, record: RecordHandle, messages: Sequence[Message]) -> None:
        record.unresolved = len(messages)
        now = self._clock()
        left = False
        for message in messages:
            message.record = record
            left |= self._lanes.put(message, now)
        while left and self._lanes.congested:
            self.wait()

    def skip(self, record: RecordHandle, reason: str) -> None:
        """Count a record that is left out on purpose, under a reason."""
        self.summary.skip_reasons[reason] += 1
        self._resolve(record, "skipped")

    def reject(self, record: RecordHandle, rejected: RecordRejected) -> None:
        """Put a record into the rejects file."""
        record.rejected = True
        self.rejects.add(record.stream, record.line, rejected.reason, rejected.detail)
        self.summary.reasons[rejected.reason] += 1
        if self.preview:
            self.preview.kept(record.stream, f"rejected: {rejected.reason}")
        if not record.unresolved:
            self._resolve(record, "rejected")

    def state(self, value: Any) -> None:  # noqa: ANN401, the tap's business
        """Note a STATE line; it is written once every record before it is resolved."""
        self._checkpoints.state(value)
        self._write_checkpoint()

    def poll(self) -> float | None:
        """Process the lanes' reports, and send the batches that have waited long enough.

        Returns:
            Seconds until the next deadline, or None if there is none.
        """
        self._interrupt()
        if self._held and self._fingerprints:
            self._release(self._fingerprints)
        self._take_reports()
        now = self._clock()
        self._lanes.flush(now)
        if now >= self._progress_due and self._going_on:
            self._progress_due = now + self._progress.seconds
            self._progress.show(self.summary.progress(self._lanes.traffic, self.seconds))
        return self._time_left()

    def wait(self) -> None:
        """Wait until a lane reports or a batch is due, then `poll`.

        Not in the other order: a report that was processed already would not end the wait.
        """
        self._wakeup.wait(self._time_left())
        self.poll()

    def finish(self) -> None:
        """Deliver everything that was sent.

        Raises:
            DeliveryError: Something could not be delivered.
        """
        self.poll()
        self._lanes.flush()
        while self._lanes.busy:
            self.wait()
        if error := self._refusals.at_the_end():
            raise error
        self._close()
        if self.summary.undelivered:
            raise CountsError(count=self.summary.undelivered)

    def abandon(self) -> None:
        """End early: wait `STOP_SECONDS` at most for what is in flight.

        STATE is written only for acknowledged records.
        """
        self._stop.set()
        deadline = self._clock() + STOP_SECONDS
        while self._lanes.busy and (left := deadline - self._clock()) > 0:
            self._wakeup.wait(left)
            self._take_reports(also_after_failure=True)
        self._close()

    @property
    def in_flight(self) -> bool:
        """Whether requests are sent, or wait to be."""
        return self._lanes.busy

    @property
    def seconds(self) -> float:
        """Seconds since the delivery was started."""
        return self._clock() - self._started

    def as_dict(self, exit_code: int) -> dict[str, Any]:
        """The summary as `summary_path` has it."""
        return self.summary.as_dict(self._lanes.traffic, self.seconds, exit_code)

    def sentence(self) -> str:
        """The summary as the log has it."""
        return self.summary.sentence(self._lanes.traffic, self.seconds)

    @property
    def _going_on(self) -> bool:
        return self._lanes.busy or self._lanes.deadline is not None

    def _time_left(self) -> float | None:
        """Seconds until a batch is due or progress is to be shown, whichever comes first."""
        if not self._going_on:
            return None
        due = min(self._lanes.deadline or self._progress_due, self._progress_due)
        return max(0.0, due - self._clock())

    # The reports of the lanes.

    def _report(self, report: Report) -> None:
        self._reports.put(report)
        self._wakeup()

    def _take_reports(self, *, also_after_failure: bool = False) -> None:
        failure: DeliveryError | None = None
        self._wakeup.clear()
        while True:
            try:
                report = self._reports.get_nowait()
            except queue.Empty:
                break
            if isinstance(report, Acknowledged):
                self._refusals.acknowledged()
                for message in report.messages:
                    self._resolve_message(message, acknowledged=True)
            elif isinstance(report, Refused):
                failure = failure or self._refuse(report)
            elif isinstance(report, Failed):
                failure = failure or report.error
            else:
                report.lane.queued -= 1
        self._write_checkpoint()
        if failure and not also_after_failure:
            self._stop.set()
            raise failure

    def _refuse(self, refused: Refused) -> DeliveryError | None:
        """Reject a message's record; return the error that ends the run if there are too many."""
        if self._refusals.too_many:
            return None  # from here on the cause is probably the configuration
        record = refused.message.record
        answer = refused.answer
        detail = f"{answer.detail}: {answer.excerpt}" if answer.excerpt else answer.detail
        if not record.rejected:
            self.reject(record, RecordRejected("refused_by_service", detail))
        self._resolve_message(refused.message, acknowledged=False)
        return self._refusals.add(answer)

    def _resolve_message(self, message: Message, *, acknowledged: bool) -> None:
        if self._fingerprints:
            self._fingerprints.resolve(message, acknowledged=acknowledged)
        if self.preview:
            self.preview.sent(message)
        record = message.record
        record.unresolved -= 1
        if not record.unresolved:
            self._resolve(record, "rejected" if record.rejected else "delivered")

    def _resolve(self, record: RecordHandle, outcome: str) -> None:
        if self.preview and outcome in {"unchanged", "skipped"}:
            self.preview.kept(record.stream, outcome)
        self.summary.outcomes[outcome][record.stream] += 1
        self._checkpoints.resolve(record.interval)

    def _write_checkpoint(self) -> None:
        value = self._checkpoints.due()
        if value is not None:
            self._due = value
        if self._due is None or self._refusals.holds_state:
            return
        self.rejects.sync()
        if self._fingerprints:
            self._fingerprints.store()
        self._checkpoint(self._due)
        self._due = None

    def _close(self) -> None:
        self._progress.end()
        self._lanes.close()
        self.rejects.sync()
        self.rejects.close()
        if self._fingerprints:
            self._fingerprints.close()


def write_state(value: msgspec.Raw) -> None:
    """Write the value of a STATE line to standard output, byte for byte as it was read.

    Raises:
        OutputError: Standard output is closed or full.
    """
    line = bytes(value) + b"\n"
    try:
        if (binary := getattr(sys.stdout, "buffer", None)) is None:
            sys.stdout.write(line.decode())
        else:
            binary.write(line)
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError) as error:  # it is None where nobody has opened it
        reason = getattr(error, "strerror", None) or "it is closed"
        raise StateNotWrittenError(reason=reason) from error
