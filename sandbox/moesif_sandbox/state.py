"""The state of a running sandbox, in memory."""

from dataclasses import dataclass, field
from datetime import timedelta

from moesif_sandbox.faults import FaultPlan
from moesif_sandbox.moesif.account import Account
from moesif_sandbox.moesif.collector import CollectorLedger
from moesif_sandbox.segment import SegmentLedger
from moesif_sandbox.settings import Settings
from moesif_sandbox.times import ShiftedClock
from moesif_sandbox.traffic import RequestLog


@dataclass
class State:
    """The services' data, received requests, faults and clock."""

    settings: Settings
    clock: ShiftedClock
    account: Account
    faults: FaultPlan
    collector: CollectorLedger = field(default_factory=CollectorLedger)
    segment: SegmentLedger = field(default_factory=SegmentLedger)
    log: RequestLog = field(default_factory=RequestLog)

    def reset(self) -> None:
        """Restore the initial state."""
        self.clock.offset = timedelta(seconds=self.settings.clock_offset_seconds)
        for part in (self.account, self.faults, self.collector, self.segment, self.log):
            part.reset()
