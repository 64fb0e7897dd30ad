"""A request to Moesif's Management API, and the scope that it needs; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RequiredScope:
    """What the key must be allowed to do for a request, for the error message.

    Attributes:
        stream: The stream that is read.
        scope: The scope's name.
        remedy: What the user can do instead of granting the scope.
    """

    stream: str
    scope: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request: a POST where it has a body, else a GET.

    Attributes:
        path: Path below the API's address, with `{id}` in place of `id`, so it can be shown.
        required: What the key must be allowed to do.
        params: The query string's parameters.
        body: The JSON body.
        id: Value for `{id}` in the path.
    """

    path: str
    required: RequiredScope
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    id: str = ""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self.body is None else "POST"

    @property
    def target(self) -> str:
        """The path as it is sent."""
        return self.path.replace("{id}", quote(self.id, safe=""))

    @property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        return None if self.body is None else msgspec.json.encode(self.body)
