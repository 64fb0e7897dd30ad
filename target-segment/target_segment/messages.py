"""A record as a Segment call, and a call as an encoded message; pure.

A message's id is made from what is sent, so the same record has the same id in every run and
Segment drops the repeat; a changed record has another. What changes without the record (when
it was extracted, which version of this program sends it) has no part in it. Segment looks for
repeats across all its customers, so the write key has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.values import NULL, as_id, as_object, decode, encode, iso_time
from target_segment.rules import check_call, check_size

if TYPE_CHECKING:
    Record = dict[str, msgspec.Raw]
    Call = dict[str, Any]
    Message = tuple[str, bytes]

MOESIF_DESTINATION = "Moesif API Analytics"
"""The name of Moesif's destination in Segment's catalog."""

OWN_FIELDS: dict[str, tuple[str, ...]] = {
    "identify": (),
    "group": ("groupId",),
    "track": ("event",),
    "page": ("name", "category"),
    "screen": ("name", "category"),
    "alias": ("previousId",),
}
"""Segment's calls, and the fields that only each of them has."""

COMMON_FIELDS = ("userId", "anonymousId", "messageId", "integrations", "context")
IDS = frozenset({"userId", "anonymousId", "groupId", "previousId"})

BOOKKEEPING = frozenset(
    {"type", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "version", "channel"}
)
"""What Segment adds to a message on its way, and is no trait or property of anybody."""

ID_CHARACTERS = 32  # 128 bits


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls of records, in the same way all through one run.

    Attributes:
        tenant: What sets our ids apart from everybody else's, from `tenant_of`.
        integrations: Segment's `integrations` object, or None for each call's own.
        null_traits: Whether traits that are null are sent; they overwrite with null.
        company_groups: Whether a Moesif user's company becomes a group call as well.
        library: Name and version of this program, for `context.library`.
    """

    tenant: bytes
    integrations: dict[str, Any] | None
    null_traits: bool
    company_groups: bool
    library: dict[str, str]

    def moesif_user(self, record: Record, time_extracted: str | None) -> list[Message]:
        """Make a record of tap-moesif's `users` into an identify message, and perhaps a group's.

        `active: false` tells Segment to update the traits and not when the user was last seen.
        The calls are kept out of Moesif's own destination, where they would come round in a loop.

        Returns:
            For each message what keeps it in order, the user's id, and its body.

        Raises:
            RecordRejected: Segment would discard it.
        """
        context = as_object(record.get("context", NULL))
        if context is not None or record.get("context") == NULL:
            record.pop("context")
        call = {
            "userId": as_id(decode(record.get("id", NULL))),
            "integrations": {MOESIF_DESTINATION: False},
            "context": {**(context or {}), "active": False},
        }
        calls = [{**call, "type": "identify", "traits": record}]
        company = as_object(record.get("company", NULL)) if self.company_groups else None
        if company and "id" in company:
            group = {"type": "group", "groupId": as_id(decode(company["id"])), "traits": company}
            calls.append({**call, **group})
        extracted = iso_time(time_extracted, zone_required=True)
        return [self.message(call, extracted) for call in calls]

    def segment_call(self, record: Record, kind: str) -> list[Message]:
        """Make a record that has the shape of a Segment call into that call.

        Args:
            record: With Segment's own names; its `type` wins over `kind`.
            kind: `identify`, `group` or `track`, from the stream's schema.

        Raises:
            RecordRejected: Segment would discard it.
        """
        brought = decode(record.get("type", NULL))
        if isinstance(brought, str) and brought in OWN_FIELDS:
            kind = brought
        taken = {
            name: as_id(value) if name in IDS else value
            for name in (*COMMON_FIELDS, *OWN_FIELDS[kind])
            if (value := decode(record.pop(name, NULL))) is not None
        }
        for name in ("timestamp", "originalTimestamp"):
            if (time := decode(record.get(name, NULL))) is not None:
                taken.setdefault("timestamp", time)
        if (content := content_of(kind)) is not None:
            taken[content] = self._content(record, content)
        return [self.message({"context": {}, **taken, "type": kind})]

    @staticmethod
    def _content(record: Record, name: str) -> object:
        """The traits or properties of a record; without such a field, all that is left of it."""
        if name not in record:
            return {key: raw for key, raw in record.items() if key not in BOOKKEEPING}
        if record[name] == NULL:
            return {}
        own = as_object(record[name])
        return decode(record[name]) if own is None else own

    def message(self, call: Call, extracted: str | None = None) -> Message:
        """Check and encode a call.

        Args:
            call: As Segment's specification has it, with a context; the values of its traits or
                properties are still encoded.
            extracted: The time for a call that has none of its own; no part of its id.
        """
        if self.integrations is not None:
            call["integrations"] = self.integrations
        check_call(call)
        if "timestamp" in call:
            call["timestamp"] = iso_time(call["timestamp"])
        content = content_of(call["type"])
        own = b"" if content is None else encode(self._without_nulls(call.pop(content)))
        if "messageId" not in call:
            call["messageId"] = self._id_of(own, encode(call))
        if content is not None:
            call[content] = msgspec.Raw(own)
        call["context"] = {"library": self.library, **call["context"]}
        if extracted is not None:
            call.setdefault("timestamp", extracted)
        body = encode(call)
        check_size(body)
        return call.get("userId") or call["anonymousId"], body

    def _id_of(self, *parts: bytes) -> str:
        hashed = sha256(self.tenant)
        for part in parts:
            hashed.update(part)
        return hashed.hexdigest()[:ID_CHARACTERS]

    def _without_nulls(self, content: Record) -> Record:
        if self.null_traits:
            return content
        return {name: value for name, value in content.items() if value != NULL}


def content_of(kind: str) -> str | None:
    """Name the field that holds what the account itself puts into a call."""
    if kind == "alias":
        return None
    return "traits" if kind in {"identify", "group"} else "properties"


def tenant_of(write_key: str) -> bytes:
    """Make the part of the ids that is this source's own; the key cannot be read from it."""
    return sha256(b"target-segment" + write_key.encode()).digest()
