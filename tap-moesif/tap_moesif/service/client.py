"""The client of Moesif's Management API: concurrent requests under one rate limit."""

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
from tap_moesif.errors import MoesifError
from tap_moesif.service.errors import AttemptError, TooLargeError
from tap_moesif.service.refusals import error_of
from tap_moesif.service.retries import MAX_ATTEMPTS, MAX_SECONDS_UNANSWERED, RetryBudget
from tap_moesif.service.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from tap_moesif.service.connection import Answer, Connection
    from tap_moesif.service.rate_limit import RateLimiter
    from tap_moesif.service.request import Request

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("tap-moesif")

TIMEOUT_SECONDS = 120
FAILURES_UNTIL_SMALLER = 2
"""Consecutive failures after which a smaller request is tried, because size may be the cause."""


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """A response that was read.

    Attributes:
        value: The parsed content.
        requested_at: When the request was sent, in seconds since the epoch, on Moesif's clock; on
            this machine's clock if responses have no `Date`.
        size: Size of the response, in bytes.
        seconds: Duration of the request, in seconds.
    """

    value: T
    requested_at: float
    size: int
    seconds: float


@dataclass(slots=True)
class Moesif:
    """Moesif's Management API.

    Args:
        connect: Opens a connection; called once for each thread.
        pace: The rate limiter.
        host: The API's host, for messages.
        parallel: Maximum number of concurrent requests.
        sleep: Sleeps for some seconds.
        clock: A monotonic clock, in seconds.
        wall: This machine's clock, in seconds since the epoch.
        uniform: Returns a random number from 0 to 1.

    Attributes:
        last_request_time: When the latest successful request was sent, in seconds since the epoch
            on Moesif's clock; 0 if there was none.
    """

    connect: Callable[[], Connection]
    pace: RateLimiter
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
        """Run a task, such as `fetch`, in a worker thread; it must not wait for another task."""
        return self._workers.submit(partial(task, *args, **kwargs))

    def close(self) -> None:
        """Abandon all requests."""
        self._workers.close()
        for connection in self._connections:
            connection.close()

    def request(self, request: Request, read: Callable[[bytearray], T]) -> Fetched[T]:
        """Call `fetch` in a worker thread and wait for its result."""
        return self.submit(self.fetch, request, read).result()

    def fetch(
        self,
        request: Request,
        read: Callable[[bytearray], T],
        shrink: Callable[[bool], Request | None] = lambda _: None,
        attempts: int | None = None,
    ) -> Fetched[T]:
        """Send a request, with retries. Call it only in a worker thread, by `submit`.

        Args:
            request: The request.
            read: Parses the response; raises an `AttemptError` if it is invalid.
            shrink: Returns a smaller request, or None if there is none. Its argument says whether
                the size was refused; otherwise it is only a possible cause.
            attempts: Maximum number of failures, if other than the default.

        Raises:
            MoesifError: The request failed for good.
        """
        if self._answered:
            return self._fetch(request, read, shrink, attempts)
        with self._first:  # one request at a time until Moesif has responded
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
    ) -> Fetched[T]:
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
        """Wait before the next attempt, or raise an error if there is none."""
        if isinstance(error, TooLargeError) and not error.transient:
            raise MoesifError(f"{error} {error.advice}") from error
        wait = budget.wait(error, self.clock(), answered=self._answered)
        logger.warning("%s Retrying in %.1f s", error, wait)
        if error.wait:
            self.pace.pause(wait)  # all requests, including this one
        else:
            self.sleep(wait)

    def now(self, request: Request) -> float:
        """Return the time of the latest request on Moesif's clock; send a request if none was."""
        return self.last_request_time or self.request(request, lambda _: None).requested_at

    def _attempt(self, request: Request, read: Callable[[bytearray], T]) -> Fetched[T]:
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
            # A response in an unexpected form still comes from Moesif.
            self._answered |= not isinstance(error, AttemptError)
            raise
        self._answered = True
        requested_at = _requested_at(answer, sent)
        self.last_request_time = max(self.last_request_time, requested_at)
        return Fetched(value, requested_at, len(answer.content), self.clock() - started)

    @property
    def _connection(self) -> Connection:
        """The thread's own connection."""
        try:
            connection: Connection = self._local.connection
        except AttributeError:
            connection = self._local.connection = self.connect()
            self._connections.append(connection)
        return connection


def _requested_at(answer: Answer, sent: float) -> float:
    # `Date` has whole seconds and may be set after the search, so this is never too late.
    date = http_date(answer.headers.get("Date"))
    return sent if date is None else date - answer.elapsed
