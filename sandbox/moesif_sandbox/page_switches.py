"""The page's switches: what can be made to go wrong by a click, and how long it stays so."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from moesif_sandbox.faults import FOREVER, Fault
from moesif_sandbox.page_rows import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from moesif_sandbox.faults import FaultPlan, Pending

RATE_LIMIT_SECONDS = 10
_RETRY_AFTER = "1"  # seconds
LOST_ANSWERS = 3
_ANY = ("segment", "collector", "moesif")


class Switch(NamedTuple):
    """One thing that can go wrong.

    Args:
        label: On the switch.
        effect: What it does, in a sentence.
        fault: What happens; its path and name are those of the service it is switched on for.
        services: Where it makes sense.
        poisons: Whether it hits only what holds one user's id, who is changed for it.
    """

    label: str
    effect: str
    fault: Fault
    services: Sequence[str] = _ANY
    poisons: bool = False


SERVICES: Mapping[str, tuple[str, str]] = {
    "segment": ("Segment", "/segment/v1/"),
    "collector": ("Moesif’s collector", "/moesif/collector/"),  # noqa: RUF001
    "moesif": ("Moesif’s search", "/moesif/api/"),  # noqa: RUF001
}
SWITCHES: Mapping[str, Switch] = {
    "rate-limit": Switch(
        f"429 for {RATE_LIMIT_SECONDS} s",
        "Too many requests: come back in a second.",
        Fault(
            "/",
            "status",
            status=429,
            headers={"Retry-After": _RETRY_AFTER},
            times=FOREVER,
            for_seconds=RATE_LIMIT_SECONDS,
        ),
    ),
    "outage": Switch(
        "503",
        "Nothing is taken until you switch it off.",
        Fault("/", "status", status=503, times=FOREVER),
    ),
    "lost-answers": Switch(
        f"{LOST_ANSWERS} lost answers",
        "All is taken, but the connection breaks before the answer.",
        Fault("/", "close_after", times=LOST_ANSWERS),
    ),
    "slow": Switch(
        "Slow", "Every answer takes a second.", Fault("/", "delay", seconds=1.0, times=FOREVER)
    ),
    "poison": Switch(
        "Poison",
        "Every request with one certain user is refused. That user is changed for it.",
        Fault("/", "status", status=400, times=FOREVER),
        services=("segment", "collector"),
        poisons=True,
    ),
}


@dataclass(frozen=True)
class State:
    """Whether a switch is on, and what is left of it."""

    name: str
    switch: Switch
    pending: Pending | None

    def said(self, now: datetime) -> str:
        """Say how long it is still on and what it has hit."""
        if self.pending is None:
            return "off"
        parts = ["on"]
        if self.pending.ends is not None:
            parts.append(f"{ceil((self.pending.ends - now).total_seconds())} s left")
        elif self.pending.times != FOREVER:
            parts.append(f"{self.pending.times} left")
        if self.pending.hits:
            parts.append(f"{counted(self.pending.hits, 'request')} hit")
        return ", ".join(parts)


def states(plan: FaultPlan, service: str) -> list[State]:
    """Return the switches of a service."""
    named = {pending.fault.name: pending for pending in plan.pending()}
    return [
        State(name, switch, named.get(_fault_name(name, service)))
        for name, switch in SWITCHES.items()
        if service in switch.services
    ]


def others(plan: FaultPlan, service: str) -> int:
    """Return how many faults are planned that none of a service's switches shows."""
    shown = {_fault_name(name, service) for name in SWITCHES}
    return sum(pending.fault.name not in shown for pending in plan.pending())


def turn(plan: FaultPlan, name: str, service: str, poisoned: str) -> bool:
    """Turn a switch on where it is off, and off where it is on; say whether it is on now.

    Args:
        plan: Of the sandbox.
        name: Of the switch.
        service: Which it is for.
        poisoned: The id of the user whom a switch that poisons makes undeliverable.
    """
    label = _fault_name(name, service)
    if any(pending.fault.name == label for pending in plan.pending()):
        plan.clear(label)
        return False
    switch = SWITCHES[name]
    text = msgspec.json.encode(poisoned).decode() if switch.poisons else None
    fault = msgspec.structs.replace(
        switch.fault, path=SERVICES[service][1], name=label, containing=text
    )
    plan.add([fault])
    return True


def _fault_name(name: str, service: str) -> str:
    return f"page:{service}:{name}"
