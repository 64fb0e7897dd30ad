from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from scripted import Reply, Request, ScriptedService
from singer_delivery.sending.http import EXCERPT_CHARACTERS, Connection, Endpoint
from singer_delivery.sending.retry import NO_ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Lines:
    """A service that takes JSON lines and says `ok`."""

    def __init__(self, url: str) -> None:
        self.endpoints = (Endpoint(f"{url}/other"), Endpoint(f"{url}/in?token=s3cret"))
        self.headers = {"Authorization": "Bearer s3cret"}
        self.secrets = ["s3cret"]

    def body(self, messages: Sequence[bytes]) -> bytes:
        return b"\n".join(messages)

    def accepts(self, content: bytes) -> bool:
        return content == b"ok"


def connect(url: str, *, timeout: float = 5, compress: bool = False) -> Connection:
    return Connection(Lines(url), timeout=timeout, compress=compress, user_agent="test/1")


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


def test_a_redirect_is_not_followed(service: ScriptedService) -> None:
    service.script.append(Reply(302, b"", {"Location": service.url}))
    assert connect(service.url).post(1, [b"one"]).status == 302
    assert len(service.requests) == 1


def test_an_answer_is_cut_and_its_secrets_removed(service: ScriptedService) -> None:
    service.script.append(Reply(400, b"no s3cret here " + b"x" * 1000))
    answer = connect(service.url).post(1, [b"one"])
    assert answer.excerpt.startswith("no *** here xxx")
    assert len(answer.excerpt) == EXCERPT_CHARACTERS
    assert answer.detail == "HTTP 400 Bad Request"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(closed=True),
        Reply(body=b"half", headers={"Content-Length": "100", "Connection": "close"}),
    ],
)
def test_an_answer_that_is_not_whole_is_none(service: ScriptedService, reply: Reply) -> None:
    service.script.append(reply)
    service.answer = lambda _: reply  # whichever attempt of the HTTP library it is
    answer = connect(service.url).post(1, [b"one"])
    assert answer.status == NO_ANSWER
    assert "closed" in answer.detail


def test_no_answer_in_time_is_none(service: ScriptedService) -> None:
    hold = threading.Event()
    service.script.append(Reply(body=b"ok", hold=hold))
    answer = connect(service.url, timeout=0.05).post(1, [b"one"])
    hold.set()
    assert (answer.status, answer.detail) == (NO_ANSWER, "no answer within 0.05 s")


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
