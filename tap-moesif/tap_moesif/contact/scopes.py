"""The scopes of a Management API key, read from the key itself; pure."""

from __future__ import annotations

import base64
import json

from tap_moesif.streams import STREAMS

PUBLISHED_SCOPES = frozenset(
    {
        *("read:users", "read:companies", "read:events", "read:cohorts", "read:subscriptions"),
        *("read:metrics", "read:reports", "read:customer_actions", "read:billing_meters"),
        *("read:billing_reports", "read:governance_rules", "read:plans", "delete:users"),
        *("delete:companies", "create:cohorts", "update:cohorts", "delete:cohorts"),
    }
).union(*(stream.scopes for stream in STREAMS))
"""Scopes in Moesif's documentation; a key's other scopes are not reported."""


def scopes_in(key: str) -> list[str]:
    """Return the published scopes in a key that is a JSON Web Token.

    Nothing else in the token is read.
    """
    parts = key.split(".")
    if len(parts) != 3:  # noqa: PLR2004, header, payload, signature
        return []
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        text = json.dumps(json.loads(payload))
    except (ValueError, RecursionError):
        return []
    return sorted(scope for scope in PUBLISHED_SCOPES if scope in text)
