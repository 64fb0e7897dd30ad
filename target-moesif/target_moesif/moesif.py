"""The routes of tap-moesif's streams, which are recognised by their mark; pure.

Each record is converted back to the document that it was read from, for another Moesif application.
Fields that Moesif computes are not sent: creation, first and last seen times, locations, parsed
user agents, enrichment and roll-ups. Fields that a stream map adds go into `metadata`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery import NotSent, RecordRejected, RecordSkipped
from singer_delivery.routing import KnownShape, Route, content_of
from singer_delivery.values import NULL, as_object, decode, decode_exactly, encode
from target_moesif.documents import object_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_delivery.values import Record

    Call = dict[str, Any]

MARK_PREFIX = "urn:tap-moesif:"
"""Prefix of the `$id` of tap-moesif's schemas, before the stream's name."""

SHAPE_PREFIX = "moesif."
EVENTS = "moesif.events"
USAGE = "moesif.usage"
USAGE_EVENT = "API Usage"

ACTION_TYPE = "user_action"
"""The `eventType` of a custom action; the others are API calls."""

ITEM = {
    "subscriptionItemId": "subscription_item_id",
    "planId": "plan_id",
    "priceId": "price_id",
    "itemPriceId": "item_price_id",
    "status": "status",
    "isMetered": "is_metered",
    "unitOfMeasure": "unit_of_measure",
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of a stream's fields in the collector's documents.

    Attributes:
        fields: Fields of the document, by field of a record.
        reserved: Reserved keys of `metadata`, by field of a record.
        not_written: Fields of a record that the collector does not accept.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    reserved: Mapping[str, str] = field(default_factory=dict)
    not_written: frozenset[str] = frozenset()


_PROFILE = frozenset(
    {
        *("firstSeenTime", "lastSeenTime", "last24HourAggResults", "usage", "appId", "orgId"),
        "additionalFields",
    }
)
VOCABULARIES = {
    "moesif.users": Vocabulary(
        {"campaign": "campaign"},
        {
            "name": "name",
            "firstName": "first_name",
            "lastName": "last_name",
            "email": "email",
            "phone": "phone",
            "avatar": "photo_url",
            "username": "user_name",
        },
        _PROFILE | {"createdAt", "company", "enrichment", "userAgent", "context"},
    ),
    "moesif.companies": Vocabulary(
        {"ipAddress": "ip_address", "companyDomain": "company_domain"},
        not_written=_PROFILE | {"created", "ttfhw_s", "lastSeenUserId"},
    ),
    "moesif.subscriptions": Vocabulary(
        {
            "id": "subscription_id",
            "status": "status",
            "startDate": "start_date",
            "created": "created",
            "trialStart": "trial_start",
            "trialEnd": "trial_end",
            "currentPeriodStart": "current_period_start",
            "currentPeriodEnd": "current_period_end",
            "cancelTime": "cancel_time",
            "paymentStatus": "payment_status",
            "collectionMethod": "collection_method",
            "provider": "provider",
            "externalId": "external_id",
            "companyExternalId": "company_external_id",
            "versionId": "version_id",
            "items": "items",
        },
        not_written=frozenset({"type", "appId", "orgId", "additionalFields"}),
    ),
    EVENTS: Vocabulary(
        {"subscriptionId": "subscription_id"},
        not_written=frozenset(
            {
                *("id", "transactionId", "eventType", "durationMs", "direction", "weight"),
                *("request", "response", "appId", "orgId", "additionalFields"),
            }
        ),
    ),
    USAGE: Vocabulary(),
}

_OBJECTS = {
    "moesif.users": frozenset(
        {
            *("company", "campaign", "enrichment", "last24HourAggResults", "usage", "metadata"),
            *("userAgent", "context", "additionalFields"),
        }
    ),
    "moesif.companies": frozenset(
        {"last24HourAggResults", "usage", "metadata", "additionalFields"}
    ),
    "moesif.subscriptions": frozenset({"items", "metadata", "additionalFields"}),
    EVENTS: frozenset({"request", "response", "metadata", "additionalFields"}),
    USAGE: frozenset({"statusCounts", "topRoutes"}),
}


def _known(
    call: str,
    stream: str,
    typical: set[str],
    not_sent: NotSent | None = None,
    **route: Any,  # noqa: ANN401
) -> KnownShape:
    shape = f"{SHAPE_PREFIX}{stream}"
    words = VOCABULARIES[shape]
    used = {path.partition(".")[0] for paths in route["fields"].values() for path in paths}
    return KnownShape(
        Route(call=call, shape=shape, objects=_OBJECTS[shape], **route),
        not_sent,
        stream=stream,
        fields=frozenset({*words.fields, *words.reserved, *words.not_written, *used, "metadata"}),
        typical=frozenset(typical),
        sends_key="id" in words.fields,
    )


_SEEN = {"modifiedTime", "firstSeenTime", "lastSeenTime", "last24HourAggResults", "metadata"}

KNOWN = {
    "moesif.users": _known(
        "user",
        "users",
        _SEEN | {"enrichment", "userAgent", "additionalFields", "createdAt"},
        fields={"userId": ("id",), "groupId": ("company.id",), "timestamp": ("modifiedTime",)},
        context={"ip": "context.ip", "userAgent": "context.userAgent"},
    ),
    "moesif.companies": _known(
        "company",
        "companies",
        _SEEN | {"companyDomain", "ttfhw_s"},
        fields={"groupId": ("id",), "timestamp": ("modifiedTime",)},
    ),
    "moesif.subscriptions": _known(
        "subscription",
        "subscriptions",
        {"companyId", "trialStart", "trialEnd", "items"},
        fields={"groupId": ("companyId",), "timestamp": ("modifiedTime",)},
    ),
    EVENTS: _known(
        "action",
        "events",
        {"requestTime", "eventType", "request", "durationMs"},
        fields={
            "userId": ("userId",),
            "groupId": ("companyId",),
            "event": ("actionName",),
            "timestamp": ("requestTime",),
            "messageId": ("transactionId", "id"),
        },
        context={
            "ip": "request.ipAddress",
            "userAgent": "request.userAgentString",
            "page.url": "request.uri",
        },
    ),
    USAGE: _known(
        "action",
        "usage",
        {"startTime", "endTime", "errorCount", "statusCounts", "p90DurationMs", "topRoutes"},
        NotSent(
            "no_call",
            "it would return Moesif's own counts in a loop. Deselect it in the tap, or set its "
            "call under streams.",
        ),
        fields={"userId": ("userId",), "groupId": ("companyId",), "timestamp": ("endTime",)},
        literals={"event": USAGE_EVENT},
        kept=frozenset({"endTime"}),
    ),
}

_EQUIVALENTS = {"identify": "user", "group": "company", "track": "action"}
"""Moesif's calls by the equivalent calls of Segment."""

_OTHERS = KnownShape(
    Route(call="", shape=f"{SHAPE_PREFIX}other"),
    NotSent("no_call", "Moesif's collector does not accept it. Deselect it in the tap."),
)


def marked(mark: str) -> KnownShape | None:
    """Return the shape for a mark, or None for another tap's mark."""
    if not mark.startswith(MARK_PREFIX):
        return None
    return KNOWN.get(f"{SHAPE_PREFIX}{mark.removeprefix(MARK_PREFIX)}", _OTHERS)


def is_copied(call: Call, shape: str) -> bool:
    """Return whether a call has the type of the document that tap-moesif read.

    Segment's equivalent types (`identify` for `user`, for example) count as the same.
    """
    kind = call["type"]
    return shape in KNOWN and _EQUIVALENTS.get(kind, kind) == KNOWN[shape].route.call


def to_collector_fields(content: Record, shape: str) -> Record:
    """Rename the fields of a record to the collector's.

    Args:
        content: Fields of a record of tap-moesif, without ids, time and context.
        shape: The known shape of the record.

    Raises:
        RecordRejected: Its metadata is not an object.
    """
    words = VOCABULARIES[shape]
    document: Record = {}
    metadata = object_of(content.get("metadata", NULL), "metadata")
    for name, raw in content.items():
        if name in words.fields:
            document[words.fields[name]] = _items(raw) if name == "items" else raw
        elif name in words.reserved:
            if raw != NULL or words.reserved[name] not in metadata:
                metadata[words.reserved[name]] = raw
        elif name not in words.not_written and name != "metadata":
            metadata[name] = raw
    additional = as_object(content.get("additionalFields", NULL)) or {}
    if "campaign" in additional:
        document.setdefault("campaign", additional["campaign"])
    if metadata:
        document["metadata"] = msgspec.Raw(encode(metadata))
    return document


def session_tokens(call: Call) -> list[str]:
    """Return the session tokens of a user or a company, if the tap emitted them."""
    content = call.get(content_of(call["type"]) or "")
    raw = content.get("additionalFields", NULL) if isinstance(content, dict) else NULL
    value = decode((as_object(raw) or {}).get("session_token", NULL))
    tokens = value if isinstance(value, list) else [value]
    return [token for token in tokens if isinstance(token, str) and token]


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


def _items(raw: msgspec.Raw) -> msgspec.Raw:
    """Rename the fields of a subscription's items; other values are not changed."""
    items: Any = decode_exactly(raw)
    written = [
        {named: item[name] for name, named in ITEM.items() if item.get(name) is not None}
        if isinstance(item, dict)
        else item
        for item in (items if isinstance(items, list) else [items])
    ]
    return raw if raw == NULL else msgspec.Raw(encode(written))
