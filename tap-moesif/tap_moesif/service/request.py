"""Requests to Moesif's Management API, and the scopes they need; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RequiredScope:
    """The scope that a request needs, for the error message.

    Attributes:
        stream: Name of the stream.
        scope: Name of the scope.
        remedy: What the user can do instead of granting the scope.
    """

    stream: str
    scope: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request: a POST if it has a body, otherwise a GET.

    Attributes:
        path: Path below the API's base URL, with the placeholder `{id}`, so it can be logged.
        required: The scope that the key needs.
        params: Query string parameters.
        body: JSON body.
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
        """The path with its id."""
        return self.path.replace("{id}", quote(self.id, safe=""))

    @property
    def content(self) -> bytes | None:
        """The encoded body."""
        return None if self.body is None else msgspec.json.encode(self.body)
