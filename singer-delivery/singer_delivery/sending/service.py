"""How a service is written to, and how its answers are read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Deletion(NamedTuple):
    """An endpoint at which each message deletes something, by a DELETE request of its own.

    The body of such a message is a JSON object whose `delete` is a path behind the endpoint's URL,
    and is not sent. What is not there (404) counts as deleted.

    Attributes:
        headers: Headers of each request, in place of those of the service.
        keys: The names of the secret settings that an error names.
        addresses: The names of the settings that say where the endpoint is.
    """

    headers: Mapping[str, str]
    keys: Sequence[str] = ()
    addresses: Sequence[str] = ()


class Endpoint(NamedTuple):
    """One of the addresses of a service.

    Attributes:
        url: Where batches are posted.
        max_bytes: The largest body that it takes, before compression; `batch_max_bytes` may be
            less.
        name: The kind of message that is posted there, where messages have no `type`.
        deletes: How, if it deletes.
    """

    url: str
    max_bytes: int = sys.maxsize
    name: str = ""
    deletes: Deletion | None = None


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
