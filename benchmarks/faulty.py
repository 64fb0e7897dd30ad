"""Stands for Segment where things go wrong: applies a fault and keeps what it accepted."""

from __future__ import annotations

import gzip
import math
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

import msgspec
from typing_extensions import override

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

    Answer = Callable[[bytes], "Reply"]

KILLED_AFTER = 500
ANSWER_SECONDS = 0.1  # as over the internet; what the client sends at its end depends on it


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and whether the service keeps the batch."""

    status: int = 200
    content: bytes = b'{"success":true}'
    headers: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False
    closes: bool = False  # the connection, without an answer


SUCCESS = Reply(keeps=True)
REFUSED = Reply(400, b'{"code":"invalid_request","message":"malformed JSON"}')


def nothing() -> Answer:
    """Accept every batch."""
    return lambda _body: SUCCESS


def poison() -> Answer:
    """Refuse each batch that holds the bad message."""
    return lambda body: REFUSED if b'"poison"' in body else SUCCESS


def bad_key() -> Answer:
    """Refuse every batch for the sake of the write key, as Segment was recorded to do."""
    words = (
        b'{"success":false,"code":"invalid_request","message":"An invalid write key was provided"}'
    )
    return lambda _body: Reply(400, words)


def always_later() -> Answer:
    """Ask for a second's wait whenever somebody comes."""
    return lambda _body: Reply(503, b"", {"Retry-After": "1"})


def at_first(reply: Reply, times: int) -> Answer:
    """Give the first requests another answer."""
    replies = [reply] * times
    return lambda _body: replies.pop() if replies else SUCCESS


def for_a_while(reply: Callable[[float], Reply], seconds: float) -> Answer:
    """Give another answer, made from the seconds that are left, until they are over."""
    ends: list[float] = []

    def answer(_body: bytes) -> Reply:
        now = time.monotonic()
        ends[:] = ends or [now + seconds]
        return reply(ends[0] - now) if now < ends[0] else SUCCESS

    return answer


def rate_limit(left: float) -> Reply:
    """Say how long to wait, in `X-RateLimit-Reset` alone."""
    return Reply(429, b"", {"X-RateLimit-Reset": str(math.ceil(left))})


class Service(ThreadingHTTPServer):
    """Stands for Segment: applies a fault, refuses what is no JSON, counts what it accepted."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.ids: defaultdict[str, set[str]] = defaultdict(set)
        self.victim: subprocess.Popen[str] | None = None
        self.statuses: list[int] = []
        self._answer = answer
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Accept every batch from now on."""
        self._answer = nothing()

    def take(self, body: bytes) -> Reply:
        """Decide on a batch; kill its sender if that is the fault."""
        with self._lock:
            reply = self._answer(body)
            if reply.keeps:
                try:
                    batch = msgspec.json.decode(body)["batch"]
                except msgspec.DecodeError:
                    reply, batch = REFUSED, []
                for message in batch:
                    self.ids[message["userId"]].add(message["messageId"])
            self.statuses.append(0 if reply.closes else reply.status)
            if self.victim and len(self.ids) >= KILLED_AFTER:
                self.victim.kill()
        return reply

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A contestant that is gone is part of some faults."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        reply = cast("Service", self.server).take(body)
        time.sleep(ANSWER_SECONDS)
        if reply.closes:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.content)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """The table says it all."""


@contextmanager
def serving(answer: Answer) -> Iterator[Service]:
    """Run the service in a thread."""
    with Service(answer) as service:
        threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True).start()
        yield service
        service.shutdown()
