"""Threads that wait for answers, so that the reading thread does not."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Workers:
    """A fixed number of threads that do tasks in the order in which they were submitted.

    Other than those of `concurrent.futures`, they are not waited for when the process ends: a
    signal need not wait for an answer.

    Args:
        count: How many tasks are under way at once.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: list[threading.Thread] = []
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._closed = False

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Have a task done; its result or its exception is the future's."""
        future: Future[T] = Future()
        self._tasks.put((task, future))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name="moesif", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Begin no other task."""
        self._closed = True
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (item := self._tasks.get()) is not None:
            task, future = item
            if self._closed:
                future.cancel()
            else:
                try:
                    future.set_result(task())
                except BaseException as error:  # noqa: BLE001, raised again by the future
                    future.set_exception(error)
            del item, task, future  # or what was answered would stay until the next task
            self._idle.release()
