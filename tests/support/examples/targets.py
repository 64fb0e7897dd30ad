"""Both targets: what each must be told, and how what it sends reads."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest

from scripted import Reply, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, eq=False)
class Target:
    """A target.

    Attributes:
        name: Its command's.
        key: The setting that holds its key.
        address: The setting that holds its service's address.
        batch: Gives what is in a request's body.
        user: Where a message holds the user's id.
        id: Where it holds its own.
        content: Where it holds properties.
        success: What its service answers.
    """

    name: str
    key: str
    address: str
    batch: Callable[[Any], list[dict[str, Any]]]
    user: str
    id: str
    content: str
    success: Reply

    def config(self, url: str, **settings: Any) -> dict[str, Any]:
        """Write a configuration with a key and the service's address."""
        return {self.key: "k", self.address: url, **settings}

    def service(self) -> ScriptedService:
        """Make a service that takes all."""
        return ScriptedService(lambda _: self.success)

    def sent(self, service: ScriptedService) -> list[dict[str, Any]]:
        """Give what a service has been sent."""
        return [each for request in service.requests for each in self.batch(request.json)]


SEGMENT = Target(
    name="target-segment",
    key="write_key",
    address="host",
    batch=itemgetter("batch"),
    user="userId",
    id="messageId",
    content="properties",
    success=Reply(body={"success": True}),
)
MOESIF = Target(
    name="target-moesif",
    key="application_id",
    address="api_url",
    batch=list,
    user="user_id",
    id="transaction_id",
    content="metadata",
    success=Reply(201),
)
BOTH = (SEGMENT, MOESIF)
BOTH_TARGETS = pytest.mark.parametrize("target", BOTH, ids=lambda target: target.name)
