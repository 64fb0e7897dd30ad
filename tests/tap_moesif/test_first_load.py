"""Whatever sizes, refusals, delays and breaks: each user once, with the usage that one counts."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from account import HOUR, MINUTE, Account, settings
from scripted import Reply
from tap_moesif.usage import measure, rollups
from tap_output import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripted import Request

pytestmark = pytest.mark.slow

LONGEST_DELAY_SECONDS = 0.002

TOO_LARGE = [
    Reply(413),
    Reply(429, {"error": {"type": "circuit_breaking_exception"}}),
    Reply(503, {"error": {"caused_by": {"type": "too_many_buckets_exception"}}}),
    Reply(400, {"error": {"reason": "Result window is too large"}}),
]
FAILURES = [Reply(503), Reply(closed=True), Reply(200, b'{"hits":'), Reply(200, {"timed_out": 1})]


@dataclass(frozen=True)
class Service:
    """How a service behaves.

    Attributes:
        most_hits: In a page; more are refused.
        most_buckets: The most buckets in an answer.
        refusal: What more are refused with.
        failing: Which answers are failures, by number.
        failure: What these are.
        late: Which answers come after the next one, or after a while.
        breaks: After how many searches for users each run but the last is broken off.
        lists: Whether it lists those who were active.
    """

    most_hits: int
    most_buckets: int
    refusal: Reply
    failing: frozenset[int]
    failure: Reply
    late: frozenset[int]
    breaks: list[int]
    lists: bool


SERVICES = st.builds(
    Service,
    most_hits=st.integers(2, 40),
    most_buckets=st.integers(2, 40),
    refusal=st.sampled_from(TOO_LARGE),
    failing=st.frozensets(st.integers(2, 60), max_size=3),
    failure=st.sampled_from(FAILURES),
    late=st.frozensets(st.integers(1, 60), max_size=10),
    breaks=st.lists(st.integers(1, 8), max_size=3),
    lists=st.booleans(),
)
NAMES = st.text("abcXYZ09-_ éß漢🦊", min_size=1, max_size=4)
CALLS = st.lists(st.sampled_from([200, 302, 404, 500]), max_size=4)
USERS = st.tuples(st.integers(0, 30), st.integers(1, 4)).flatmap(
    lambda drawn: st.dictionaries(
        NAMES,
        st.integers(1, drawn[1]).flatmap(lambda n: CALLS if n == 1 else st.just([])),
        min_size=drawn[0],
        max_size=drawn[0],
    )
)
"""The statuses of each user's calls; of most users one in some has made any."""

SETTINGS = st.fixed_dictionaries(
    {
        "page_size": st.integers(1, 30),
        "max_page_size": st.integers(1, 40),
        "parallel_requests": st.integers(1, 4),
    }
)


class Behaviour:
    """Makes an account behave in one run as a service does."""

    def __init__(self, account: Account, service: Service, most_searches: int | None) -> None:
        self._account = account
        self._service = service
        self._most = most_searches
        self._searches = self._answers = 0
        self._next = threading.Event()
        account.spoil = self._spoil

    def _spoil(self, request: Request, answer: dict[str, Any]) -> Any:
        service = self._service
        self._answers += 1
        number = self._answers
        self._next.set()
        if number in service.late:
            self._next = threading.Event()
            self._next.wait(LONGEST_DELAY_SECONDS)
        if number in service.failing:
            return service.failure
        self._searches += request.path.endswith("/users")
        if self._most is not None and self._searches > self._most:
            return Reply(404)
        if not service.lists and b'"active"' in request.body:
            return Reply(400)
        buckets = [buckets for found in buckets_in(answer) for buckets in found]
        if len(answer["hits"]["hits"]) > service.most_hits or len(buckets) > service.most_buckets:
            return service.refusal
        return answer


def buckets_in(answer: dict[str, Any]) -> Iterator[list[Any]]:
    for found in answer.get("aggregations", {}).values():
        yield found.get("buckets", [])


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(USERS, SETTINGS, SERVICES)
def test_each_user_comes_once_with_the_usage_that_one_counts(
    calls: dict[str, list[int]], sizes: dict[str, int], service: Service
) -> None:
    with Account() as account, pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "MAX_IDS", 4)
        patch.setattr(rollups, "MAX_ROLL_UPS_HELD", 5)
        patch.setattr(rollups, "IDS_LISTED", 4)
        for number, (user, statuses) in enumerate(calls.items()):
            account.user(user, modified_time=number * MINUTE + HOUR)
            for status in statuses:
                account.call(user, number * MINUTE + HOUR, response={"status": status})
            account.call(user, timedelta(hours=30))  # before the day that is rolled up

        records: list[dict[str, Any]] = []
        state: dict[str, Any] | None = None
        config = settings(account, **{"usage_rollup": True, **sizes})
        for most in [*service.breaks, None]:
            Behaviour(account, service, most)
            run, error = attempt(config, state=state)
            records += run.records()
            state = run.state or state
            assert error is None or most is not None
            if error is None:
                break

    assert sorted(record["id"] for record in records) == sorted(calls)
    for record in records:
        usage, statuses = record["last24HourAggResults"], calls[record["id"]]
        assert usage["count"] == len(statuses)
        assert usage["errorCount"] == sum(status >= 400 for status in statuses)
        assert usage["statusCounts"] == {
            f"{number}xx": sum(status // 100 == number for status in statuses)
            for number in (2, 3, 4, 5)
        }
