"""Counts of records by outcome."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from singer_delivery.sending.lane import Traffic

OUTCOMES = ("delivered", "unchanged", "skipped", "rejected")


@dataclass(slots=True)
class Summary:
    """Counts records by stream and outcome.

    Attributes:
        read: Records read, by stream.
        outcomes: Records by outcome (one of `OUTCOMES`), then by stream.
        reasons: Rejected records by reason.
        skip_reasons: Skipped records by reason.
        removed: Removed users and companies by stream; they are not records.
        removals_rejected: Rejected removals by stream.
        counts_removals: Whether to show these two even if they are empty.
    """

    read: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(
        default_factory=lambda: {outcome: Counter() for outcome in OUTCOMES}
    )
    reasons: Counter[str] = field(default_factory=Counter)
    skip_reasons: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    removals_rejected: Counter[str] = field(default_factory=Counter)
    counts_removals: bool = False

    def total(self, outcome: str) -> int:
        """The number of records with this outcome."""
        return self.outcomes[outcome].total()

    @property
    def undelivered(self) -> int:
        """The number of records without an outcome: 0 unless the run ended early."""
        return self.read.total() - sum(self.total(outcome) for outcome in OUTCOMES)

    def as_dict(self, traffic: Traffic, seconds: float, exit_code: int) -> dict[str, Any]:
        """The summary as JSON; `read` is the sum of the outcomes and `undelivered`."""
        read = self.read.total()
        return {
            "read": read,
            **{outcome: self.total(outcome) for outcome in OUTCOMES},
            "undelivered": self.undelivered,
            "skipped_by_reason": dict(self.skip_reasons),
            "rejected_by_reason": dict(self.reasons),
            **self._removals(self.removed.total(), self.removals_rejected.total()),
            "requests": traffic.requests,
            "retries": traffic.retries,
            "waited_seconds": round(traffic.waited_seconds, 3),
            "bytes_sent": traffic.bytes_sent,
            "seconds": round(seconds, 3),
            "records_per_second": round(read / seconds, 1) if seconds else 0.0,
            "exit_code": exit_code,
            "streams": {
                stream: {
                    "read": self.read[stream],
                    **{outcome: self.outcomes[outcome][stream] for outcome in OUTCOMES},
                    **self._removals(self.removed[stream], self.removals_rejected[stream]),
                }
                for stream in {**self.read, **self.removed, **self.removals_rejected}
            },
        }

    def _removals(self, removed: int, rejected: int) -> dict[str, int]:
        """The counts of removals, if the run detects any."""
        if not (self.counts_removals or self.removed or self.removals_rejected):
            return {}
        return {"removed": removed, "removals_rejected": rejected}

    def progress(self, traffic: Traffic, seconds: float) -> str:
        """The progress as a short text."""
        parts = [f"{self.read.total()} read"]
        parts += [f"{n} {outcome}" for outcome in OUTCOMES if (n := self.total(outcome))]
        parts.append(f"{traffic.requests} requests")
        if traffic.retries:
            parts.append(f"{traffic.retries} retries")
        if seconds:
            parts.append(f"{self.read.total() / seconds:.0f} records/s")
        return ", ".join(parts)

    def sentence(self, traffic: Traffic, seconds: float) -> str:
        """The summary as one line of text."""
        parts = [f"{self.total('delivered')} delivered"]
        parts += [f"{n} {outcome}" for outcome in OUTCOMES[1:] if (n := self.total(outcome))]
        if self.undelivered:
            parts.append(f"{self.undelivered} undelivered")
        if removed := self.removed.total():
            parts.append(f"{removed} removed")
        if rejected := self.removals_rejected.total():
            parts.append(f"{rejected} removals rejected")
        if self.skip_reasons:
            reasons = ", ".join(f"{reason} {n}" for reason, n in self.skip_reasons.most_common())
            parts.append(f"skipped for: {reasons}")
        if self.reasons:
            reasons = ", ".join(f"{reason} {n}" for reason, n in self.reasons.most_common())
            parts.append(f"rejected for: {reasons}")
        read = self.read.total()
        rate = f", {read / seconds:.0f} records/s" if seconds else ""
        return (
            f"{read} records read: {'; '.join(parts)}. {traffic.requests} requests, "
            f"{traffic.retries} retries, {traffic.bytes_sent} bytes in {seconds:.1f} s{rate}."
        )
