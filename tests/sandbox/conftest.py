from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
        options.setdefault("headers", {"Authorization": "Bearer sandbox-management-key"})
        url = f"{self.url}/moesif/api/v1/search/~/search/{kind}"
        return self.session.post(url, json=body or {}, timeout=10, **options)

    def write(self, path: str, body: object, **options: Any) -> requests.Response:
        options.setdefault("headers", {"X-Moesif-Application-Id": "sandbox-application-id"})
        url = f"{self.url}/moesif/collector/v1/{path}"
        return self.session.post(url, json=body, timeout=10, **options)

    def found(self, kind: str, document_id: str) -> Any:
        """Return a profile as the management API gives it, or None."""
        headers = {"Authorization": "Bearer sandbox-management-key"}
        path = f"/moesif/api/v1/search/~/{kind}/{document_id}"
        answer = self.get(path, headers=headers)
        return answer.json()["_source"] if answer.status_code == 200 else None

    def batch(
        self, *messages: object, path: str = "/segment/v1/batch", **options: Any
    ) -> requests.Response:
        options.setdefault("auth", ("sandbox-write-key", ""))
        body = {"batch": list(messages)}
        return self.session.post(self.url + path, json=body, timeout=10, **options)


@contextlib.contextmanager
def running(*options: str) -> Iterator[Sandbox]:
    with commands.sandbox(*options) as found, requests.Session() as session:
        yield Sandbox(found.url, session)


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
