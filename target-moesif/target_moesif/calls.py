"""A Segment call as Moesif documents; pure.

| call | document |
|---|---|
| identify, user | user; without a user id none: an anonymous visitor is no user |
| group, company | company, and the user's link to it |
| track, page, screen, action | action |
| subscription | subscription |

What Segment has names for is in `docs/connections/spec` of https://segment.com. The four that
bear Moesif's names are calls of the same form whose traits already speak Moesif's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from singer_delivery import RecordRejected
from singer_delivery.values import NULL, as_id, as_object, decode, encode
from target_moesif.models import Models, object_of, reserve
from target_moesif.rules import ACTION, COMPANY, SUBSCRIPTION, USER, identifier, text, time

if TYPE_CHECKING:
    from singer_delivery.sending.batching import Message
    from target_moesif.models import Document, Record
    from target_moesif.rules import Kind

    Call = dict[str, Any]

DESTINATION = "Moesif API Analytics"
"""The name of Moesif's destination in Segment's catalog."""

CAMPAIGN = {
    "name": "utm_campaign",
    "source": "utm_source",
    "medium": "utm_medium",
    "term": "utm_term",
    "content": "utm_content",
    "gclid": "gclid",
}
REQUEST_FIELDS = frozenset({"ip_address", "user_agent_string"})
DOMAIN_TRAITS = ("company_domain", "companyDomain", "domain", "website")


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes documents of calls.

    Args:
        models: Writes them.
    """

    models: Models

    def __call__(self, call: Call, extracted: str | None = None) -> list[Message]:
        """Make the documents of one call, none where it is left out on purpose.

        Args:
            call: In the terms of `singer_delivery.routing.calls`; it is used up.
            extracted: When the tap read it: the time of an action that has none.

        Raises:
            RecordRejected: It says too little, or Moesif would refuse it.
        """
        integrations = call.get("integrations")
        if isinstance(integrations, dict) and integrations.get(DESTINATION) is False:
            return []
        match call["type"]:
            case "identify" | "user":
                return self._user(call)
            case "group" | "company":
                return self._company(call)
            case "track" | "page" | "screen" | "action":
                return [self._action(call, extracted)]
            case "subscription":
                return [self._subscription(call)]
        raise RecordRejected("alias_not_supported", "Moesif cannot join two ids of one user.")

    def _user(self, call: Call) -> list[Message]:
        context = _context(call)
        document: Document = {}
        _set(document, "company_id", _id_or_none(context.get("groupId")))
        _set(document, "ip_address", _string(context, "ip"))
        _set(document, "user_agent_string", _string(context, "userAgent"))
        _set(document, "campaign", _campaign(context))
        _set(document, "modified_time", time(call.get("timestamp"), "timestamp"))
        traits = self._content(call, USER, document)
        if call["type"] == "identify":
            _set(document, "company_id", _company_of(traits))
        _set(document, "user_id", identifier(call.get("userId"), "userId"))
        anonymous_id = identifier(call.get("anonymousId"), "anonymousId")
        if "user_id" not in document:
            if anonymous_id is None:
                raise RecordRejected("no_user_anon_id", "It has no user id.")
            return []
        reserve(traits)
        self.models.describe(document, traits)
        return [self.models.user(document)]

    def _company(self, call: Call) -> list[Message]:
        document: Document = {}
        _set(document, "campaign", _campaign(_context(call)))
        _set(document, "modified_time", time(call.get("timestamp"), "timestamp"))
        traits = self._content(call, COMPANY, document)
        _set(document, "company_id", identifier(call.get("groupId"), "groupId"))
        if "company_domain" not in document:
            _set(document, "company_domain", _domain_of(traits))
        self.models.describe(document, traits)
        messages = [self.models.company(document)]
        user_id = identifier(call.get("userId"), "userId")
        if user_id is not None:
            messages.append(self.models.link(user_id, document["company_id"]))
        return messages

    def _action(self, call: Call, extracted: str | None) -> Message:
        context, kind = _context(call), call["type"]
        request: Document = {}
        document: Document = {"request": request}
        _set(request, "uri", _string(context.get("page"), "url"))
        _set(request, "ip_address", _string(context, "ip"))
        _set(request, "user_agent_string", _string(context, "userAgent"))
        _set(request, "time", time(call.get("timestamp"), "timestamp"))
        _set(document, "company_id", _id_or_none(context.get("groupId")))
        properties = self._content(call, ACTION, document)
        _set(document, "action_name", _name_of(call))
        _set(document, "user_id", identifier(call.get("userId"), "userId"))
        anonymous_id = identifier(call.get("anonymousId"), "anonymousId")
        if "user_id" not in document:
            _set(document, "anonymous_id", anonymous_id)
            if kind != "action" and anonymous_id is None:
                raise RecordRejected("no_user_anon_id", "It has neither of the two ids.")
        message_id = as_id(call.get("messageId"))
        _set(document, "transaction_id", text(message_id, "message_id_invalid", "messageId"))
        if kind in {"page", "screen"}:
            _complete_page(call, request, properties)
        self.models.describe(document, properties, merged=False)
        return self.models.action(document, extracted)

    def _subscription(self, call: Call) -> Message:
        document: Document = {}
        _set(document, "modified_time", time(call.get("timestamp"), "timestamp"))
        traits = self._content(call, SUBSCRIPTION, document)
        _set(document, "company_id", identifier(call.get("groupId"), "groupId"))
        self.models.describe(document, traits)
        return self.models.subscription(document)

    def _content(self, call: Call, kind: Kind, document: Document) -> Record:
        """Give what belongs into the metadata of a document.

        In a call that speaks Moesif's language, what has a field of its own goes there.
        """
        name = "properties" if kind is ACTION else "traits"
        content = call.get(name, {})
        if not isinstance(content, dict):
            raise RecordRejected(f"{name}_not_object", f"Its {name} are no object.")
        return self._own_words(content, kind, document) if call["type"] == kind.name else content

    def _own_words(self, content: Record, kind: Kind, document: Document) -> Record:
        metadata: Record = {}
        for name, raw in content.items():
            if name in kind.fields and name != "metadata":
                self.models.take(document, name, raw)
            elif kind is ACTION and name in REQUEST_FIELDS:
                self.models.take(document["request"], name, raw)
            elif kind is ACTION and name == "request":
                for field, value in object_of(raw, name).items():
                    self.models.take(document["request"], field, value)
            elif name != "metadata":
                metadata[name] = raw
        return {**metadata, **object_of(content.get("metadata", NULL), "metadata")}


def _set(document: Document, name: str, value: object) -> None:
    if value is not None:
        document[name] = value


def _context(call: Call) -> dict[str, Any]:
    context = call.get("context", {})
    if not isinstance(context, dict):
        raise RecordRejected("context_not_object", "Its context is no object.")
    return context


def _string(within: object, name: str) -> str | None:
    """A string that is not empty; a user agent, say, is met as an object as well."""
    value = within.get(name) if isinstance(within, dict) else None
    return value if isinstance(value, str) and value else None


def _id_or_none(value: object) -> str | None:
    """An id that nothing depends on: what cannot be one is none."""
    value = as_id(value)
    return value if isinstance(value, str) and value else None


def _company_of(traits: Record) -> str | None:
    """`company.id`, or `company_id`, which is what a warehouse's columns make of it."""
    company = as_object(traits.get("company", NULL)) or {}
    for raw in (company.get("id"), traits.get("company_id")):
        if raw is not None and (company_id := _id_or_none(decode(raw))) is not None:
            return company_id
    return None


def _campaign(context: dict[str, Any]) -> dict[str, str] | None:
    brought = context.get("campaign")
    campaign = {
        utm: value
        for name, utm in CAMPAIGN.items()
        if (value := _string(brought, name)) is not None
    }
    referrer = _string(context.get("page"), "referrer") or _string(context.get("referrer"), "url")
    if referrer is not None:
        campaign["referrer"] = referrer
        _set(campaign, "referring_domain", _host_of(referrer))
    return campaign or None


def _domain_of(traits: Record) -> str | None:
    for name in DOMAIN_TRAITS:
        value = decode(traits.get(name, NULL))
        if isinstance(value, str) and (host := _host_of(value)) is not None:
            return host
    return None


def _host_of(address: str) -> str | None:
    """The bare host name of an address, with or without `https://` before it."""
    address = address.strip()
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
    return host if host and "." in host and not any(map(str.isspace, host)) else None


def _name_of(call: Call) -> str | None:
    kind = call["type"]
    if kind not in {"page", "screen"}:
        return text(call.get("event"), "event_not_string", "event")
    name = text(call.get("name"), "name_not_string", "name")
    return " ".join(word for word in ("Viewed", name, kind.title()) if word)


def _complete_page(call: Call, request: Document, properties: Record) -> None:
    """A page's address is a property of it; its category is one in Segment's own clients only."""
    url = decode(properties.get("url", NULL))
    if isinstance(url, str) and url:
        request.setdefault("uri", url)
    if (category := _string(call, "category")) is not None:
        properties.setdefault("category", msgspec.Raw(encode(category)))
