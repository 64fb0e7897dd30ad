"""A record of tap-moesif as the document it was read from, for another Moesif application; pure.

What Moesif itself finds out cannot be written: when somebody was created, first and last seen,
where an address is, what a user agent is made of, enrichment and roll-ups. The rest comes out of
a second reading as it came out of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.values import NULL, decode, encode
from target_moesif.models import Models, decode_exactly, object_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_delivery.sending.batching import Message
    from target_moesif.models import Document, Record

USER = {"id": "user_id", "modifiedTime": "modified_time", "campaign": "campaign"}
RESERVED = {
    "name": "name",
    "firstName": "first_name",
    "lastName": "last_name",
    "email": "email",
    "phone": "phone",
    "avatar": "photo_url",
    "username": "user_name",
}
"""What Moesif takes as a key of a user's metadata and shows beside it."""

COMPANY = {
    "id": "company_id",
    "modifiedTime": "modified_time",
    "ipAddress": "ip_address",
    "companyDomain": "company_domain",
    "campaign": "campaign",
    "metadata": "metadata",
}
SUBSCRIPTION = {
    "id": "subscription_id",
    "companyId": "company_id",
    "status": "status",
    "startDate": "start_date",
    "created": "created",
    "modifiedTime": "modified_time",
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
    "metadata": "metadata",
}
ITEM = {
    "subscriptionItemId": "subscription_item_id",
    "planId": "plan_id",
    "priceId": "price_id",
    "itemPriceId": "item_price_id",
    "status": "status",
    "isMetered": "is_metered",
    "unitOfMeasure": "unit_of_measure",
}
ACTION = {
    "actionName": "action_name",
    "userId": "user_id",
    "companyId": "company_id",
    "subscriptionId": "subscription_id",
    "metadata": "metadata",
}
REQUEST = {
    "uri": "uri",
    "time": "time",
    "ipAddress": "ip_address",
    "userAgentString": "user_agent_string",
}


@dataclass(frozen=True, slots=True)
class Copies:
    """Makes documents of tap-moesif's records.

    Each of them takes a record, its values still encoded, and when it was extracted, and raises
    `RecordRejected` where Moesif would refuse what comes of it.

    Args:
        models: Writes them.
    """

    models: Models

    def user(self, record: Record, _extracted: str | None = None) -> list[Message]:
        """Copy a user, one message for each of the session tokens if they were read at all."""
        document: Document = {}
        self._fill(document, record, USER)
        context = _seen_of(record, "context")
        self.models.take(document, "ip_address", context.ip)
        self.models.take(document, "user_agent_string", context.userAgent)
        self.models.take(document, "company_id", _seen_of(record, "company").id)
        metadata = self.models.fields(record.get("metadata", NULL), "metadata")
        for name, key in RESERVED.items():
            if (value := record.get(name, NULL)) != NULL:
                metadata[key] = value
            elif name in record and self.models.null_traits:
                metadata.setdefault(key, NULL)
        if metadata or record.get("metadata", NULL) != NULL:
            document["metadata"] = metadata
        return [self.models.user(part) for part in _by_session(document, record, "user_id")]

    def company(self, record: Record, _extracted: str | None = None) -> list[Message]:
        """Copy a company, one message for each of the session tokens if they were read at all."""
        document: Document = {}
        self.models.take(document, "campaign", _seen_of(record, "additionalFields").campaign)
        self._fill(document, record, COMPANY)
        return [self.models.company(part) for part in _by_session(document, record, "company_id")]

    def subscription(self, record: Record, _extracted: str | None = None) -> list[Message]:
        """Copy a subscription."""
        document: Document = {}
        self._fill(document, record, SUBSCRIPTION)
        if (items := record.get("items", NULL)) != NULL:
            document["items"] = _items(items)
        return [self.models.subscription(document)]

    def action(self, record: Record, extracted: str | None = None) -> list[Message]:
        """Copy a custom action; an API call comes from Moesif's own agents and is left out."""
        if not _is_action(record):
            return []
        document: Document = {"request": {}}
        self._fill(document, record, ACTION)
        self._fill(document["request"], record, {"requestTime": "time"})
        self._fill(document["request"], object_of(record.get("request", NULL), "request"), REQUEST)
        for name in ("transactionId", "id"):
            if "transaction_id" not in document:
                self._fill(document, record, {name: "transaction_id"})
        return [self.models.action(document, extracted)]

    def _fill(self, document: Document, record: Record, names: Mapping[str, str]) -> None:
        for name, field in names.items():
            if name in record:
                self.models.take(document, field, record[name])


def _is_action(record: Record) -> bool:
    kind = decode(record.get("eventType", NULL))
    named = record.get("actionName", NULL) != NULL
    return kind == "user_action" or (kind is None and named)


class _Seen(msgspec.Struct, gc=False, frozen=True):
    """What is looked at of a record's context, company and additional fields."""

    id: msgspec.Raw = NULL
    ip: msgspec.Raw = NULL
    userAgent: msgspec.Raw = NULL  # noqa: N815, as the tap names it
    campaign: msgspec.Raw = NULL
    session_token: msgspec.Raw = NULL


_NOTHING = _Seen()
_see = msgspec.json.Decoder(_Seen).decode


def _seen_of(record: Record, name: str) -> _Seen:
    raw = record.get(name, NULL)
    if raw == NULL:
        return _NOTHING
    try:
        return _see(raw)
    except msgspec.ValidationError:  # no object
        return _NOTHING


def _by_session(document: Document, record: Record, key: str) -> list[Document]:
    """Give each session token a document: Moesif takes one at a time and adds it to its list."""
    brought = _seen_of(record, "additionalFields").session_token
    if brought == NULL:
        return [document]
    tokens = [token for token in _listed(decode(brought)) if isinstance(token, str) and token]
    if not tokens:
        return [document]
    first, *others = tokens
    document["session_token"] = first
    return [document, *({key: document.get(key), "session_token": token} for token in others)]


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else [value]


def _items(raw: msgspec.Raw) -> msgspec.Raw:
    """Give the items of a subscription Moesif's own names; what is none stays as it is."""
    items: Any = decode_exactly(raw)
    written = [
        {field: item[name] for name, field in ITEM.items() if item.get(name) is not None}
        if isinstance(item, dict)
        else item
        for item in _listed(items)
    ]
    return msgspec.Raw(encode(written))
