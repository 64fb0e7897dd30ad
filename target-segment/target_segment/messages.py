"""A record as a Segment call, and a call as an encoded message; pure.

A message's id is made from what is sent, so the same record has the same id in every run and
Segment drops the repeat; a changed record has another. What changes without the record (when
it was extracted, which version of this program sends it) has no part in it. Segment looks for
repeats across all its customers, so the write key has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from target_segment.rules import check_call, check_size, iso_time

if TYPE_CHECKING:
    Record = dict[str, Any]
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

BOOKKEEPING = frozenset({"type", "sentAt", "receivedAt", "originalTimestamp", "version", "channel"})
"""What Segment adds to a message on its way, and is no trait or property of anybody."""

encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


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
        context = record.pop("context") if isinstance(record.get("context"), dict) else {}
        company = record.get("company")
        call = {
            "userId": as_id(record.get("id")),
            "integrations": {MOESIF_DESTINATION: False},
            "context": {**context, "active": False},
        }
        calls = [{**call, "type": "identify", "traits": record}]
        if self.company_groups and isinstance(company, dict) and "id" in company:
            group = {"type": "group", "groupId": as_id(company["id"]), "traits": company}
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
        if record.get("type") in OWN_FIELDS:
            kind = record["type"]
        taken = {
            name: as_id(value) if name in IDS else value
            for name in (*COMMON_FIELDS, *OWN_FIELDS[kind])
            if (value := record.pop(name, None)) is not None
        }
        time = record.pop("timestamp", None) or record.get("originalTimestamp")
        if time is not None:
            taken["timestamp"] = time
        if (content := content_of(kind)) is not None:
            rest = {name: value for name, value in record.items() if name not in BOOKKEEPING}
            own = rest.get(content, rest)
            taken[content] = {} if own is None else own
        return [self.message({"context": {}, **taken, "type": kind})]

    def message(self, call: Call, extracted: str | None = None) -> Message:
        """Check and encode a call.

        Args:
            call: As Segment's specification has it, with a context.
            extracted: The time for a call that has none of its own; no part of its id.
        """
        if self.integrations is not None:
            call["integrations"] = self.integrations
        check_call(call)
        if "timestamp" in call:
            call["timestamp"] = iso_time(call["timestamp"])
        if (content := content_of(call["type"])) is not None:
            # The large part is encoded once.
            call[content] = msgspec.Raw(encode(self._without_nulls(call[content])))
        if "messageId" not in call:
            call["messageId"] = blake2b(encode(call), digest_size=16, key=self.tenant).hexdigest()
        call["context"] = {"library": self.library, **call["context"]}
        if extracted is not None:
            call.setdefault("timestamp", extracted)
        body = encode(call)
        check_size(body)
        return call.get("userId") or call["anonymousId"], body

    def _without_nulls(self, content: dict[str, Any]) -> dict[str, Any]:
        if self.null_traits:
            return content
        return {name: value for name, value in content.items() if value is not None}


def content_of(kind: str) -> str | None:
    """Name the field that holds what the account itself puts into a call."""
    if kind == "alias":
        return None
    return "traits" if kind in {"identify", "group"} else "properties"


def tenant_of(write_key: str) -> bytes:
    """Make the part of the ids that is this source's own; the key cannot be read from it."""
    return blake2b(write_key.encode(), digest_size=32, person=b"target-segment").digest()


def as_id(value: object) -> object:
    """Write a whole number as the string that Segment wants for an id."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value
