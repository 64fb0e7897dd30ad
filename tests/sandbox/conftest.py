from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

import commands
from moesif_sandbox.app import create_app
from moesif_sandbox.command import HOST, configured, main, server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = {"Authorization": "Bearer sandbox-management-key"}
ID = {"X-Moesif-Application-Id": "sandbox-application-id"}
WINDOW = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}


@dataclass(frozen=True)
class Sandbox(commands.Sandbox):
    """A running sandbox, spoken to as its users' programs do: with both keys, on one session."""

    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=10, **options)

    def own(self, path: str, body: object = None) -> Any:
        answer = self.session.post(f"{self.url}/sandbox/{path}", json=body or {}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def search(self, kind: str, body: object = None, **options: Any) -> requests.Response:
        options = {"headers": KEY, "params": WINDOW if kind == "events" else {}, **options}
        url = f"{self.url}/moesif/api/v1/search/~/search/{kind}"
        return self.session.post(url, json=body or {}, timeout=10, **options)

    def hits(self, kind: str, body: object = None, **options: Any) -> list[Any]:
        found: list[Any] = self.search(kind, body, **options).json()["hits"]["hits"]
        return found

    def listed(self, path: str) -> requests.Response:
        return self.get(f"/moesif/api/v1/{path}", headers=KEY)

    def found(self, kind: str, document_id: str) -> Any:
        """Return a profile as the management API gives it, or None."""
        answer = self.listed(f"search/~/{kind}/{document_id}")
        return answer.json()["_source"] if answer.status_code == 200 else None

    def write(self, path: str, body: object, **options: Any) -> requests.Response:
        options = {"headers": ID, **options}
        url = f"{self.url}/moesif/collector/v1/{path}"
        return self.session.post(url, json=body, timeout=10, **options)

    def send(self, path: str, body: bytes, **headers: str) -> requests.Response:
        """Post bytes as they are."""
        return self.session.post(self.url + path, data=body, headers=headers, timeout=30)

    def batch(
        self, *messages: object, path: str = "/segment/v1/batch", **options: Any
    ) -> requests.Response:
        options = {"auth": ("sandbox-write-key", ""), **options}
        body = {"batch": list(messages)}
        return self.session.post(self.url + path, json=body, timeout=10, **options)


@contextlib.contextmanager
def running(*options: str) -> Iterator[Sandbox]:
    """Serve a sandbox with these options from a thread of this process."""
    app = create_app(*configured(main.make_context("moesif-sandbox", [*options])))
    with socket.create_server((HOST, 0)) as listener, requests.Session() as session:
        server = server_of(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Sandbox(f"http://{HOST}:{listener.getsockname()[1]}", session)
        finally:
            server.should_exit = True
            session.close()
            thread.join()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running("--users", "120", "--companies", "12", "--now", "2026-03-10T15:30:00Z") as found:
        yield found


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    shared_sandbox.reset()
    with requests.Session() as session:  # a fault may have cost the last one its connection
        yield Sandbox(shared_sandbox.url, session)


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(running(*options))
