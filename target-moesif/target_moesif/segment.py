"""Maps Segment calls to Moesif documents; pure.

| call | document |
|---|---|
| identify, user | user; skipped without a user id |
| group, company | company, and the user's link to it |
| track, page, screen, action | action |
| subscription | subscription |

Segment's calls are defined in its "Spec" (https://segment.com/docs/connections/spec). Those with
Moesif's names (user, company, action, subscription) have the same form, with Moesif's field names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery import RecordRejected, RecordSkipped
from singer_delivery.routing import (
    ALL_DESTINATIONS,
    MOESIF_DESTINATION,
    content_of,
    destination,
)
from singer_delivery.values import NULL, decode, decode_exactly, encode
from target_moesif import moesif
from target_moesif.context import campaign_of, company_of, domain_of, id_or_none, string
from target_moesif.documents import DocumentBuilder, object_of, reserve
from target_moesif.rules import ACTION, COMPANY, SUBSCRIPTION, USER, identifier, text, time

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.sending.batching import Message
    from target_moesif.documents import Document, Record
    from target_moesif.rules import Kind

    Call = dict[str, Any]

REQUEST_FIELDS = frozenset({"ip_address", "user_agent_string"})
CONTEXT_USED = frozenset({"groupId", "ip", "userAgent", "campaign", "page", "referrer"})


@dataclass(frozen=True, slots=True)
class SegmentMapper:
    """Maps calls to documents.

    Args:
        documents: Builds the documents.
        warn: Logs a warning for the operator.
    """

    documents: DocumentBuilder
    warn: Callable[[str], None]

    def __call__(
        self,
        call: Call,
        extracted: str | None = None,
        distinction: bytes = b"",
        *,
        shape: str = "",
    ) -> list[Message]:
        """Return the messages for one call.

        Args:
            call: A call as in `singer_delivery.routing.calls`; it is modified.
            extracted: When the tap read the record: the time of an action without one.
            distinction: Distinguishes an action without an id from equal ones; part of its id.
            shape: The known shape of its record, if any.

        Raises:
            RecordRejected: It lacks a required field, or Moesif would refuse it.
            RecordSkipped: It is skipped.
        """
        if not _is_for_moesif(call.get("integrations")):
            raise RecordSkipped("not_for_moesif")
        tokens: list[str] = []
        copied = moesif.is_copied(call, shape)
        if copied:
            tokens = moesif.session_tokens(call)
            name = content_of(call["type"]) or ""
            call[name] = moesif.to_collector_fields(call[name], shape)
            call["type"] = moesif.KNOWN[shape].route.call
        match call["type"]:
            case "identify" | "user":
                return self._user(call, tokens, copied=copied)
            case "group" | "company":
                return self._company(call, tokens)
            case "track" | "page" | "screen" | "action":
                return [self._action(call, extracted, distinction)]
            case "subscription":
                return [self._subscription(call)]
        self.warn("Skipping alias calls, because Moesif cannot merge two ids of a user.")
        raise RecordSkipped("alias")

    def _user(self, call: Call, tokens: list[str], *, copied: bool) -> list[Message]:
        context = _context(call)
        document: Document = {}
        group_id = context.get("groupId")
        company_id = identifier(group_id, "company.id") if copied else id_or_none(group_id)
        _set(document, "company_id", company_id)
        _set(document, "ip_address", string(context, "ip"))
        _set(document, "user_agent_string", string(context, "userAgent"))
        _set(document, "campaign", campaign_of(context))
        _set(document, "modified_time", time(call.get("timestamp"), "timestamp"))
        traits = self._content(call, USER, document)
        if call["type"] == "identify":
            _set(document, "company_id", company_of(traits))
        _set(document, "user_id", identifier(call.get("userId"), "userId"))
        anonymous_id = identifier(call.get("anonymousId"), "anonymousId")
        if "user_id" not in document:
            if anonymous_id is None:
                raise RecordRejected("no_user_anon_id", "It has no user id.")
            self.warn(
                "Skipping identify calls without a user id, because Moesif does not accept "
                "anonymous users."
            )
            raise RecordSkipped("anonymous_identify")
        if not copied:
            reserve(traits)
        self.documents.describe(document, traits)
        return [self.documents.user(each) for each in _by_session(document, "user_id", tokens)]

    def _company(self, call: Call, tokens: list[str]) -> list[Message]:
        document: Document = {}
        _set(document, "campaign", campaign_of(_context(call)))
        _set(document, "modified_time", time(call.get("timestamp"), "timestamp"))
        traits = self._content(call, COMPANY, document)
        _set(document, "company_id", identifier(call.get("groupId"), "groupId"))
        if "company_domain" not in document:
            _set(document, "company_domain", domain_of(traits))
        self.documents.describe(document, traits)
        by_session = _by_session(document, "company_id", tokens)
        messages = [self.documents.company(each) for each in by_session]
        user_id = identifier(call.get("userId"), "userId")
        if user_id is not None:
            messages.append(self.documents.link(user_id, document["company_id"]))
        return messages

    def _action(self, call: Call, extracted: str | None, distinction: bytes) -> Message:
        context, kind = _context(call), call["type"]
        request: Document = {}
        document: Document = {"request": request}
        _set(request, "uri", string(context.get("page"), "url"))
        _set(request, "ip_address", string(context, "ip"))
        _set(request, "user_agent_string", string(context, "userAgent"))
        _set(request, "time", time(call.get("timestamp"), "timestamp"))
        _set(document, "company_id", id_or_none(context.get("groupId")))
        properties = self._content(call, ACTION, document)
        _set(document, "action_name", _name_of(call))
        _set(document, "user_id", identifier(call.get("userId"), "userId"))
        anonymous_id = identifier(call.get("anonymousId"), "anonymousId")
        if "user_id" not in document:
            _set(document, "anonymous_id", anonymous_id)
            if kind != "action" and anonymous_id is None:
                raise RecordRejected(
                    "no_user_anon_id", "It has neither a user id nor an anonymous id."
                )
        message_id = text(call.get("messageId"), "message_id_invalid", "messageId")
        _set(document, "transaction_id", message_id)
        if kind in {"page", "screen"}:
            _complete_page(call, request, properties)
        self.documents.describe(document, properties, merged=False)
        return self.documents.action(document, extracted, distinction)

    def _subscription(self, call: Call) -> Message:
        document: Document = {}
        _set(document, "modified_time", time(call.get("timestamp"), "timestamp"))
        traits = self._content(call, SUBSCRIPTION, document)
        _set(document, "company_id", identifier(call.get("groupId"), "groupId"))
        self.documents.describe(document, traits)
        return self.documents.subscription(document)

    def _content(self, call: Call, kind: Kind, document: Document) -> Record:
        """Return the metadata of a document; set the document's fields in a call of Moesif's."""
        name = "properties" if kind is ACTION else "traits"
        content = call.get(name, {})
        if not isinstance(content, dict):
            raise RecordRejected(f"{name}_not_object", f"Its {name} must be an object.")
        return self._set_fields(content, kind, document) if call["type"] == kind.name else content

    def _set_fields(self, content: Record, kind: Kind, document: Document) -> Record:
        metadata: Record = {}
        for name, raw in content.items():
            if name in kind.fields and name != "metadata":
                self.documents.set_field(document, name, raw)
            elif kind is ACTION and name in REQUEST_FIELDS:
                self.documents.set_field(document["request"], name, raw)
            elif kind is ACTION and name == "request":
                for field, value in object_of(raw, name).items():
                    self.documents.set_field(document["request"], field, value)
            elif name != "metadata":
                metadata[name] = raw
        return {**metadata, **object_of(content.get("metadata", NULL), "metadata")}


def _is_for_moesif(integrations: object) -> bool:
    """Return whether a call's `integrations` include Moesif."""
    if not isinstance(integrations, dict):
        return True
    chosen = {
        destination(name): decode(raw) if isinstance(raw, msgspec.Raw) else raw
        for name, raw in integrations.items()
    }
    wanted = chosen.get(MOESIF_DESTINATION, chosen.get(ALL_DESTINATIONS))
    return wanted is not False and not (isinstance(wanted, str) and wanted.lower() == "false")


def _by_session(document: Document, key: str, tokens: list[str]) -> list[Document]:
    """Return a document for each session token, because Moesif adds one at a time."""
    if not tokens:
        return [document]
    first, *others = tokens
    document["session_token"] = first
    return [document, *({key: document.get(key), "session_token": token} for token in others)]


def _set(document: Document, name: str, value: object) -> None:
    if value is not None:
        document[name] = value


def _context(call: Call) -> dict[str, Any]:
    context = call.get("context", {})
    if not isinstance(context, dict):
        raise RecordRejected("context_not_object", "Its context must be an object.")
    return {name: _decoded(value) for name, value in context.items() if name in CONTEXT_USED}


def _decoded(value: object) -> Any:  # noqa: ANN401
    return decode_exactly(value) if isinstance(value, msgspec.Raw) else value


def _name_of(call: Call) -> str | None:
    kind = call["type"]
    if kind not in {"page", "screen"}:
        return text(call.get("event"), "event_not_string", "event")
    name = text(call.get("name"), "name_not_string", "name")
    return " ".join(word for word in ("Viewed", name, kind.title()) if word)


def _complete_page(call: Call, request: Document, properties: Record) -> None:
    """Set the `uri` of a page view, and its category as a property."""
    url = decode(properties.get("url", NULL))
    if isinstance(url, str) and url:
        request.setdefault("uri", url)
    if (category := string(call, "category")) is not None:
        properties.setdefault("category", msgspec.Raw(encode(category)))
