from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.errors import ServiceError
from singer_delivery.sending.batching import Batch, Limits, Message
from singer_delivery.sending.lanes import (
    Acknowledged,
    Failed,
    Finished,
    Lane,
    Lanes,
    Outcome,
    Pace,
    Refused,
)
from singer_delivery.sending.retry import NO_ANSWER, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OK = Answer(200, accepted=True)


class Service:
    """Answers from a script, then by a rule; keeps what was posted."""

    def __init__(
        self, *script: Answer, rule: Callable[[list[bytes]], Answer] = lambda _: OK
    ) -> None:
        self.bytes_sent = 0
        self.posted: list[list[bytes]] = []
        self._script = deque(script)
        self._rule = rule

    def post(self, _endpoint: int, messages: Sequence[bytes]) -> Answer:
        self.posted.append([*messages])
        return self._script.popleft() if self._script else self._rule([*messages])

    def close(self) -> None:
        pass


def messages(*bodies: str) -> list[Message]:
    return [Message("u", body.encode()) for body in bodies]


def deliver(service: Service, *batches: list[Message], max_seconds: float = 0.0) -> list[Outcome]:
    """Run one lane over some batches and give what it told."""
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    lane = Lane(
        "lane",
        service,
        pace=Pace(None, time.monotonic),
        max_seconds=max_seconds,
        report=outcomes.put,
        stop=threading.Event(),
        uniform=lambda: 0.0,
    )
    for batch in batches:
        lane.put(Batch(0, batch))
    lane.close()
    lane.start()
    lane.join(30)
    told = []
    while not outcomes.empty():
        told.append(outcomes.get())
    return told


def bodies(outcomes: list[Outcome], kind: type[Acknowledged | Refused]) -> list[str]:
    told = []
    for outcome in outcomes:
        if isinstance(outcome, Acknowledged) and kind is Acknowledged:
            told += [message.body.decode() for message in outcome.messages]
        elif isinstance(outcome, Refused) and kind is Refused:
            told.append(outcome.message.body.decode())
    return told


def refuses(*bad: str) -> Callable[[list[bytes]], Answer]:
    return lambda posted: Answer(400) if {b.decode() for b in posted} & {*bad} else OK


def test_a_batch_that_is_taken_is_acknowledged_whole() -> None:
    outcomes = deliver(Service(), messages("a", "b"))
    assert bodies(outcomes, Acknowledged) == ["a", "b"]
    assert isinstance(outcomes[-1], Finished)


def test_a_bad_message_costs_only_itself_and_few_requests() -> None:
    names = [f"m{n}" for n in range(256)]
    service = Service(rule=refuses("m97"))
    outcomes = deliver(service, messages(*names))
    assert bodies(outcomes, Refused) == ["m97"]
    assert bodies(outcomes, Acknowledged) == [name for name in names if name != "m97"]
    assert len(service.posted) <= 1 + 2 * 8  # 2 log2(256) more


@given(total=st.integers(1, 40), bad=st.sets(st.integers(0, 39)))
def test_however_many_are_bad_the_rest_is_delivered_in_order(total: int, bad: set[int]) -> None:
    names = [f"m{n}" for n in range(total)]
    wrong = [names[n] for n in sorted(bad) if n < total]
    service = Service(rule=refuses(*wrong))
    outcomes = deliver(service, messages(*names))
    assert bodies(outcomes, Refused) == wrong
    assert bodies(outcomes, Acknowledged) == [name for name in names if name not in wrong]
    assert all(service.posted), "no empty request is ever sent"


@pytest.mark.parametrize(
    "failure",
    [Answer(503), Answer(NO_ANSWER), Answer(429, headers={"Retry-After": "0.01"}), Answer(200)],
)
def test_a_passing_failure_is_retried_before_anything_after_it(failure: Answer) -> None:
    service = Service(failure, failure)
    outcomes = deliver(service, messages("a"), messages("b"), max_seconds=60)
    assert service.posted == [[b"a"], [b"a"], [b"a"], [b"b"]]
    assert bodies(outcomes, Acknowledged) == ["a", "b"]


def test_halves_are_retried_too() -> None:
    service = Service(Answer(413), Answer(503))
    deliver(service, messages("a", "b"), max_seconds=60)
    assert service.posted == [[b"a", b"b"], [b"a"], [b"a"], [b"b"]]


def test_a_failure_that_lasts_ends_the_run_and_rejects_nothing() -> None:
    outcomes = deliver(Service(rule=lambda _: Answer(503, detail="HTTP 503")), messages("a"))
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert [type(outcome.error) for outcome in failed] == [ServiceError]
    assert not bodies(outcomes, Refused)


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 501])
def test_a_refused_sender_stops_at_once(status: int) -> None:
    service = Service(rule=lambda _: Answer(status))
    outcomes = deliver(service, messages("a", "b"), max_seconds=60)
    assert len(service.posted) == 1
    assert any(isinstance(outcome, Failed) for outcome in outcomes)
    assert not bodies(outcomes, Refused)


def test_a_defect_in_a_lane_ends_the_run_without_telling_what_was_sent() -> None:
    def broken(_: list[bytes]) -> Answer:
        raise KeyError("jane@example.com")

    outcomes = deliver(Service(rule=broken), messages("a"))
    [failed] = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert "KeyError" in str(failed.error)
    assert "jane" not in str(failed.error)


def test_nothing_is_sent_once_the_run_stops() -> None:
    service, stop = Service(), threading.Event()
    stop.set()
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    lane = Lane(
        "lane",
        service,
        pace=Pace(None, lambda: 0.0),
        max_seconds=60,
        report=outcomes.put,
        stop=stop,
    )
    lane.put(Batch(0, messages("a")))
    lane.close()
    lane.run()
    assert service.posted == []
    assert isinstance(outcomes.get(), Finished)


def test_the_pace_is_one_for_all_lanes() -> None:
    now = [0.0]
    pace = Pace(10, lambda: now[0])
    assert pace.delay() == 0
    assert pace.delay() == pytest.approx(0.1)
    now[0] = 0.1
    assert pace.delay() == 0


def test_a_pause_that_one_lane_is_asked_for_holds_for_all() -> None:
    now = [0.0]
    pace = Pace(None, lambda: now[0])
    pace.pause(5)
    assert pace.delay() == 5
    pace.pause(2)
    assert pace.delay() == 5
    now[0] = 5.0
    assert pace.delay() == 0


class Inbox:
    """A lane that only keeps what it is given."""

    def __init__(self) -> None:
        self.queued = 0
        self.batches: list[Sequence[Message]] = []

    def put(self, batch: Batch) -> None:
        self.queued += 1
        self.batches.append(batch.messages)


@given(keys=st.lists(st.integers(0, 9), max_size=60), lanes=st.integers(1, 5))
def test_all_of_one_key_goes_through_one_lane_in_order(keys: list[int], lanes: int) -> None:
    inboxes = [Inbox() for _ in range(lanes)]
    them = Lanes([Limits(rows=3, size=10**6, envelope=0, seconds=5)], inboxes)  # type: ignore[arg-type]
    for number, key in enumerate(keys):
        them.put(Message(f"user-{key}", str(number).encode()), 0)
    them.flush()
    for key in range(10):
        per_lane = [
            [int(m.body) for batch in inbox.batches for m in batch if m.key == f"user-{key}"]
            for inbox in inboxes
        ]
        numbers = [n for n, k in enumerate(keys) if k == key]
        assert [found for found in per_lane if found] == ([numbers] if numbers else [])


def test_a_lane_that_holds_all_it_may_is_congested() -> None:
    inbox = Inbox()
    lanes = Lanes([Limits(rows=1, size=10**6, envelope=0, seconds=5)], [inbox])  # type: ignore[list-item]
    for _ in range(2):
        lanes.put(messages("a")[0], 0)
    assert not lanes.congested
    lanes.put(messages("a")[0], 0)
    assert lanes.congested


def test_only_batches_that_have_waited_long_enough_leave() -> None:
    inbox = Inbox()
    lanes = Lanes([Limits(rows=9, size=10**6, envelope=0, seconds=5)], [inbox])  # type: ignore[list-item]
    lanes.put(messages("a")[0], 10)
    lanes.flush(14.9)
    assert not inbox.batches
    assert lanes.deadline == 15
    lanes.flush(15)
    assert len(inbox.batches) == 1
