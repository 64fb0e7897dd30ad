"""A service over loopback HTTP with scripted answers."""

from __future__ import annotations

import gzip
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, cast

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        status: The HTTP status.
        body: The body; encoded as JSON unless it is bytes.
        headers: Headers besides `Date` and `Content-Length`.
        closed: Whether the connection is closed without an answer.
        hold: Delays the answer until it is set.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    hold: threading.Event | None = None

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """One request, with its body decompressed."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: str = ""

    @property
    def json(self) -> Any:  # noqa: ANN401, JSON
        """The body as JSON."""
        return json.loads(self.body)


class ScriptedService:
    """Answers from `script`, then from `answer`; records all requests in `requests`.

    Args:
        answer: Returns the answer to a request after the end of the script.
    """

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self.script: deque[Reply] = deque()
        self.requests: list[Request] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def reply_to(self, request: Request) -> Reply:
        """Record a request, and return the answer to it."""
        self.requests.append(request)
        return self.script.popleft() if self.script else self.answer(request)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    service: ScriptedService

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Do nothing: clients disconnect in many tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer a request of any method."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        service = cast("_Server", self.server).service
        client = f"{self.client_address[0]}:{self.client_address[1]}"
        request = Request(self.command, self.path, dict(self.headers), body, client)
        reply = service.reply_to(request)
        if reply.hold is not None:
            reply.hold.wait(30)
        if reply.closed:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        if "Date" not in reply.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)
        self.wfile.flush()

    do_GET = do_POST  # noqa: N815, required by http.server
    do_DELETE = do_POST  # noqa: N815

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Do nothing: tests read `requests` instead."""
