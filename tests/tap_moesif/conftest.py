from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import commands
from account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
