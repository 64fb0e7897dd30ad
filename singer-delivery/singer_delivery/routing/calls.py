"""Calls: identify, group, track and so on, in the terms of Segment's specification ("Spec").

A call is a dict: `type`, `userId`, `anonymousId`, `groupId`, `previousId`, `event`, `name`,
`category`, `timestamp`, `messageId`, `context`, `integrations`, and `traits` or `properties`, whose
values are still encoded. Fields that a record does not have are absent.
"""

from __future__ import annotations

SEGMENT_CALLS = ("identify", "group", "track", "page", "screen", "alias")
MOESIF_CALLS = ("user", "company", "action", "subscription")
"""Moesif's own calls, whose traits have Moesif's names."""

MOESIF_DESTINATION = "Moesif API Analytics"
"""The name of Moesif's destination in Segment's catalog, as in a call's `integrations`."""

_COMMON = ("userId", "anonymousId", "timestamp", "messageId", "integrations")
FIELDS: dict[str, tuple[str, ...]] = {
    "identify": (*_COMMON, "groupId"),
    "group": (*_COMMON, "groupId"),
    "track": (*_COMMON, "groupId", "event"),
    "page": (*_COMMON, "groupId", "name", "category"),
    "screen": (*_COMMON, "groupId", "name", "category"),
    "alias": (*_COMMON, "previousId"),
    "user": (*_COMMON, "groupId"),
    "company": (*_COMMON, "groupId"),
    "action": (*_COMMON, "groupId", "event"),
    "subscription": (*_COMMON, "groupId"),
}
"""The fields of each call, besides its context and its content."""

IDS = frozenset({"userId", "anonymousId", "groupId", "previousId", "messageId"})
"""Fields that are converted to strings."""

OF_A_USER = frozenset({"identify", "track", "page", "screen", "user"})
"""Calls that require the id of a user, or of an anonymous one, wherever they are sent."""

GROUPED = frozenset({"group", "company", "subscription"})
"""Calls about a group; in other calls the group is context."""

EVENTS = frozenset({"track", "page", "screen", "action"})
"""Calls that are events; the others describe a user or a group."""


def content_of(kind: str) -> str | None:
    """Return the field with the content of a call: traits, properties or None."""
    if kind == "alias":
        return None
    return "properties" if kind in EVENTS else "traits"


KIND_BY_FIELD = {
    "event": "track",
    "groupId": "group",
    "previousId": "alias",
    "traits": "identify",
    "properties": "page",
}
"""The call of a record without a type: the first whose field it has."""
