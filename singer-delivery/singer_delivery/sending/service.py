"""What a target says of the service it writes to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Endpoint(NamedTuple):
    """One of the addresses of a service.

    Attributes:
        url: Where batches are posted.
        max_bytes: What a body may hold there before compression, if `batch_max_bytes` is more.
        name: What is posted there, if the messages themselves have no `type` that says so.
    """

    url: str
    max_bytes: int = sys.maxsize
    name: str = ""


class Service(Protocol):
    """How a service is written to, and how its answers read."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Where batches are posted, in the order in which one user's must arrive."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What each request carries besides, such as what proves who is sending."""

    @property
    def secrets(self) -> Sequence[str]:
        """What must never appear in a log or a rejects file."""

    def body(self, messages: Sequence[bytes]) -> bytes:
        """Make the body of one attempt to deliver these messages."""

    def accepts(self, content: bytes) -> bool:
        """Tell whether the body of a 2xx answer is what the service says on success."""

    def blames_sender(self, content: bytes) -> bool:
        """Tell whether the body of a refusal is about the key or the account, not a record."""
