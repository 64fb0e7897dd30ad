"""Encodes documents for Moesif's collector; pure.

https://www.moesif.com/docs/api#users, #companies, #subscriptions and #track-user-actions.

Moesif merges users, companies and subscriptions into its existing data, so repeats are harmless. It
drops a repeated action with the same `transaction_id`. That is the action's own id, or else a
digest of its content, without the extraction time, so a record has the same id in every run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery import RecordRejected
from singer_delivery.fingerprints import subjects
from singer_delivery.fingerprints.changes import FINGERPRINT_BYTES, entity_key
from singer_delivery.fingerprints.subjects import Subject
from singer_delivery.sending.batching import Message
from singer_delivery.values import NULL, as_object, decode, decode_exactly, encode, iso_time
from target_moesif.rules import (
    ACTION,
    COMPANY,
    IDS,
    SUBSCRIPTION,
    USER,
    check_lateness,
    check_size,
    identifier,
    text,
    time,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_moesif.rules import Kind

    Record = dict[str, msgspec.Raw]
    Document = dict[str, Any]

RESERVED = {
    "firstName": "first_name",
    "lastName": "last_name",
    "avatar": "photo_url",
    "photoUrl": "photo_url",
}
"""Moesif's reserved keys of `metadata` for traits with another name.

`email`, `name` and `phone` have the same name in both.
"""

TIMES = frozenset(
    {
        *("modified_time", "time", "start_date", "created", "trial_start", "trial_end"),
        *("current_period_start", "current_period_end", "cancel_time"),
    }
)
OBJECTS = frozenset({"campaign", "metadata"})
NOT_NULLABLE = IDS | TIMES | {"uri", "action_name"}
"""Fields that are never sent as null."""

NO_URI = "https://unknown.invalid/"
"""The `uri` of an action without one, because Moesif requires it."""

MISSING_IP_ADDRESS = "0.0.0.0"  # noqa: S104, no socket is bound to it
"""The IP address of an action without one."""

MESSAGE_IDS = bytes.fromhex("07a3958346a8427c9c9a5c15db18fb0f")
"""Namespace of the UUIDs for a source's own message ids."""

_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class DocumentBuilder:
    """Builds documents.

    Attributes:
        tenant: A digest of the application id, from `tenant_of`; part of each generated id.
        action_uri: The `uri` of an action without one.
        missing_ip_address: The IP address of an action without one; with None, Moesif uses the
            sender's.
        null_traits: Whether to send nulls.
        now: Returns seconds since the epoch, if late actions are to be rejected.
        stream: Name of the stream, if only changes are sent.
        names_subjects: Whether messages have a `subject`, for `on_removed`.
        names_traits: Whether messages have the names of their metadata, too.
    """

    tenant: bytes
    action_uri: str = NO_URI
    missing_ip_address: str | None = MISSING_IP_ADDRESS
    null_traits: bool = False
    now: Callable[[], float] | None = None
    stream: str | None = None
    names_subjects: bool = False
    names_traits: bool = False

    def set_field(self, document: Document, name: str, raw: msgspec.Raw) -> None:
        """Check and convert a value, and set it in a document.

        Raises:
            RecordRejected: Moesif would refuse it.
        """
        if raw == NULL:
            if self.null_traits and name not in NOT_NULLABLE:
                document[name] = raw
        elif name in IDS:
            document[name] = identifier(raw, name)
        elif name in TIMES:
            document[name] = time(decode(raw), name)
        elif name in OBJECTS:
            document[name] = msgspec.Raw(encode(self.fields(raw, name)))
        elif name == "action_name":
            document[name] = text(decode(raw), "event_not_string", name)
        else:
            document[name] = raw

    def fields(self, raw: msgspec.Raw, name: str) -> Document:
        """Return the fields of an object, without nulls unless these are sent.

        Raises:
            RecordRejected: It is not an object.
        """
        if raw == NULL or self.null_traits or b"null" not in encode(raw):
            return object_of(raw, name)
        fields = decode_exactly(raw)
        return without_nulls(fields) if isinstance(fields, dict) else object_of(raw, name)

    def describe(self, document: Document, metadata: Record, *, merged: bool = True) -> None:
        """Set the metadata of a document, unless it is empty.

        Args:
            document: The document; it is modified.
            metadata: The metadata, with encoded values.
            merged: Whether Moesif merges the document; nulls at any depth are then removed.
        """
        if not self.null_traits and NULL in metadata.values():
            metadata = {name: value for name, value in metadata.items() if value != NULL}
        if not metadata:
            return
        body = encode(metadata)
        if merged and b"null" in body and not self.null_traits:
            body = encode(without_nulls(decode_exactly(body)))
        document["metadata"] = msgspec.Raw(body)

    def user(self, document: Document) -> Message:
        """Return the message for a user."""
        user = _required(document, "user_id")
        return self._profile(USER, document, user, f"{subjects.USER}{user}")

    def link(self, user_id: str, company_id: str) -> Message:
        """Return the message that links a user to a company."""
        document = {"user_id": user_id, "company_id": company_id}
        return self._merged(USER, document, user_id, "link", user_id)

    def company(self, document: Document) -> Message:
        """Return the message for a company."""
        company = _required(document, "company_id")
        return self._profile(COMPANY, document, company, f"{subjects.COMPANY}{company}")

    def subscription(self, document: Document) -> Message:
        """Return the message for a subscription, in order with its company."""
        subscription = _required(document, "subscription_id")
        key = _required(document, "company_id")
        if document.get("status", NULL) == NULL:
            raise RecordRejected("status_not_defined", "It has no status.")
        return self._merged(SUBSCRIPTION, document, key, subscription)

    def action(
        self, document: Document, extracted: str | None = None, distinction: bytes = b""
    ) -> Message:
        """Return the message for an action, in order with its user.

        Args:
            document: The action. Its `transaction_id` may be any string, its `request` incomplete.
            extracted: The time for an action without one; not part of its id.
            distinction: Distinguishes an action without an id from equal ones; part of its id.
        """
        if document.get("action_name") is None:
            raise RecordRejected("event_not_defined", "It has no event.")
        request = document["request"]
        request.setdefault("uri", self.action_uri)
        if self.missing_ip_address is not None:
            request.setdefault("ip_address", self.missing_ip_address)
        message_id = self._transaction_id(document, distinction)
        document["transaction_id"] = message_id
        action_time = request.get("time") or iso_time(extracted, zone_required=True)
        if action_time is not None:
            request["time"] = action_time
            if self.now is not None:
                check_lateness(action_time, self.now())
        body = _encoded(ACTION, document)
        return Message(_owner_of(document), body, ACTION.endpoint, id=message_id)

    def _profile(self, kind: Kind, document: Document, key: str, subject: str) -> Message:
        """Return the message for a user or a company, with its subject for `on_removed`."""
        message = self._merged(kind, document, key, key)
        if self.names_subjects:
            message.subject = Subject(self.stream or "", subject)
            if self.names_traits:
                message.traits = tuple(as_object(document.get("metadata", NULL)) or ())
        return message

    def _merged(self, kind: Kind, document: Document, key: str, *subject: str) -> Message:
        """Return the message for a document that Moesif merges, with its fingerprint."""
        message = Message(key, _encoded(kind, document), kind.endpoint)
        if self.stream is not None:
            message.entity_key = entity_key(self.tenant, self.stream, kind.name, *subject)
            content = {name: value for name, value in document.items() if name != "modified_time"}
            message.fingerprint = sha256(encode(content)).digest()[:FINGERPRINT_BYTES]
        return message

    def _transaction_id(self, document: Document, distinction: bytes) -> str:
        own: str | None = document.get("transaction_id")
        if own is None:
            return uuid(self.tenant, encode(document) + distinction)
        return own if _UUID.fullmatch(own) else uuid(MESSAGE_IDS, own.encode())


def _owner_of(action: Document) -> str:
    """Return the key that determines an action's lane: the id of its user or company."""
    owner: str = (
        action.get("user_id")
        or action.get("anonymous_id")
        or action.get("company_id")
        or action.get("session_token")
        or action["transaction_id"]
    )
    return owner


def object_of(raw: msgspec.Raw, name: str) -> Record:
    """Return the fields of an object, with encoded values; a null has none.

    Raises:
        RecordRejected: It is not an object.
    """
    fields = {} if raw == NULL else as_object(raw)
    if fields is None:
        raise RecordRejected("traits_not_object", f"Its {name} must be an object.")
    return fields


def _encoded(kind: Kind, document: Document) -> bytes:
    body = encode(document)
    check_size(kind, body)
    return body


def _required(document: Document, name: str) -> str:
    value: str | None = document.get(name)
    if value is None:
        raise RecordRejected("id_required", f"It has no {name}.")
    return value


def reserve(metadata: Record) -> None:
    """Copy traits to Moesif's reserved keys."""
    for name, key in RESERVED.items():
        value = metadata.get(name)
        if value is not None and metadata.get(key, NULL) == NULL and bytes(value)[:1] in b'"n':
            metadata[key] = value  # a string or null


def uuid(namespace: bytes, name: bytes) -> str:
    """Return a version-5 UUID (RFC 9562, 5.5), in 5 µs; `uuid.uuid5` takes 16.

    >>> uuid(bytes.fromhex("6ba7b8109dad11d180b400c04fd430c8"), b"www.example.com")
    '2ed6657d-e927-568b-95e1-2665a8aea6a2'
    """
    digits = sha1(namespace + name, usedforsecurity=False).hexdigest()
    variant = _VARIANTS[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def tenant_of(application_id: str) -> bytes:
    """Return a digest of the application id."""
    return sha256(b"target-moesif" + application_id.encode()).digest()[:16]


def without_nulls(fields: Document) -> Document:
    """Remove the nulls from an object, at any depth except in lists.

    Moesif may treat a null as a deletion.
    """
    return {
        name: without_nulls(value) if isinstance(value, dict) else value
        for name, value in fields.items()
        if value is not None
    }
