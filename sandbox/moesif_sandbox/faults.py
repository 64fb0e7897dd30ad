"""Faults on demand: which request is answered how, other than it should be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from moesif_sandbox.clock import system_clock
from moesif_sandbox.search_faults import MAX_PERIOD, PageHistory, cut, emptied, led_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

Kind = Literal[
    "status",
    "delay",
    "close_before",
    "close_after",
    "half_answer",
    "unreadable",
    "not_success",
    "timed_out",
    "empty_page",
    "repeat_page",
    "loop",
]
FOREVER = -1
_JSON = "application/json"


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault: which requests it hits, how often, and what it does to them."""

    path: str  # the start of a path, or a pattern with `*`
    kind: Kind
    status: int = 503
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: object = None  # JSON; a string is sent as it is
    seconds: float = 0.0  # waited before anything else happens, whatever the kind
    times: int = 1
    skip: int = 0  # so many requests pass before the first is hit
    process: bool = False  # for `status`: the request takes effect all the same
    period: int = 1  # for `repeat_page` and `loop`: back to the page of so many searches ago
    containing: str | None = None  # hits only requests whose unpacked body has this text
    for_seconds: float | None = None  # is over so long after it was asked for
    name: str | None = None  # to find it by

    def __post_init__(self) -> None:
        """Refuse what can only be a slip."""
        if not self.path:
            raise ValueError("a fault needs a path")
        if self.kind == "delay" and self.seconds <= 0:
            raise ValueError("a delay needs seconds")
        if not 1 <= self.period <= MAX_PERIOD:
            raise ValueError(f"a period is from 1 to {MAX_PERIOD}")
        if self.for_seconds is not None and self.for_seconds <= 0:
            raise ValueError("for_seconds is more than 0")

    @property
    def takes_effect(self) -> bool:
        """Say whether the request is processed although its answer is spoilt."""
        return self.process if self.kind == "status" else self.kind != "close_before"


class Answer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass
class Pending:
    """A fault with what is left of it."""

    fault: Fault
    times: int
    skip: int
    ends: datetime | None
    hits: int = 0

    def left(self) -> dict[str, object]:
        """Return the fault as it would be asked for now."""
        asked: dict[str, object] = msgspec.to_builtins(self.fault)
        return asked | {"times": self.times, "skip": self.skip}


class FaultPlan:
    """The faults that are still to happen, in the order in which they were asked for."""

    def __init__(
        self, faults: Iterable[Fault] = (), clock: Callable[[], datetime] = system_clock
    ) -> None:
        """Start with the faults of the command line, to which `reset` returns."""
        self._initial = tuple(faults)
        self._clock = clock
        self._pending: list[Pending] = []
        self.pages = PageHistory()
        self.reset()

    def reset(self) -> None:
        """Return to the faults of the start."""
        self.clear()
        self.pages.clear()
        self.add(self._initial)

    def add(self, faults: Iterable[Fault]) -> None:
        """Plan further faults."""
        now = self._clock()
        self._pending += [
            Pending(
                fault,
                fault.times,
                fault.skip,
                None if fault.for_seconds is None else now + timedelta(seconds=fault.for_seconds),
            )
            for fault in faults
        ]

    def clear(self, name: str | None = None) -> None:
        """Let everything work again, or everything but for the faults of other names."""
        self._pending = [
            pending for pending in self._pending if name is not None and pending.fault.name != name
        ]

    def pending(self) -> Sequence[Pending]:
        """Return the faults that are still to happen; those whose time is up are forgotten."""
        now = self._clock()
        self._pending = [
            pending for pending in self._pending if pending.ends is None or now < pending.ends
        ]
        return self._pending

    def listed(self) -> list[dict[str, object]]:
        """Return the faults that are still to happen, with what is left of them."""
        return [pending.left() for pending in self.pending()]

    def take(self, path: str, body: Callable[[], bytes] = bytes) -> Fault | None:
        """Return the fault that hits a request to this path, and count it as happened.

        Args:
            path: The request's.
            body: Gives the request's, unpacked; called only where a fault looks into it.
        """
        for pending in self.pending():
            if not matches(pending.fault.path, path) or not _contains(pending.fault, body):
                continue
            if pending.skip > 0:
                pending.skip -= 1
                continue
            pending.hits += 1
            if pending.times != FOREVER:
                pending.times -= 1
                if pending.times <= 0:
                    self._pending.remove(pending)
            return pending.fault
        return None


def _contains(fault: Fault, body: Callable[[], bytes]) -> bool:
    return fault.containing is None or fault.containing.encode() in body()


def matches(pattern: str, path: str) -> bool:
    """Say whether a path begins with the pattern or, where that has a `*`, fits it whole."""
    return fnmatchcase(path, pattern) if "*" in pattern else path.startswith(pattern)


def read_faults(raw: bytes | str) -> list[Fault]:
    """Return the faults of a JSON object or list.

    Raises:
        ValueError: it is neither, or a fault has a field that does not exist.
    """
    try:
        if raw.strip()[:1] in {b"[", "["}:
            return msgspec.json.decode(raw, type=list[Fault])
        return [msgspec.json.decode(raw, type=Fault)]
    except msgspec.DecodeError as error:
        raise ValueError(f"not a fault: {error}") from error


def spoilt(fault: Fault, answer: Answer, earlier: bytes | None = None) -> Answer:
    """Return what a fault makes of an answer; one that closes the connection leaves it alone.

    Args:
        fault: The fault.
        answer: As it would have been.
        earlier: The page of `fault.period` searches ago, where there is one.
    """
    if fault.kind == "status":
        return _answer(fault.status, fault.headers, fault.body)
    if fault.kind == "unreadable":
        text = "<html>Bad gateway</html>" if fault.body is None else fault.body
        return _answer(200, {"Content-Type": _JSON} | fault.headers, text)
    if fault.kind == "not_success":
        return _answer(200, fault.headers, {"success": False})
    return answer._replace(body=_spoilt_page(fault.kind, answer.body, earlier))


def _spoilt_page(kind: Kind, page: bytes, earlier: bytes | None) -> bytes:
    if kind == "timed_out":
        return cut(page)
    if kind == "empty_page":
        return emptied(page)
    if kind == "repeat_page":
        return earlier or page
    if kind == "loop" and earlier:
        return led_back(page, earlier)
    return page


def _answer(status: int, headers: dict[str, str], body: object) -> Answer:
    if body is None:
        body = {"error": {"reason": f"a fault that was asked for: {status}"}, "status": status}
    content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    return Answer(status, list(({"Content-Type": _JSON} | headers).items()), content)
