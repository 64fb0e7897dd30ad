"""Moesif's Management API: several requests at once, under one pace and one clock."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from singer_delivery.http import http_date
from tap_moesif.service.errors import AttemptError, MoesifError, TooLargeError
from tap_moesif.service.refusals import error_of
from tap_moesif.service.retries import MAX_ATTEMPTS, MAX_SECONDS_UNANSWERED, RetryBudget
from tap_moesif.service.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from tap_moesif.service.connection import Answer, Connection
    from tap_moesif.service.pace import Pace
    from tap_moesif.service.request import Request

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("tap-moesif")

TIMEOUT_SECONDS = 120
FAILURES_UNTIL_SMALLER = 2
"""So many failures in a row may be due to the size of what was asked for."""


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """What was read of an answer.

    Attributes:
        value: What was read.
        asked_at: When the request was sent, on Moesif's clock, in seconds since the epoch. Where
            answers have no `Date` this is the machine's own clock.
        size: Bytes of the answer.
        seconds: How long it took.
    """

    value: T
    asked_at: float
    size: int
    seconds: float


@dataclass(slots=True)
class Moesif:
    """Moesif's Management API.

    Args:
        connect: Opens a connection; each thread has one of its own.
        pace: Says when the next request may go.
        host: The API's host.
        parallel: How many requests may be under way at once.
        sleep: Waits for seconds.
        clock: Seconds on a clock that never goes back.
        wall: Seconds since the epoch, on this machine's clock.
        uniform: Returns a number from 0 to 1.

    Attributes:
        last_request_time: When the latest request that was answered was sent, on Moesif's clock;
            0 where none was.
    """

    connect: Callable[[], Connection]
    pace: Pace
    host: str
    parallel: int = 1
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    uniform: Callable[[], float] = random.random
    last_request_time: float = 0.0
    _answered: bool = False
    _first: threading.RLock = field(default_factory=threading.RLock)
    _given_up: MoesifError | None = None
    _local: threading.local = field(default_factory=threading.local)
    _connections: list[Connection] = field(default_factory=list)
    _workers: Workers = field(init=False)

    def __post_init__(self) -> None:
        self._workers = Workers(self.parallel)

    def submit(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a task, such as `fetch`, beside others; it must not wait for another task."""
        return self._workers.submit(partial(task, *args, **kwargs))

    def close(self) -> None:
        """Give up what is under way."""
        self._workers.close()
        for connection in self._connections:
            connection.close()

    def request(self, request: Request, read: Callable[[bytearray], T]) -> Answered[T]:
        """Send a request as `fetch` does, beside those that are under way."""
        return self.submit(self.fetch, request, read).result()

    def fetch(
        self,
        request: Request,
        read: Callable[[bytearray], T],
        shrink: Callable[[bool], Request | None] = lambda _: None,
        attempts: int | None = None,
    ) -> Answered[T]:
        """Send a request until its answer can be read. Only a task may call this.

        Args:
            request: What to send.
            read: Reads the answer; raises an `AttemptError` where it is not to be believed.
            shrink: Returns a smaller request, or None where there is none. It is told whether
                the size was refused; else it is only suspected.
            attempts: How often it may fail, where that is less than usual.

        Raises:
            MoesifError: There is no such answer to be had.
        """
        if self._answered:
            return self._fetch(request, read, shrink, attempts)
        with self._first:  # one alone, until the address is known to be right
            if self._given_up and not self._answered:
                raise self._given_up
            try:
                return self._fetch(request, read, shrink, attempts)
            except MoesifError as error:
                self._given_up = error
                raise

    def _fetch(
        self,
        request: Request,
        read: Callable[[bytearray], T],
        shrink: Callable[[bool], Request | None],
        attempts: int | None,
    ) -> Answered[T]:
        budget = RetryBudget(self.clock(), self.uniform, attempts or MAX_ATTEMPTS)
        while True:
            try:
                return self._attempt(request, read)
            except AttemptError as error:
                refused = isinstance(error, TooLargeError)
                suspected = not error.wait and budget.failures + 1 >= FAILURES_UNTIL_SMALLER
                smaller = shrink(refused) if refused or suspected else None
                if not (refused and smaller):
                    self._wait(error, budget)
                request = smaller or request

    def _wait(self, error: AttemptError, budget: RetryBudget) -> None:
        """Wait before the next attempt, or give up."""
        if isinstance(error, TooLargeError) and not error.transient:
            raise MoesifError(f"{error} {error.advice}") from error
        wait = budget.wait(error, self.clock(), answered=self._answered)
        logger.warning("%s Trying again in %.1f s", error, wait)
        if error.wait:
            self.pace.pause(wait)  # all requests, this one too
        else:
            self.sleep(wait)

    def now(self, request: Request) -> float:
        """Return the time on Moesif's clock; where nothing was answered yet, send a request."""
        return self.last_request_time or self.request(request, lambda _: None).asked_at

    def _attempt(self, request: Request, read: Callable[[bytearray], T]) -> Answered[T]:
        timeout = TIMEOUT_SECONDS if self._answered else MAX_SECONDS_UNANSWERED
        with self.pace:
            started, sent = self.clock(), self.wall()
            answer = self._connection.send(request, timeout)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            self._answered = True
            raise error_of(
                answer.status, answer.headers, answer.content, request, self.host, self.wall()
            )
        try:
            value = read(answer.content)
        except MoesifError as error:
            # Of another shape than asked for, it is still Moesif's.
            self._answered |= not isinstance(error, AttemptError)
            raise
        self._answered = True
        asked_at = _asked_at(answer, sent)
        self.last_request_time = max(self.last_request_time, asked_at)
        return Answered(value, asked_at, len(answer.content), self.clock() - started)

    @property
    def _connection(self) -> Connection:
        """The thread's own connection."""
        try:
            connection: Connection = self._local.connection
        except AttributeError:
            connection = self._local.connection = self.connect()
            self._connections.append(connection)
        return connection


def _asked_at(answer: Answer, sent: float) -> float:
    # `Date` is cut to seconds and may be of the end of the search: never later than this.
    date = http_date(answer.headers.get("Date"))
    return sent if date is None else date - answer.elapsed
