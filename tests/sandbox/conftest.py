from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = (sys.executable, "-c", "from moesif_sandbox.app import main; main()")
READY = "moesif-sandbox ready on "


@dataclass
class Sandbox:
    """A running sandbox: its process, its address, and a session with both keys' defaults."""

    process: subprocess.Popen[str]
    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: object) -> requests.Response:
        return self.session.get(self.url + path, timeout=10, **options)

    def own(self, path: str, body: object = None) -> object:
        answer = self.session.post(f"{self.url}/sandbox/{path}", json=body or {}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def search(self, kind: str, body: object = None, **options: object) -> requests.Response:
        options.setdefault("headers", {"Authorization": "Bearer sandbox-management-key"})
        url = f"{self.url}/moesif/api/v1/search/~/search/{kind}"
        return self.session.post(url, json=body or {}, timeout=10, **options)

    def batch(self, *messages: object, **options: object) -> requests.Response:
        options.setdefault("auth", ("sandbox-write-key", ""))
        path = options.pop("path", "/segment/v1/batch")
        return self.session.post(
            self.url + str(path), json={"batch": list(messages)}, timeout=10, **options
        )

    def received(self) -> dict[str, list[dict[str, object]]]:
        return self.get("/sandbox/segment").json()


@contextlib.contextmanager
def running(*options: str) -> Iterator[Sandbox]:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(READY), line
            with requests.Session() as session:
                yield Sandbox(process, line.removeprefix(READY).strip(), session)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running("--users", "120", "--companies", "12", "--now", "2026-03-10T15:30:00Z") as found:
        yield found


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    shared_sandbox.own("reset")
    with requests.Session() as session:  # a fault may have cost the last one its connection
        yield Sandbox(shared_sandbox.process, shared_sandbox.url, session)


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(running(*options))
