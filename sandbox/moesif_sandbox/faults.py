"""Faults on demand: requests that fail, and how."""

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
MAX_PERIOD = 4  # number of pages of a path that are remembered
_PAGE = b'{"took":'  # the start of a search's response
_BODIES: Mapping[str, object] = {
    "status": {"error": {"reason": "a requested fault"}},
    "unreadable": "<html>Bad gateway</html>",
    "not_success": {"success": False},
}


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault: the requests it hits, how often, and its effect."""

    path: Annotated[str, Meta(min_length=1)]  # prefix of a path, or a pattern with `*`
    kind: Kind
    status: int = 503
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: object = None  # JSON; a string is sent unchanged
    seconds: float = 0.0  # delay before anything else, for every kind
    times: int = 1
    skip: int = 0  # number of requests to let pass first
    process: bool = False  # for `status`: whether the request takes effect
    # For `repeat_page` and `loop`: how many searches to go back.
    period: Annotated[int, Meta(ge=1, le=MAX_PERIOD)] = 1
    containing: str | None = None  # hits only requests with this text in the unpacked body
    for_seconds: Annotated[float, Meta(gt=0)] | None = None  # lifetime of the fault
    name: str | None = None  # for removing it

    def __post_init__(self) -> None:
        """Refuse a delay without a duration."""
        if self.kind == "delay" and self.seconds <= 0:
            raise ValueError("a delay needs seconds")

    @property
    def takes_effect(self) -> bool:
        """Whether the request is processed, although its response is changed."""
        return self.process if self.kind == "status" else self.kind != "close_before"

    def matches(self, path: str) -> bool:
        """Return whether a path has the fault's prefix or, with a `*`, matches the pattern."""
        return fnmatchcase(path, self.path) if "*" in self.path else path.startswith(self.path)


class Answer(NamedTuple):
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Pending:
    """A fault and its remaining hits."""

    fault: Fault
    times: int
    skip: int
    ends: datetime | None
    hits: int = 0


class FaultPlan:
    """The pending faults, in the order in which they were added."""

    def __init__(self, faults: Iterable[Fault], clock: Callable[[], datetime]) -> None:
        """Start with the faults of the command line, which `reset` restores."""
        self._initial, self._clock = tuple(faults), clock
        self._pages: dict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=MAX_PERIOD))
        self._pending: list[Pending] = []
        self.reset()

    def reset(self) -> None:
        """Restore the initial faults."""
        self.clear()
        self._pages.clear()
        self.add(self._initial)

    def add(self, faults: Iterable[Fault]) -> None:
        """Add faults."""
        for fault in faults:
            span = fault.for_seconds
            ends = None if span is None else self._clock() + timedelta(seconds=span)
            self._pending.append(Pending(fault, fault.times, fault.skip, ends))

    def clear(self, name: str | None = None) -> None:
        """Remove all faults, or those with a name."""
        self._pending = [one for one in self._pending if name and one.fault.name != name]

    def pending(self) -> Sequence[Pending]:
        """Return the pending faults; remove those that have expired."""
        now = self._clock()
        self._pending = [one for one in self._pending if one.ends is None or now < one.ends]
        return self._pending

    def listed(self) -> list[dict[str, Any]]:
        """Return the pending faults as JSON, with their remaining hits."""
        return [
            msgspec.to_builtins(one.fault) | {"times": one.times, "skip": one.skip}
            for one in self.pending()
        ]

    def take(self, path: str, body: Callable[[], bytes] = bytes) -> Fault | None:
        """Return the fault that hits a request to this path, and count the hit.

        `body` returns the request's body, unpacked; it is called only if a fault needs it.
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
        """Apply a fault, if any, to a response, if any; None closes the connection."""
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
    """Read faults from a JSON object or list; raise a `ValueError` for anything else."""
    try:
        given = msgspec.json.decode(raw)
        return msgspec.convert(given if isinstance(given, list) else [given], list[Fault])
    except msgspec.DecodeError as error:
        raise ValueError(f"not a fault: {error}") from error


def _spoilt(kind: Kind, answer: bytes, before: bytes) -> bytes:
    """Return a search's response, changed by a fault of this kind."""
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
    if kind == "failed_shards":  # the only sign of it
        page["_shards"] = {"total": 5, "successful": 4, "skipped": 0, "failed": 1}
    return msgspec.json.encode(page)
