from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from scripted import Reply, Request, ScriptedService
from singer_delivery.http import NO_ANSWER
from singer_delivery.sending.connection import (
    EXCERPT_CHARACTERS,
    FIRST_CONNECT_SECONDS,
    MAX_ANSWER_BYTES,
    HttpConnection,
)
from singer_delivery.sending.service import Endpoint, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Lines(Service):
    """A service that takes JSON lines and says `ok`."""

    def __init__(self, url: str) -> None:
        super().__init__(
            Endpoint(f"{url}/other"),
            f"{url}/in?token=s3cret",
            headers={"Authorization": "Bearer s3cret"},
            secrets=["czNjcmV0"],
        )

    @override
    def body(self, messages: Sequence[bytes]) -> bytes:
        return b"\n".join(messages)

    @override
    def accepts(self, content: bytes) -> bool:
        return content.startswith(b"ok")

    @override
    def blames_sender(self, content: bytes) -> bool:
        return content == b"bad token"


def connect(url: str, *, timeout: float = 5, compress: bool = False) -> HttpConnection:
    return HttpConnection(
        Lines(url), timeout=timeout, compress=compress, user_agent="test/1", secrets=["s3cret"]
    )


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(body=b"ok")) as running:
        yield running


@pytest.mark.parametrize("compress", [True, False])
def test_a_batch_arrives_as_the_service_wants_it(service: ScriptedService, compress: bool) -> None:
    connection = connect(service.url, compress=compress)
    answer = connection.post(1, [b"one", b"two"])
    [request] = service.requests
    assert (answer.status, answer.accepted) == (200, True)
    assert request.body == b"one\ntwo"
    assert request.path == "/in?token=s3cret"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert request.headers["User-Agent"] == "test/1"
    assert ("Content-Encoding" in request.headers) is compress
    assert connection.bytes_sent == int(request.headers["Content-Length"])
    connection.close()


def test_a_success_with_another_body_is_no_acknowledgement(service: ScriptedService) -> None:
    service.script.append(Reply(body=b"<html>"))
    answer = connect(service.url).post(1, [b"one"])
    assert (answer.status, answer.accepted) == (200, False)


@pytest.mark.parametrize("status", [300, 302, 304, 307, 308])
def test_a_redirect_is_neither_followed_nor_a_success(
    service: ScriptedService, status: int
) -> None:
    service.script.append(Reply(status, b"" if status == 304 else b"ok", {"Location": service.url}))
    answer = connect(service.url).post(1, [b"one"])
    assert (answer.status, answer.accepted) == (status, False)
    assert len(service.requests) == 1


def test_an_answer_is_cut_and_its_secrets_removed(service: ScriptedService) -> None:
    """Also those that the cut would divide."""
    divided = b"x" * (EXCERPT_CHARACTERS - 28) + b"s3cret"
    service.script.append(Reply(400, b"no s3cret, no czNjcmV0 here " + divided))
    answer = connect(service.url).post(1, [b"one"])
    assert answer.excerpt == "no ***, no *** here " + "x" * (EXCERPT_CHARACTERS - 28) + "***"
    assert answer.detail == "HTTP 400 Bad Request"


def test_a_reason_phrase_is_not_repeated_but_the_standards_own_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer_raw, args=(server, b"HTTP/1.1 400 no s3cret Jane"))
        thread.start()
        answer = connect(f"http://127.0.0.1:{server.getsockname()[1]}").post(1, [b"one"])
        thread.join()
    assert answer.detail == "HTTP 400 Bad Request"


def answer_raw(server: socket.socket, status_line: bytes) -> None:
    client, _ = server.accept()
    with client:
        client.recv(1 << 16)
        client.sendall(status_line + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("status", [200, 400, 500])
def test_no_more_of_an_answer_is_read_than_it_may_have(
    service: ScriptedService, status: int
) -> None:
    service.script.append(Reply(status, b"ok" + b"x" * 20 * MAX_ANSWER_BYTES))
    connection = connect(service.url)
    answer = connection.post(1, [b"one"])
    assert (answer.status, answer.accepted) == (status, status == 200)
    assert connection.post(1, [b"two"]).accepted


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    ("at_once", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\no\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"o"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"o"),
        (HEAD + b"X-Long: ", b"x"),
        (HEAD, b"X-Another: x\r\n"),
        (b"HTTP/1.1 200 ", b"O"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["chunks", "body", "body without end", "header", "headers", "status line", "continue"],
)
def test_an_answer_that_drips_is_none(at_once: bytes, piece: bytes) -> None:
    """Each piece of it comes in time, and all of them together never do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()
        thread = threading.Thread(target=drip, args=(server, at_once, piece, over))
        thread.start()
        port = server.getsockname()[1]
        answer = connect(f"http://127.0.0.1:{port}", timeout=0.1).post(1, [b"one"])
        over.set()
        thread.join()
    assert (answer.status, answer.detail) == (NO_ANSWER, "no answer within 0.1 s")


def drip(server: socket.socket, at_once: bytes, piece: bytes, over: threading.Event) -> None:
    client, _ = server.accept()
    with client, suppress(OSError):
        client.recv(1 << 16)
        client.sendall(at_once)
        while not over.wait(0.01):
            client.sendall(piece)


def test_a_refusal_that_is_about_the_sender_says_so(service: ScriptedService) -> None:
    service.script.append(Reply(400, b"bad token"))
    service.script.append(Reply(400, b"bad record"))
    connection = connect(service.url)
    assert connection.post(1, [b"one"]).about_sender
    assert not connection.post(1, [b"one"]).about_sender


def test_retries_are_counted_in_a_header_and_the_first_attempt_is_none(
    service: ScriptedService,
) -> None:
    connection = connect(service.url)
    for retries in (0, 1, 2, 0):
        connection.post(1, [b"one"], retries)
    counted = [request.headers.get("X-Retry-Count") for request in service.requests]
    assert counted == [None, "1", "2", None]


def test_a_first_connection_is_not_awaited_for_long(service: ScriptedService) -> None:
    connection = connect(service.url, timeout=30)
    assert connection._connect_seconds == FIRST_CONNECT_SECONDS
    connection.post(1, [b"one"])
    assert connection._connect_seconds == 30


def test_a_proxy_is_asked_also_where_an_address_names_no_scheme(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one refuses to lead anywhere."""
    monkeypatch.setenv("https_proxy", service.url)
    monkeypatch.setenv("no_proxy", "")
    answer = connect("there.invalid").post(1, [b"one"])
    assert (answer.status, "the proxy does not lead there" in answer.detail) == (NO_ANSWER, True)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(closed=True),
        Reply(body=b"ok, half", headers={"Content-Length": "100", "Connection": "close"}),
    ],
)
def test_an_answer_that_is_not_whole_is_none(service: ScriptedService, reply: Reply) -> None:
    service.script.append(reply)
    service.answer = lambda _: reply  # whichever attempt of the HTTP library it is
    answer = connect(service.url).post(1, [b"one"])
    assert answer.status == NO_ANSWER
    assert "closed" in answer.detail
    assert not answer.accepted


def test_no_answer_in_time_is_none(service: ScriptedService) -> None:
    hold = threading.Event()
    service.script.append(Reply(body=b"ok", hold=hold))
    answer = connect(service.url, timeout=0.05).post(1, [b"one"])
    hold.set()
    assert (answer.status, answer.detail) == (NO_ANSWER, "no answer within 0.05 s")


@pytest.mark.parametrize("proxied", [True, False], ids=["a proxy", "the TLS handshake"])
def test_a_connection_that_does_not_come_about_is_told_with_its_own_timeout(
    proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_delivery.sending.connection.FIRST_CONNECT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        if proxied:
            monkeypatch.setenv("https_proxy", f"http://{address}")
            monkeypatch.setenv("no_proxy", "")
        answer = connect("there.invalid" if proxied else f"https://{address}").post(1, [b"one"])
    assert (answer.status, answer.detail) == (NO_ANSWER, "no connection within 0.05 s")


def test_a_service_that_is_not_there_is_said_in_words_without_its_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    answer = connect(f"http://127.0.0.1:{port}").post(1, [b"one"])
    assert (answer.status, answer.detail) == (NO_ANSWER, "connection refused")


def test_a_netrc_file_does_not_replace_the_authorization(
    service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    connect(service.url).post(1, [b"one"])
    assert service.requests[0].headers["Authorization"] == "Bearer s3cret"


def test_after_failures_in_a_row_the_next_request_takes_a_new_connection() -> None:
    ports: list[str] = []

    def answer(request: Request) -> Reply:
        ports.append(request.client)
        return Reply(503, b"")

    with ScriptedService(answer) as service:
        connection = connect(service.url)
        for _ in range(4):
            connection.post(1, [b"one"])
    assert len(set(ports[:3])) == 1
    assert ports[3] != ports[0]
