"""The interface of a service: its endpoints, request bodies and answers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Deletion(NamedTuple):
    """An endpoint that takes one DELETE request per message.

    The body of such a message is not sent: it is a JSON object whose `delete` is appended to the
    endpoint's URL as a path. A 404 counts as success.

    Attributes:
        headers: Headers of each request, instead of the service's.
        keys: The names of its secret settings, for error messages.
        addresses: The names of the settings that contain its address, for error messages.
    """

    headers: Mapping[str, str]
    keys: Sequence[str] = ()
    addresses: Sequence[str] = ()


class Endpoint(NamedTuple):
    """An endpoint of a service.

    Attributes:
        url: The URL that batches are posted to.
        max_bytes: The maximum size of a body before compression; `batch_max_bytes` may be smaller.
        name: The kind of its messages, if messages have no `type`.
        deletes: How it deletes, if it does.
    """

    url: str
    max_bytes: int = sys.maxsize
    name: str = ""
    deletes: Deletion | None = None


class Service:
    """A service: its endpoints, request bodies and answers.

    A target overrides methods where its service differs: by default a body is a JSON array of
    messages, any 2xx is a success, and a refusal is about the records.

    Args:
        endpoints: Its endpoints, in the order in which messages with one key must arrive. A string
            is the URL of an endpoint without a limit of its own.
        headers: Headers of each request, such as the one with the key.
        secrets: Texts derived from secret settings, such as an encoded key, to mask in logs and the
            rejects file. The settings themselves are always masked.
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
        """Return the body of a request; called for each attempt."""
        return b"[" + b",".join(messages) + b"]"

    def accepts(self, content: bytes) -> bool:  # noqa: ARG002, for those that override it
        """Return whether the body of a 2xx answer confirms success."""
        return True

    def blames_sender(self, content: bytes) -> bool:  # noqa: ARG002, for those that override it
        """Return whether the body of a refusal is about the key or the account, not a record."""
        return False
