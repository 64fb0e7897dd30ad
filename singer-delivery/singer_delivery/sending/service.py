"""How a service is written to, and how its answers are read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Endpoint(NamedTuple):
    """One of the addresses of a service.

    Attributes:
        url: Where batches are posted.
        max_bytes: The largest body that it takes, before compression; `batch_max_bytes` may be
            less.
        name: The kind of message that is posted there, where messages have no `type`.
    """

    url: str
    max_bytes: int = sys.maxsize
    name: str = ""


class Service:
    """How a service is written to, and how its answers are read.

    A target overrides the methods in which its service differs: by default a body is a JSON array
    of messages, any 2xx is a success, and a refusal is about the records.

    Args:
        endpoints: Where batches are posted, in the order in which the messages of one key must
            arrive. A string stands for an endpoint without a limit of its own.
        headers: Headers of each request, such as the one that holds the key.
        secrets: Texts made of secret settings, such as an encoded key, which no log and no rejects
            file may hold. The settings themselves are masked in any case.
    """

    def __init__(
        self,
        *endpoints: Endpoint | str,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self.endpoints = [Endpoint(each) if isinstance(each, str) else each for each in endpoints]
        self.headers = headers or {}
        self.secrets = secrets

    def body(self, messages: Sequence[bytes]) -> bytes:
        """Return the body of a request; called again for each attempt to send these messages."""
        return b"[" + b",".join(messages) + b"]"

    def accepts(self, content: bytes) -> bool:  # noqa: ARG002, for those that override it
        """Return whether the body of a 2xx answer is one that the service gives on success."""
        return True

    def blames_sender(self, content: bytes) -> bool:  # noqa: ARG002, for those that override it
        """Return whether the body of a refusal is about the key or the account, not a record."""
        return False
