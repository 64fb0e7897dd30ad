from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_moesif.service.workers import Workers


@given(st.integers(1, 4), st.lists(st.integers()))
def test_each_task_is_done_once_and_its_result_is_its_own(count: int, values: list[int]) -> None:
    workers = Workers(count)
    futures = [workers.submit(partial(int.__add__, value, 1)) for value in values]

    assert [future.result(10) for future in futures] == [value + 1 for value in values]
    workers.close()


def test_a_failing_task_does_not_lose_anothers_result() -> None:
    workers = Workers(1)
    failing = workers.submit(lambda: 1 / 0)
    working = workers.submit(lambda: 1)

    assert working.result(10) == 1
    with pytest.raises(ZeroDivisionError):
        failing.result(10)
    workers.close()


@pytest.mark.parametrize("count", [1, 3])
def test_no_more_tasks_are_under_way_than_there_may_be(count: int) -> None:
    workers, under_way, most, lock = Workers(count), 0, 0, threading.Lock()
    full = threading.Barrier(count)

    def task() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        full.wait(10)  # so as many as there may be are under way together
        with lock:
            under_way -= 1

    for future in [workers.submit(task) for _ in range(count * 4)]:
        future.result(10)
    assert most == count
    workers.close()


def test_threads_are_started_as_they_are_needed() -> None:
    before = threading.active_count()
    workers = Workers(8)
    for _ in range(5):
        workers.submit(lambda: None).result(10)

    assert threading.active_count() - before <= 2  # one may not have noted yet that it is idle
    workers.close()


def test_what_waits_when_it_is_closed_is_not_begun() -> None:
    workers, go_on = Workers(1), threading.Event()
    under_way = workers.submit(go_on.wait)
    waiting = workers.submit(lambda: 1)
    workers.close()
    go_on.set()

    assert under_way.result(10) is True
    with pytest.raises(CancelledError):
        waiting.result(10)
    assert waiting.cancelled()


def test_a_task_under_way_does_not_keep_the_process() -> None:
    workers = Workers(1)

    assert workers.submit(lambda: threading.current_thread().daemon).result(10)
    workers.close()
