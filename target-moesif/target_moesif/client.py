"""Moesif's collector on the wire: https://www.moesif.com/docs/api#collector-api.

`POST /users/batch`, `/companies/batch`, `/subscriptions/batch`, `/actions/batch` with a bare JSON
array of one kind of document, and the collector application id as a header. Any 2xx is a success,
of the whole batch; a refused batch is refused whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_delivery.http import Endpoint
from target_moesif.rules import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence


class MoesifCollector:
    """How Moesif is written to: a `singer_delivery.Service`.

    Args:
        application_id: The collector application id.
        address: Where the collector is, with or without a `/` at its end.
    """

    def __init__(self, application_id: str, address: str) -> None:
        address = address.strip().rstrip("/")
        self.endpoints = [
            Endpoint(f"{address}/{kind.path}/batch", kind.max_batch_bytes, kind.name)
            for kind in KINDS
        ]
        self.headers = {"X-Moesif-Application-Id": application_id}
        self.secrets = (application_id,)

    def body(self, messages: Sequence[bytes]) -> bytes:
        """Put the documents into an array."""
        return b"[" + b",".join(messages) + b"]"

    def accepts(self, _content: bytes) -> bool:
        """Any 2xx is a success: what its body holds is not documented."""
        return True
