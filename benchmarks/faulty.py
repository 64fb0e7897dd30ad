"""A server that imitates Segment with faults, and stores accepted messages."""

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
ANSWER_SECONDS = 0.1  # as over the internet; it affects what the client sends at its end


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, and whether the batch is accepted."""

    status: int = 200
    content: bytes = b'{"success":true}'
    headers: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False
    closes: bool = False  # whether to close the connection without a response


SUCCESS = Reply(keeps=True)
REFUSED = Reply(400, b'{"code":"invalid_request","message":"malformed JSON"}')


def nothing() -> Answer:
    """Accept every batch."""
    return lambda _body: SUCCESS


def poison() -> Answer:
    """Refuse each batch with the invalid message."""
    return lambda body: REFUSED if b'"poison"' in body else SUCCESS


def bad_key() -> Answer:
    """Refuse every batch because of the write key, with Segment's recorded response."""
    words = (
        b'{"success":false,"code":"invalid_request","message":"An invalid write key was provided"}'
    )
    return lambda _body: Reply(400, words)


def always_later() -> Answer:
    """Respond to every request with a `Retry-After` of a second."""
    return lambda _body: Reply(503, b"", {"Retry-After": "1"})


def at_first(reply: Reply, times: int) -> Answer:
    """Respond differently to the first requests."""
    replies = [reply] * times
    return lambda _body: replies.pop() if replies else SUCCESS


def for_a_while(reply: Callable[[float], Reply], seconds: float) -> Answer:
    """Respond differently for some seconds; the response may depend on the seconds left."""
    ends: list[float] = []

    def answer(_body: bytes) -> Reply:
        now = time.monotonic()
        ends[:] = ends or [now + seconds]
        return reply(ends[0] - now) if now < ends[0] else SUCCESS

    return answer


def rate_limit(left: float) -> Reply:
    """Respond with `X-RateLimit-Reset` only."""
    return Reply(429, b"", {"X-RateLimit-Reset": str(math.ceil(left))})


class Service(ThreadingHTTPServer):
    """Imitates Segment: applies a fault, refuses invalid JSON, counts accepted messages."""

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
        """Ignore closed connections, which some faults cause."""


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
        """Do not log requests."""


@contextmanager
def serving(answer: Answer) -> Iterator[Service]:
    """Run the service in a thread."""
    with Service(answer) as service:
        threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True).start()
        yield service
        service.shutdown()
