"""Worker threads that send requests."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Workers:
    """A pool of daemon threads that run tasks in the order of submission.

    Unlike the threads of `concurrent.futures`, they do not delay the exit of the process, so a
    signal does not have to wait for a response.

    Args:
        count: Maximum number of threads.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: list[threading.Thread] = []
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._closed = False

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Schedule a task; return a future of its result."""
        future: Future[T] = Future()
        self._tasks.put((task, future))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name="moesif", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Cancel the tasks that have not started."""
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
            del item, task, future  # free the response before waiting for the next task
            self._idle.release()
