from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from singer_delivery.http import NO_ANSWER
from singer_delivery.sending.batching import Batch, Limits, Message
from singer_delivery.sending.lane import Acknowledged, Failed, Finished, Lane, Refused, Report
from singer_delivery.sending.lanes import Lanes
from singer_delivery.sending.rate_limit import RateLimiter
from singer_delivery.sending.retry import UNREACHED_SECONDS, Answer, ServiceErrors

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
        self.retries: list[int] = []
        self._script = deque(script)
        self._rule = rule

    def post(self, _endpoint: int, messages: Sequence[bytes], retries: int = 0) -> Answer:
        self.posted.append([*messages])
        self.retries.append(retries)
        return self._script.popleft() if self._script else self._rule([*messages])

    def close(self) -> None:
        pass


def messages(*bodies: str) -> list[Message]:
    return [Message("u", body.encode()) for body in bodies]


def deliver(
    service: Service, *batches: list[Message], max_seconds: float = 0.0, **options: Any
) -> list[Report]:
    """Run one lane over some batches and give what it told."""
    outcomes: queue.SimpleQueue[Report] = queue.SimpleQueue()
    lane = Lane(
        "lane",
        service,
        rate_limiter=options.pop("rate_limiter", None) or RateLimiter(None, time.monotonic),
        max_seconds=max_seconds,
        errors=ServiceErrors("there.example", ["key"], ["host"]),
        report=outcomes.put,
        **{
            "reached": threading.Event(),
            "stop": threading.Event(),
            "uniform": lambda: 0.0,
            **options,
        },
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


def bodies(outcomes: list[Report], kind: type[Acknowledged | Refused]) -> list[str]:
    told = []
    for outcome in outcomes:
        if isinstance(outcome, Acknowledged) and kind is Acknowledged:
            told += [message.body.decode() for message in outcome.messages]
        elif isinstance(outcome, Refused) and kind is Refused:
            told.append(outcome.message.body.decode())
    return told


def refuses(*bad: str) -> Callable[[list[bytes]], Answer]:
    return lambda posted: Answer(400) if {b.decode() for b in posted} & {*bad} else OK


@pytest.mark.promise(5)
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
    assert "No delivery to there.example" in failure_of(outcomes)
    assert not bodies(outcomes, Refused)


@pytest.mark.promise(7)
@pytest.mark.parametrize("answer", [Answer(403), Answer(400, about_sender=True)])
def test_a_refusal_that_is_about_the_sender_stops_at_once_and_rejects_nothing(
    answer: Answer,
) -> None:
    service = Service(rule=lambda _: answer)
    outcomes = deliver(service, messages("a", "b"), max_seconds=60)
    assert len(service.posted) == 1
    assert not bodies(outcomes, Refused)
    assert "key" in failure_of(outcomes)


def failure_of(outcomes: list[Report]) -> str:
    [failed] = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    return str(failed.error)


def test_each_request_says_how_often_it_was_tried_before() -> None:
    again = Answer(503)
    service = Service(again, again, Answer(400), again)
    deliver(service, messages("a", "b"), max_seconds=60)
    assert service.retries == [0, 1, 2, 0, 1, 0]


class Time:
    """A clock on which only waits take time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


def deliver_in_no_time(
    service: Service, max_seconds: float, reached: bool = False
) -> tuple[float, str]:
    """Deliver one message with a clock of its own; give when and why the run ended."""
    time, before = Time(), threading.Event()
    if reached:
        before.set()
    outcomes = deliver(
        service,
        messages("a"),
        max_seconds=max_seconds,
        rate_limiter=RateLimiter(None, time),
        clock=time,
        stop=time,
        reached=before,
        uniform=lambda: 0.9,
    )
    return time.now, failure_of(outcomes)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, headers={"Retry-After": "1"}),
        Answer(429, headers={"X-RateLimit-Reset": "1"}),
        Answer(410, headers={"Retry-After": "30"}),
        Answer(200, headers={"Retry-After": "7"}),
    ],
)
@pytest.mark.parametrize("max_seconds", [60, 5_000])
def test_a_service_that_asks_for_one_wait_after_the_other_is_not_awaited_for_ever(
    answer: Answer, max_seconds: float
) -> None:
    service = Service(rule=lambda _: answer)
    seconds, said = deliver_in_no_time(service, max_seconds)
    limit = max(max_seconds, 3_600)
    assert limit - 30 <= seconds <= limit
    assert f"there.example has requested one wait after another, {limit} s" in said
    assert f"in {len(service.posted)} attempts" in said


def test_a_limit_that_is_told_beside_another_failure_is_no_ask() -> None:
    rule = lambda _: Answer(500, headers={"X-RateLimit-Reset": "1"})  # noqa: E731
    seconds, said = deliver_in_no_time(Service(rule=rule), 60)
    assert seconds == pytest.approx(60)
    assert "No delivery to there.example for 60 s (retry_max_seconds)" in said


def test_halves_of_one_batch_wait_no_longer_together_than_the_batch() -> None:
    """Each half is refused at last, after waits that are allowed by themselves."""
    answers = [*[Answer(503, headers={"Retry-After": "50"})] * 40, Answer(400)] * 5
    time = Time()
    outcomes = deliver(
        Service(*answers),
        messages("a", "b", "c", "d"),
        max_seconds=60,
        rate_limiter=RateLimiter(None, time),
        clock=time,
        stop=time,
    )
    assert "one wait after another" in failure_of(outcomes)
    assert 3_500 < time.now <= 3_600


@pytest.mark.parametrize("answer", [Answer(NO_ANSWER, detail="refused"), Answer(200, detail="OK")])
def test_what_cannot_be_reached_from_the_start_is_said_within_a_minute(answer: Answer) -> None:
    service = Service(rule=lambda _: answer)
    seconds, said = deliver_in_no_time(service, 600)
    assert seconds == pytest.approx(UNREACHED_SECONDS)
    for words in (
        "there.example",
        "40 s",
        f"{len(service.posted)} attempts",
        "host",
        answer.detail,
    ):
        assert words in said


@pytest.mark.parametrize(
    ("answers", "reached"),
    [
        ([Answer(503)], False),
        ([Answer(NO_ANSWER)], True),
        ([Answer(503), Answer(NO_ANSWER)], False),
    ],
)
def test_what_answered_before_is_tried_for_all_the_time_it_has(
    answers: list[Answer], reached: bool
) -> None:
    """Also where it goes away after an answer, as a service that is restarted does."""
    *first, then = answers
    seconds, said = deliver_in_no_time(Service(*first, rule=lambda _: then), 600, reached)
    assert seconds == pytest.approx(600)
    assert "(retry_max_seconds)" in said


def test_a_shorter_limit_holds_from_the_start_too() -> None:
    seconds, said = deliver_in_no_time(Service(rule=lambda _: Answer(NO_ANSWER)), 5)
    assert seconds == pytest.approx(5)
    assert "5 s (retry_max_seconds)" in said


def test_a_defect_in_a_lane_ends_the_run_without_telling_what_was_sent() -> None:
    def broken(_: list[bytes]) -> Answer:
        raise KeyError("jane@example.com")

    said = failure_of(deliver(Service(rule=broken), messages("a")))
    assert "KeyError" in said
    assert "jane" not in said


def test_nothing_is_sent_once_the_run_stops() -> None:
    service, stop = Service(), threading.Event()
    stop.set()
    [only] = deliver(service, messages("a"), stop=stop)
    assert isinstance(only, Finished)
    assert service.posted == []


def test_the_pace_is_one_for_all_lanes() -> None:
    now = [0.0]
    rate_limiter = RateLimiter(10, lambda: now[0])
    assert rate_limiter.delay() == 0
    assert rate_limiter.delay() == pytest.approx(0.1)
    now[0] = 0.1
    assert rate_limiter.delay() == 0


def test_a_pause_that_one_lane_is_asked_for_holds_for_all() -> None:
    now = [0.0]
    rate_limiter = RateLimiter(None, lambda: now[0])
    rate_limiter.pause(5)
    assert rate_limiter.delay() == 5
    rate_limiter.pause(2)
    assert rate_limiter.delay() == 5
    now[0] = 5.0
    assert rate_limiter.delay() == 0


class StopAtTheFirstWait(threading.Event):
    @override
    def wait(self, timeout: float | None = None) -> bool:
        return timeout is not None


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (Answer(429, headers={"Retry-After": "5"}), 5),
        (Answer(503, headers={"Retry-After": "5"}), 5),
        (Answer(503), 0),
    ],
    ids=["429", "503 with Retry-After", "503"],
)
def test_a_wait_that_the_service_requests_is_one_of_all_lanes(
    failure: Answer, seconds: float
) -> None:
    rate_limiter = RateLimiter(None, lambda: 0.0)
    deliver(
        Service(failure),
        messages("a"),
        max_seconds=60,
        rate_limiter=rate_limiter,
        stop=StopAtTheFirstWait(),
    )
    assert rate_limiter.delay() == seconds


def test_no_lane_sends_behind_the_end_of_a_lease_until_it_is_renewed() -> None:
    now = [0.0]
    rate_limiter = RateLimiter(None, lambda: now[0])
    rate_limiter.allowed_until = 5.0
    assert rate_limiter.delay() == 0
    now[0] = 5.0
    assert rate_limiter.delay() > 0
    rate_limiter.allowed_until = 10.0
    assert rate_limiter.delay() == 0


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


@pytest.mark.promise(10)
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
