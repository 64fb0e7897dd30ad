"""Faults on demand: which request is answered how, other than it should be."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Kind = Literal[
    "status",
    "delay",
    "close_before",
    "close_after",
    "half_answer",
    "unreadable",
    "not_success",
    "timed_out",
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

    def __post_init__(self) -> None:
        """Refuse what can only be a slip."""
        if not self.path:
            raise ValueError("a fault needs a path")
        if self.kind == "delay" and self.seconds <= 0:
            raise ValueError("a delay needs seconds")

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
class _Pending:
    fault: Fault
    times: int
    skip: int


class FaultPlan:
    """The faults that are still to happen, in the order in which they were asked for."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        """Start with the faults of the command line, to which `reset` returns."""
        self._initial = tuple(faults)
        self._pending: list[_Pending] = []
        self.reset()

    def reset(self) -> None:
        """Return to the faults of the start."""
        self.clear()
        self.add(self._initial)

    def add(self, faults: Iterable[Fault]) -> None:
        """Plan further faults."""
        self._pending += [_Pending(fault, fault.times, fault.skip) for fault in faults]

    def clear(self) -> None:
        """Let everything work again."""
        self._pending.clear()

    def listed(self) -> list[dict[str, object]]:
        """Return the faults that are still to happen, with what is left of them."""
        return [
            msgspec.to_builtins(pending.fault) | {"times": pending.times, "skip": pending.skip}
            for pending in self._pending
        ]

    def take(self, path: str) -> Fault | None:
        """Return the fault that hits a request to this path, and count it as happened."""
        for pending in self._pending:
            if not matches(pending.fault.path, path):
                continue
            if pending.skip > 0:
                pending.skip -= 1
                continue
            if pending.times != FOREVER:
                pending.times -= 1
                if pending.times <= 0:
                    self._pending.remove(pending)
            return pending.fault
        return None


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


def spoilt(fault: Fault, answer: Answer) -> Answer:
    """Return what a fault makes of an answer; one that closes the connection leaves it alone."""
    if fault.kind == "status":
        return _answer(fault.status, fault.headers, fault.body)
    if fault.kind == "unreadable":
        text = "<html>Bad gateway</html>" if fault.body is None else fault.body
        return _answer(200, {"Content-Type": _JSON} | fault.headers, text)
    if fault.kind == "not_success":
        return _answer(200, fault.headers, {"success": False})
    if fault.kind == "timed_out":
        return answer._replace(body=_cut_page(answer.body))
    return answer


def _answer(status: int, headers: dict[str, str], body: object) -> Answer:
    if body is None:
        body = {"error": {"reason": f"a fault that was asked for: {status}"}, "status": status}
    content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    return Answer(status, list(({"Content-Type": _JSON} | headers).items()), content)


def _cut_page(body: bytes) -> bytes:
    """Return a search answer as an engine that ran out of time gives it: half the hits, flagged."""
    found = msgspec.json.decode(body)
    if not isinstance(found, dict):  # a list of cohorts, say: no search
        return body
    hits = found.get("hits")
    if isinstance(hits, dict) and isinstance(hits.get("hits"), list):
        hits["hits"] = hits["hits"][: len(hits["hits"]) // 2]
    return msgspec.json.encode(found | {"timed_out": True})
