"""The page's switches, which turn faults on and off."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from moesif_sandbox.faults import FOREVER, Fault, FaultPlan, Pending
from moesif_sandbox.page.view import counted

RATE_LIMIT_SECONDS = 10
LOST_ANSWERS = 3


class Switch(NamedTuple):
    """A switch for a fault, and the services that have it.

    With `poisons` the fault hits only requests with a certain user's id; that user is changed.
    """

    label: str
    effect: str
    fault: Fault
    services: Sequence[str] = ("segment", "collector", "moesif")
    poisons: bool = False


SERVICES = {
    "segment": ("Segment", "/segment/v1/"),
    "collector": ("Moesif’s collector", "/moesif/collector/"),  # noqa: RUF001
    "moesif": ("Moesif’s search", "/moesif/api/"),  # noqa: RUF001
}
_FOR_EVER = Fault("/", "status", times=FOREVER)
SWITCHES: Mapping[str, Switch] = {
    "rate-limit": Switch(
        f"429 for {RATE_LIMIT_SECONDS} s", "Too many requests: retry after a second.",
        Fault("/", "status", status=429, headers={"Retry-After": "1"}, times=FOREVER,
              for_seconds=RATE_LIMIT_SECONDS)),
    "outage": Switch("503", "Nothing is accepted until you switch it off.", _FOR_EVER),
    "lost-answers": Switch(
        f"{LOST_ANSWERS} lost answers",
        "Requests are processed, but the connection closes before the response.",
        Fault("/", "close_after", times=LOST_ANSWERS)),
    "slow": Switch("Slow", "Every response takes a second.",
                   Fault("/", "delay", seconds=1.0, times=FOREVER)),
    "poison": Switch(
        "Poison", "Every request with a certain user is refused. That user is changed now.",
        replace(_FOR_EVER, status=400), ("segment", "collector"), poisons=True),
}  # fmt: skip


def states(plan: FaultPlan, service: str, now: datetime) -> list[tuple[str, Switch, str]]:
    """Return the switches of a service, with their names and states; an off state is empty."""
    on = {pending.fault.name: _said(pending, now) for pending in plan.pending()}
    return [
        (name, switch, on.get(_fault_name(name, service), ""))
        for name, switch in SWITCHES.items()
        if service in switch.services
    ]


def _said(pending: Pending, now: datetime) -> str:
    parts = ["on"]
    if pending.ends is not None:
        parts.append(f"{ceil((pending.ends - now).total_seconds())} s left")
    elif pending.times != FOREVER:
        parts.append(f"{pending.times} left")
    if pending.hits:
        parts.append(f"{counted(pending.hits, 'request')} hit")
    return ", ".join(parts)


def others(plan: FaultPlan, service: str) -> int:
    """Return the number of pending faults that are not shown as switches of a service."""
    shown = {_fault_name(name, service) for name in SWITCHES}
    return sum(pending.fault.name not in shown for pending in plan.pending())


def turn(plan: FaultPlan, name: str, service: str, poisoned: str | None) -> bool:
    """Toggle a switch; return whether it is on now."""
    label = _fault_name(name, service)
    if any(pending.fault.name == label for pending in plan.pending()):
        plan.clear(label)
        return False
    switch, (_, path) = SWITCHES[name], SERVICES[service]
    text = msgspec.json.encode(poisoned).decode() if switch.poisons else None
    plan.add([replace(switch.fault, path=path, name=label, containing=text)])
    return True


def _fault_name(name: str, service: str) -> str:
    return f"page:{service}:{name}"
