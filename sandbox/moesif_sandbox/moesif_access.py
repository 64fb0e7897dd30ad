"""Who may ask Moesif's management API for what, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

# Moesif, Management API, 'Scopes': the ones that reading needs.
SCOPES = ("read:users", "read:companies", "read:events", "read:cohorts", "read:subscriptions")
_BEARER = "bearer "


@dataclass(frozen=True)
class Access:
    """The one management key and its scopes."""

    key: str
    scopes: Collection[str] = SCOPES

    def refusal(self, authorization: str | None, scope: str) -> str | None:
        """Return why a request is answered with 401, or None where it may pass."""
        if authorization is None:
            return "the Authorization header is missing"
        if not authorization.lower().startswith(_BEARER):
            return "the Authorization header must be: Bearer <management API key>"
        if authorization[len(_BEARER) :].strip() != self.key:
            return "the management API key is not known"
        return None if scope in self.scopes else f"the key does not have the scope {scope}"


class MinuteLimit:
    """Counts requests by calendar minute (Moesif, Management API, 'Rate limits')."""

    def __init__(self, per_minute: int | None) -> None:
        """Allow so many requests a minute, or any number."""
        self._per_minute = per_minute
        self._minute: datetime | None = None
        self._count = 0

    def allows(self, at: datetime) -> bool:
        """Say whether a request at this time is within the limit, and count it."""
        minute = at.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return self._per_minute is None or self._count <= self._per_minute
