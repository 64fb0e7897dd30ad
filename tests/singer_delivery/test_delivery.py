"""The books of a run: what is claimed, for every order in which a service may answer."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk import typing as th

from singer_delivery.delivery import Delivery
from singer_delivery.errors import Interrupted, RecordRejected, RejectsFileError, ServiceError
from singer_delivery.files import SharedLines
from singer_delivery.http import NO_ANSWER
from singer_delivery.reading.lines import Wakeup
from singer_delivery.rejects.file import Rejects
from singer_delivery.reporting.reports import Reports
from singer_delivery.sending.batching import Limits, Message
from singer_delivery.sending.lanes import Destination
from singer_delivery.sending.refusals import ALIKE_REFUSALS
from singer_delivery.sending.retry import Answer, ServiceErrors
from singer_delivery.settings import DeliverySettings, delivery_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OK = Answer(200, accepted=True)
KEYS = ("u0", "u1", "u2", "u3")  # in lanes of their own, of eight
BAD = Answer(400, detail="HTTP 400", excerpt="no")


SCHEMA = th.PropertiesList(*delivery_settings(rows=2_000, size=100_000)).to_dict()
DEFAULTS = {
    "batch_size_rows": 3,
    "batch_max_bytes": 100_000,
    "batch_wait_limit_seconds": 0.01,
    "lanes": 3,
    "retry_max_seconds": 0.0,
    "max_rejects": -1,
}


class Service:
    """Takes messages, but those whose body is `bad`; keeps what it took, in order."""

    def __init__(self) -> None:
        self.bytes_sent = 0
        self.taken: list[bytes] = []
        self._lock = threading.Lock()

    def post(self, _endpoint: int, messages: Sequence[bytes], _retries: int = 0) -> Answer:
        assert messages, "no empty request is ever sent"
        if any(b"bad" in message for message in messages):
            return BAD
        with self._lock:
            self.taken += messages
        return OK

    def close(self) -> None:
        pass


class Silent:
    """Progress that nobody watches."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.shown: list[str] = []

    def show(self, text: str) -> None:
        self.shown.append(text)

    def end(self) -> None:
        pass


class Run:
    """A delivery with everything around it in plain sight."""

    def __init__(
        self, folder: Path, service: Any = None, progress_seconds: float = 1e9, **changes: Any
    ) -> None:
        self.service = service or Service()
        self.states: list[Any] = []
        self.progress = Silent(progress_seconds)
        self.interrupted_by: int | None = None
        self.wakeup = Wakeup()
        values = DeliverySettings.of({**DEFAULTS, **changes}, SCHEMA)
        limits = Limits(
            rows=values.batch_size_rows,
            size=values.batch_max_bytes,
            envelope=2,
            seconds=values.batch_wait_limit_seconds,
        )
        self.delivery = Delivery(
            values,
            destination=Destination([limits], lambda: self.service, ServiceErrors("there.example")),
            rejects=Rejects(SharedLines(folder / "rejects.jsonl", RejectsFileError), lambda: "now"),
            wakeup=self.wakeup,
            checkpoint=self.states.append,
            interrupt=self._interrupt,
            reports=Reports(self.progress),
        )

    def send(self, key: str, *bodies: str) -> None:
        line = b'{"type":"RECORD","stream":"s","record":{}}'
        source = self.delivery.records.read("s", line)
        self.delivery.send(source, [Message(key, body.encode()) for body in bodies])

    def _interrupt(self) -> None:
        if self.interrupted_by:
            raise Interrupted(self.interrupted_by)

    def close(self) -> None:
        self.delivery._lanes.close()
        for lane in self.delivery._lanes.lanes:
            lane.join(30)
        self.wakeup.close()

    def outcomes(self) -> Counter[str]:
        summary = self.delivery.summary
        return Counter(
            {outcome: n for outcome in summary.outcomes if (n := summary.total(outcome))}
        )

    def rejected_lines(self) -> int:
        path = Path(self.delivery.rejects.place)
        return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture
def run_of(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def make(service: Any = None, **options: Any) -> Run:
        runs.append(Run(tmp_path, service, **options))
        return runs[-1]

    yield make
    for run in runs:
        run.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["good", "bad", "two", "mixed"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["skip", "reject", "state", "poll"]), st.just(0)),
    ),
    max_size=40,
)


BODIES = {"good": ["good"], "bad": ["bad"], "two": ["good"] * 2, "mixed": ["bad", "good", "bad"]}


@pytest.mark.promise(12)
@settings(max_examples=60, deadline=None)
@given(steps=steps, lanes=st.integers(1, 4), rows=st.integers(1, 5))
def test_the_books_are_right_for_every_stream_of_records(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, int]],
    lanes: int,
    rows: int,
) -> None:
    """Real lanes, answering in any order: no state runs ahead, counts add up, keys keep order."""
    run = Run(tmp_path_factory.mktemp("run"), lanes=lanes, batch_size_rows=rows)
    expected: Counter[str] = Counter()
    sent: dict[int, list[bytes]] = {}
    states = 0
    for number, (step, key) in enumerate(steps):
        if bodies := BODIES.get(step):
            run.send(f"user-{key}", *(f"{body} {key} {number}" for body in bodies))
            expected["rejected" if "bad" in bodies else "delivered"] += 1
            good = [f"good {key} {number}".encode() for body in bodies if body == "good"]
            sent.setdefault(key, []).extend(good)
        elif step in {"skip", "reject"}:
            source = run.delivery.records.read("s", b'{"record":{}}')
            if step == "skip":
                run.delivery.records.skip(source, "ignored")
                expected["skipped"] += 1
            else:
                run.delivery.records.reject(source, RecordRejected("why", "so"))
                expected["rejected"] += 1
        elif step == "state":
            states += 1
            run.delivery.state(states)
        else:
            run.delivery.poll()
        assert run.states == sorted(set(run.states))
    run.delivery.finish()
    run.close()
    assert run.outcomes() == expected
    assert run.rejected_lines() == expected["rejected"]
    assert run.delivery.summary.undelivered == 0
    assert run.states[-1:] == ([states] if states else [])
    for key, mine in sent.items():
        assert [body for body in run.service.taken if body.split()[1] == b"%d" % key] == mine


class Gate:
    """Answers each message only when told to, with its own answers first."""

    def __init__(self) -> None:
        self.bytes_sent = 0
        self.open = {name: threading.Event() for name in (b"a", b"b", b"c", b"d")}
        self.answers: dict[bytes, list[Answer]] = {}
        self.asked = threading.Semaphore(0)

    def post(self, _endpoint: int, messages: Sequence[bytes], _retries: int = 0) -> Answer:
        self.asked.release()
        assert self.open[messages[0]].wait(30)
        mine = self.answers.get(messages[0])
        return mine.pop(0) if mine else OK

    def close(self) -> None:
        pass


SOON = {"Retry-After": "0.001"}
FAULTS: dict[str, list[Answer]] = {
    "all good": [],
    "fails for a while": [Answer(503, headers=SOON), Answer(500, headers=SOON)],
    "is asked to wait": [Answer(429, headers={"X-RateLimit-Reset": "0.001"})],
    "an unreadable success": [Answer(200, accepted=False, headers=SOON)],
    "a lost answer": [Answer(NO_ANSWER, headers=SOON)],
    "refused for good": [BAD],
    "refused as a sender": [Answer(403)],
    "fails for too long": [Answer(503, headers={"Retry-After": "9999"})],
}
STOPS = {"refused as a sender", "fails for too long"}
ORDERS = {"in order": "abcd", "out of order": "cadb", "a slow lane": "bcda"}


@pytest.mark.promise(1, 2)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_exactly_those_states_are_written_behind_which_all_is_settled(
    run_of: Callable[..., Run], fault: str, order: str
) -> None:
    """Four records in four lanes, a STATE behind each; the second one's answer goes wrong."""
    gate = Gate()
    gate.answers[b"b"] = [*FAULTS[fault]]
    run = run_of(gate, lanes=8, batch_size_rows=1, retry_max_seconds=60.0)
    for number, name in enumerate("abcd"):
        run.send(KEYS[number], name)
        run.delivery.state(number)
        assert gate.asked.acquire(timeout=30)
    lanes, settled = run.delivery._lanes.lanes, set()
    expected: list[int] = []
    for name in order:
        busy = sum(lane.queued for lane in lanes)
        gate.open[name.encode()].set()
        if name == "b" and fault in STOPS:
            with pytest.raises(ServiceError):
                run.delivery.finish()
            break
        while sum(lane.queued for lane in lanes) == busy:
            run.delivery.wait()
        settled.add("abcd".index(name))
        reached = next(n for n in range(5) if n not in settled)
        if reached > (expected[-1] + 1 if expected else 0):
            expected.append(reached - 1)
        assert run.states == expected
    for event in gate.open.values():
        event.set()
    run.delivery.abandon()
    # What was in flight when the run stopped has been answered, and is claimed; no more.
    assert run.states == ([0] if fault in STOPS else [*expected[:-1], 3])
    assert run.outcomes()["rejected"] == (1 if fault == "refused for good" else 0)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("end", ["finish", "abandon"])
def test_what_the_lanes_have_told_already_is_not_waited_for(
    run_of: Callable[..., Run], end: str
) -> None:
    """As when the input ends, or a signal comes, together with a lane's last word."""
    run = run_of(lanes=1, batch_size_rows=1)
    run.send("a", "good")
    run.delivery.state("end")
    lane = run.delivery._lanes.lanes[0]
    lane.close()
    lane.join(30)
    run.wakeup.wait(0)
    getattr(run.delivery, end)()
    assert run.states == ["end"]


def test_an_interrupt_ends_a_wait_for_answers(run_of: Callable[..., Run]) -> None:
    gate = Gate()
    run = run_of(gate, batch_size_rows=1)
    run.send("a", "a")
    run.interrupted_by = 15
    run.wakeup()
    with pytest.raises(Interrupted):
        run.delivery.finish()
    gate.open[b"a"].set()


@pytest.mark.promise(1)
def test_a_checkpoint_waits_until_the_rejects_are_on_the_disk(
    run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of()
    happened: list[str] = []
    monkeypatch.setattr("os.fsync", lambda _: happened.append("fsync"))
    monkeypatch.setattr(run.delivery._states, "_write", lambda _: happened.append("state"))
    run.delivery.records.reject(
        run.delivery.records.read("s", b'{"record":{}}'), RecordRejected("why", "so")
    )
    run.delivery.state(1)
    folder, file, state = happened
    assert (folder, file, state) == ("fsync", "fsync", "state")


def test_a_service_that_refuses_everything_ends_the_run_and_not_the_records(
    run_of: Callable[..., Run],
) -> None:
    run = run_of(max_rejects=0, lanes=1, batch_size_rows=2000)
    for number in range(2000):
        run.send(f"user-{number}", f"bad {number}")
    with pytest.raises(ServiceError, match="20 records in a row"):
        run.delivery.finish()
    run.delivery.abandon()
    assert run.outcomes() == {"rejected": ALIKE_REFUSALS}
    assert run.delivery.summary.undelivered == 2000 - ALIKE_REFUSALS


@pytest.mark.promise(15)
@pytest.mark.parametrize("count", [1, 19])
def test_a_run_in_which_all_is_refused_alike_moves_no_state_and_keeps_the_rejects(
    run_of: Callable[..., Run], count: int
) -> None:
    run = run_of(max_rejects=100, lanes=1, batch_size_rows=1)
    run.delivery.state("before the first record")
    for number in range(count):
        run.send("user", f"bad {number}")
        run.delivery.state(number)
        run.delivery.records.skip(run.delivery.records.read("s", b'{"record":{}}'), "ignored")
        run.delivery.state(f"{number}, and one that was left out")
    with pytest.raises(ServiceError, match="All records that were sent were refused"):
        run.delivery.finish()
    run.delivery.abandon()
    assert run.states == ["before the first record"]
    assert run.outcomes() == {"rejected": count, "skipped": count}
    assert run.rejected_lines() == count


@settings(max_examples=60, deadline=None)
@given(bodies=st.lists(st.sampled_from(["bad", "worse", "good"]), min_size=1, max_size=6))
def test_state_passes_refused_records_only_where_they_are_known_to_be_the_fault(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[str]
) -> None:
    service = Service()
    post = service.post
    service.post = lambda *arguments: (  # type: ignore[method-assign]
        Answer(400, excerpt="no!") if b"worse" in arguments[1][0] else post(*arguments)
    )
    folder = tmp_path_factory.mktemp("run")
    run = Run(folder, service, max_rejects=0, lanes=1, batch_size_rows=1)
    for number, body in enumerate(bodies):
        run.send("user", body)
        run.delivery.state(number)
        while run.delivery._lanes.busy:
            run.delivery.wait()
        known = {*bodies[: number + 1]} not in ({"bad"}, {"worse"})
        assert run.states[-1:] == ([number] if known else [])
    run.close()


def test_progress_is_shown_while_something_is_going_on(run_of: Callable[..., Run]) -> None:
    gate = Gate()
    run = run_of(gate, progress_seconds=0.0, batch_size_rows=1)
    assert run.delivery.poll() is None, "nothing is going on"
    run.send("a", "a")
    run.delivery.poll()
    gate.open[b"a"].set()
    run.delivery.finish()
    assert run.progress.shown[0].startswith("1 read, 0 requests")
