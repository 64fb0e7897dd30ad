"""Faults on demand: which request is answered how, other than it should be."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

Kind = Literal["status", "delay", "close_before", "close_after", "half_answer", "unreadable",
               "not_success", "timed_out", "failed_shards", "empty_page", "repeat_page",
               "loop"]  # fmt: skip
FOREVER = -1
MAX_PERIOD = 4  # so many pages of a path are remembered
_PAGE = b'{"took":'  # how a search's answer begins
_BODIES: Mapping[str, object] = {
    "status": {"error": {"reason": "a fault that was asked for"}},
    "unreadable": "<html>Bad gateway</html>",
    "not_success": {"success": False},
}


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault: which requests it hits, how often, and what it does to them."""

    path: Annotated[str, Meta(min_length=1)]  # the start of a path, or a pattern with `*`
    kind: Kind
    status: int = 503
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: object = None  # JSON; a string is sent as it is
    seconds: float = 0.0  # waited before anything else happens, whatever the kind
    times: int = 1
    skip: int = 0  # so many requests pass before the first is hit
    process: bool = False  # for `status`: the request takes effect all the same
    # For `repeat_page` and `loop`: back to the page of so many searches ago.
    period: Annotated[int, Meta(ge=1, le=MAX_PERIOD)] = 1
    containing: str | None = None  # hits only requests whose unpacked body has this text
    for_seconds: Annotated[float, Meta(gt=0)] | None = None  # ends so long after it was asked for
    name: str | None = None  # to find it by

    def __post_init__(self) -> None:
        """Refuse what can only be a slip."""
        if self.kind == "delay" and self.seconds <= 0:
            raise ValueError("a delay needs seconds")

    @property
    def takes_effect(self) -> bool:
        """Whether the request is processed although its answer is spoilt."""
        return self.process if self.kind == "status" else self.kind != "close_before"

    def matches(self, path: str) -> bool:
        """Say whether a path begins with the fault's or, where that has a `*`, fits it whole."""
        return fnmatchcase(path, self.path) if "*" in self.path else path.startswith(self.path)


class Answer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Pending:
    """A fault with what is left of it."""

    fault: Fault
    times: int
    skip: int
    ends: datetime | None
    hits: int = 0


class FaultPlan:
    """The faults that are still to happen, in the order in which they were asked for."""

    def __init__(self, faults: Iterable[Fault], clock: Callable[[], datetime]) -> None:
        """Start with the faults of the command line, to which `reset` returns."""
        self._initial, self._clock = tuple(faults), clock
        self._pages: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=MAX_PERIOD))
        self._pending: list[Pending] = []
        self.reset()

    def reset(self) -> None:
        """Return to the faults of the start."""
        self.clear()
        self._pages.clear()
        self.add(self._initial)

    def add(self, faults: Iterable[Fault]) -> None:
        """Plan further faults."""
        for fault in faults:
            span = fault.for_seconds
            ends = None if span is None else self._clock() + timedelta(seconds=span)
            self._pending.append(Pending(fault, fault.times, fault.skip, ends))

    def clear(self, name: str | None = None) -> None:
        """Drop all faults, or those of a name."""
        self._pending = [one for one in self._pending if name and one.fault.name != name]

    def pending(self) -> Sequence[Pending]:
        """Return the faults that are still to happen; those whose time is up are forgotten."""
        now = self._clock()
        self._pending = [one for one in self._pending if one.ends is None or now < one.ends]
        return self._pending

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults that are still to happen, as they would be asked for now."""
        return [
            msgspec.to_builtins(one.fault) | {"times": one.times, "skip": one.skip}
            for one in self.pending()
        ]

    def take(self, path: str, body: Callable[[], bytes] = bytes) -> Fault | None:
        """Return the fault that hits a request to this path, and count it as happened.

        `body` gives the request's, unpacked; it is called only if a fault looks into it.
        """
        for pending in self.pending():
            text = pending.fault.containing
            if not pending.fault.matches(path) or (text and text.encode() not in body()):
                continue
            if pending.skip > 0:
                pending.skip -= 1
                continue
            pending.hits += 1
            pending.times -= pending.times != FOREVER
            if not pending.times:
                self._pending.remove(pending)
            return pending.fault
        return None

    def spoilt(self, fault: Fault | None, path: str, answer: Answer | None) -> Answer | None:
        """Return what a fault makes of an answer, if there was one; None closes the connection."""
        if fault is not None and fault.kind in {"close_before", "close_after"}:
            return None
        answer, earlier = answer or Answer(200, {}, b""), self._pages[path]
        if fault is not None and fault.kind in _BODIES:
            body = _BODIES[fault.kind] if fault.body is None else fault.body
            status = fault.status if fault.kind == "status" else 200
            content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
            return Answer(status, {"content-type": "application/json"} | fault.headers, content)
        if answer.body.startswith(_PAGE):
            if fault is not None:
                before = earlier[-fault.period] if len(earlier) >= fault.period else answer.body
                answer = answer._replace(body=_spoilt(fault.kind, answer.body, before))
            earlier.append(answer.body)
        return answer


def read_faults(raw: bytes | str) -> list[Fault]:
    """Return the faults of a JSON object or list; anything else is a `ValueError`."""
    try:
        given = msgspec.json.decode(raw)
        return msgspec.convert(given if isinstance(given, list) else [given], list[Fault])
    except msgspec.DecodeError as error:
        raise ValueError(f"not a fault: {error}") from error


def _spoilt(kind: Kind, answer: bytes, before: bytes) -> bytes:
    """Return a search's answer as a fault of this kind spoils it."""
    if kind == "repeat_page":
        return before
    page, earlier = msgspec.json.decode(answer), msgspec.json.decode(before)
    hits, earlier_hits = page["hits"]["hits"], earlier["hits"]["hits"]
    if kind == "empty_page":
        hits.clear()
    if kind == "loop" and hits and earlier_hits:
        hits[-1]["sort"] = earlier_hits[-1]["sort"]
    if kind in {"timed_out", "failed_shards"}:
        found = [part.get("buckets") for part in page.get("aggregations", {}).values()]
        for part in [hits, *found]:
            if isinstance(part, list):
                del part[len(part) // 2 :]
        page["timed_out"] = kind == "timed_out"
    if kind == "failed_shards":  # which nothing else tells
        page["_shards"] = {"total": 5, "successful": 4, "skipped": 0, "failed": 1}
    return msgspec.json.encode(page)
