from __future__ import annotations

import signal
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import commands
from account import Account
from scripted import Reply, Request, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Documents = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Sandbox(commands.Sandbox):
    """A running sandbox, and what tests of the tap ask of it."""

    @property
    def config(self) -> dict[str, Any]:
        """The smallest settings that lead here."""
        return {
            "management_api_key": "sandbox-management-key",
            "api_url": f"{self.url}/moesif/api/v1",
        }

    def hold(self, **documents: Documents) -> None:
        """Replace everything that is there."""
        empty: dict[str, Documents] = {"users": (), "companies": (), "events": ()}
        self.put(**{**empty, **documents}, replace=True)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One for all tests; each puts the documents it reads."""
    with commands.sandbox("--users", "1", "--companies", "1") as found:
        yield Sandbox(found.url)


def hits(documents: Documents, first: int = 0, total: int | None = None) -> dict[str, Any]:
    """Write documents as a search's answer, with their numbers from 1 as sort values."""
    numbered = enumerate(documents, first + 1)
    return {
        "hits": {
            "total": first + len(documents) if total is None else total,
            "hits": [
                {
                    "_id": document.get("_id", f"id_{number}"),
                    "_source": {name: value for name, value in document.items() if name != "_id"},
                    "sort": [number],
                }
                for number, document in numbered
            ],
        }
    }


def page_of(documents: Documents, request: Request) -> Reply:
    """Answer one search as Moesif does."""
    if request.method == "GET":
        return Reply(200, [])
    if "/events" in request.path:
        return Reply(201, {**hits(()), "aggregations": {"usage": {"buckets": []}}})
    body = request.json
    first = body.get("search_after", [0])[0]
    chosen = documents if "/users" in request.path else ()
    if b'"desc"' in request.body:  # the last one of all
        first = max(len(chosen) - 1, 0)
    return Reply(200, hits(chosen[first : first + body["size"]], first, len(chosen)))


@pytest.fixture
def moesif_with() -> Iterator[Callable[[Documents], ScriptedService]]:
    """A scripted Moesif that has some users, no companies and no events."""
    with ExitStack() as stack:
        yield lambda users: stack.enter_context(
            ScriptedService(lambda request: page_of(users, request))
        )


@pytest.fixture(autouse=True)
def _signals_stay_with_pytest() -> Iterator[None]:
    """A tap takes them when it is made."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def account() -> Iterator[Account]:
    with Account() as account:
        yield account
