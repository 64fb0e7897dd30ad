"""The routes of tap-moesif's streams, which are recognised by their mark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery import NotSent, RecordRejected, RecordSkipped
from singer_delivery.routing import MOESIF_DESTINATION, KnownShape, Route
from singer_delivery.values import NULL, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from singer_delivery.values import Record

    Call = dict[str, Any]

MARK_PREFIX = "urn:tap-moesif:"
"""Prefix of the `$id` of tap-moesif's schemas, before the stream's name."""

NOT_INTO_MOESIF = {MOESIF_DESTINATION: False}
"""Segment's `integrations` for data from Moesif, to avoid a loop."""

USERS = "moesif.users"
COMPANIES = "moesif.companies"
EVENTS = "moesif.events"
USAGE = "moesif.usage"
SHAPE_PREFIX = "moesif."

PROFILES = frozenset({(USERS, "identify"), (COMPANIES, "group")})
"""The shapes and calls that describe the current state of a user or company."""

LAST_USER = "lastSeenUserId"
"""The field of a company with the id of its user last seen on the API."""

ACTION_TYPE = "user_action"
"""The `eventType` of a custom action; the others are API calls."""

USAGE_EVENT = "API Usage"
"""The event's name for a record of `usage`; `event: {literal: …}` in its route changes it."""

_REMEDY = "Deselect it in the tap, or set its call under streams."
_NO_CALL = NotSent("no_call", f"Segment has no call for it. {_REMEDY}")

_PROFILE = frozenset(
    {
        *("id", "modifiedTime", "firstSeenTime", "lastSeenTime", "metadata", "appId", "orgId"),
        *("last24HourAggResults", "usage", "additionalFields"),
    }
)
_USER = _PROFILE | {
    *("createdAt", "name", "firstName", "lastName", "email", "username", "phone", "avatar"),
    *("company", "campaign", "enrichment", "userAgent", "context"),
}
_COMPANY = _PROFILE | {"created", "ipAddress", "companyDomain", "ttfhw_s", "lastSeenUserId"}
_EVENT_OBJECTS = frozenset({"request", "response", "metadata", "additionalFields"})
_EVENT = _EVENT_OBJECTS | {
    *("id", "requestTime", "eventType", "actionName", "userId", "companyId", "subscriptionId"),
    *("transactionId", "durationMs", "direction", "weight", "appId", "orgId"),
}
_SUBSCRIPTION = frozenset(
    {
        "id",
        "companyId",
        "status",
        "type",
        "startDate",
        "trialStart",
        "trialEnd",
        "items",
        "metadata",
    }
)

_USAGE = frozenset(
    {
        *("id", "userId", "companyId", "startTime", "endTime", "route", "count", "errorCount"),
        *("statusCounts", "avgDurationMs", "p90DurationMs", "topRoutes"),
    }
)

KNOWN = {
    USERS: KnownShape(
        Route(
            call="identify",
            shape=USERS,
            fields={"userId": ("id",)},
            context="context",
            kept=frozenset({"id"}),
            objects=frozenset(
                {
                    *("company", "campaign", "enrichment", "last24HourAggResults", "usage"),
                    *("metadata", "userAgent", "context", "additionalFields"),
                }
            ),
        ),
        stream="users",
        fields=_USER,
        typical=frozenset(
            {
                *("modifiedTime", "firstSeenTime", "lastSeenTime", "last24HourAggResults"),
                *("enrichment", "userAgent", "additionalFields", "metadata", "createdAt"),
            }
        ),
    ),
    COMPANIES: KnownShape(
        Route(
            call="group",
            shape=COMPANIES,
            fields={"groupId": ("id",), "userId": (LAST_USER,)},
            kept=frozenset({"id"}),
            objects=frozenset({"metadata", "last24HourAggResults", "usage", "additionalFields"}),
        ),
        NotSent(
            "no_call",
            "each user's call contains the company. Set company_groups: true to send group calls "
            f"as well. {_REMEDY}",
        ),
        stream="companies",
        fields=_COMPANY,
        typical=frozenset({"modifiedTime", "firstSeenTime", "lastSeenTime", "companyDomain"}),
    ),
    "moesif.subscriptions": KnownShape(
        Route(
            call="group",
            shape="moesif.subscriptions",
            fields={"groupId": ("companyId",)},
            objects=frozenset({"metadata", "additionalFields"}),
        ),
        _NO_CALL,
        stream="subscriptions",
        fields=_SUBSCRIPTION,
        typical=frozenset({"companyId", "trialStart", "trialEnd", "items"}),
    ),
    EVENTS: KnownShape(
        Route(
            call="track",
            shape=EVENTS,
            fields={
                "userId": ("userId",),
                "groupId": ("companyId",),
                "event": ("actionName",),
                "timestamp": ("requestTime",),
                "messageId": ("id",),
            },
            context={
                "ip": "request.ipAddress",
                "userAgent": "request.userAgentString",
                "page.url": "request.uri",
            },
            spread="metadata",
            dropped=frozenset(name.lower() for name in _EVENT - {"metadata"}),
            objects=_EVENT_OBJECTS,
        ),
        stream="events",
        fields=_EVENT,
        typical=frozenset({"requestTime", "eventType", "request", "durationMs"}),
    ),
    USAGE: KnownShape(
        Route(
            call="track",
            shape=USAGE,
            fields={"userId": ("userId",), "groupId": ("companyId",), "timestamp": ("endTime",)},
            literals={"event": USAGE_EVENT},
            kept=frozenset({"endTime"}),
            objects=frozenset({"statusCounts", "topRoutes"}),
        ),
        stream="usage",
        fields=_USAGE,
        typical=frozenset({"startTime", "endTime", "errorCount", "statusCounts", "p90DurationMs"}),
    ),
}
_OTHERS = KnownShape(Route(call="", shape=f"{SHAPE_PREFIX}other"), _NO_CALL)


def known_with(*, company_groups: bool) -> dict[str, KnownShape]:
    """Return the known shapes; companies are sent only with `company_groups`."""
    if not company_groups:
        return KNOWN
    return {**KNOWN, COMPANIES: KNOWN[COMPANIES]._replace(not_sent=None)}


def marked(mark: str, known: Mapping[str, KnownShape] = KNOWN) -> KnownShape | None:
    """Return the shape for a mark, or None for another tap's mark."""
    if not mark.startswith(MARK_PREFIX):
        return None
    return known.get(f"{SHAPE_PREFIX}{mark.removeprefix(MARK_PREFIX)}", _OTHERS)


def check_action(record: Record) -> None:
    """Check that a record of `events` is a custom action; API calls are skipped.

    Raises:
        RecordSkipped: It is an API call.
        RecordRejected: It has neither `eventType` nor `actionName`.
    """
    kind = decode(record.get("eventType", NULL))
    if kind is not None and kind != ACTION_TYPE:
        raise RecordSkipped("api_call")
    if kind is None and record.get("actionName", NULL) == NULL:
        raise RecordRejected("event_not_defined", "It has neither eventType nor actionName.")


def lacks_user(route: Route, fields: Iterable[str]) -> bool:
    """Return whether a route sends companies as groups, but no field has their user."""
    if route.shape != COMPANIES or route.call != "group" or "userId" in route.literals:
        return False
    named = {path for name in ("userId", "anonymousId") for path in route.fields.get(name, ())}
    return named == {LAST_USER} and LAST_USER not in fields


def check_user(call: Call, shape: str) -> None:
    """Check that a call has a user.

    Only a company, or its usage, may have none.

    Raises:
        RecordSkipped: There is no user.
    """
    if call.keys() & {"userId", "anonymousId"}:
        return
    if shape == USAGE and "groupId" in call.get("context", ()):
        raise RecordSkipped("company_usage")
    if shape == COMPANIES and call["type"] == "group":
        raise RecordSkipped("company_without_user")
