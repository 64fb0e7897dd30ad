"""Findings of a check, as a table with a sign for each."""

from __future__ import annotations

import sys
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOCK_SECONDS = 60.0
"""How far this machine's clock may be off; `Date` has whole seconds, and answers take time."""


class Sign(Enum):
    """What a finding means for a run."""

    OK = "✓"
    WARNING = "!"
    FAILED = "✗"


class Finding(NamedTuple):
    """One thing that was checked.

    Attributes:
        sign: What it means for a run.
        what: What was checked, such as the name of a setting.
        text: The result, and what to do; without keys.
    """

    sign: Sign
    what: str
    text: str


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 if a run would fail, else 0."""
    return int(any(finding.sign is Sign.FAILED for finding in findings))


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as a table, with a last line that sums them up."""
    width = max((len(finding.what) for finding in findings), default=0)
    lines = [f"{sign.value} {what:{width}}  {text}" for sign, what, text in findings]
    failed = sum(finding.sign is Sign.FAILED for finding in findings)
    last = f"{failed} of {len(findings)} would stop a run." if failed else "A run can start."
    return "\n".join([*lines, last, ""])


def write_table(findings: Sequence[Finding]) -> None:
    """Write the table to standard output, whose encoding may lack the signs."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(table(findings).encode(encoding, "replace").decode(encoding))


def clock_finding(there: float | None, now: float) -> Finding:
    """Compare this machine's clock with a service's.

    Args:
        there: Seconds since the epoch by the service's clock, or None if unknown.
        now: Seconds since the epoch by this machine's clock, when the answer came.
    """
    if there is None:
        return Finding(Sign.WARNING, "clock", "The service does not return its time.")
    off = now - there
    if abs(off) <= CLOCK_SECONDS:
        return Finding(Sign.OK, "clock", "It agrees with the service's clock.")
    direction = "ahead of" if off > 0 else "behind"
    return Finding(
        Sign.WARNING,
        "clock",
        f"This machine's clock is {abs(off):.0f} s {direction} the service's; set it by NTP.",
    )
