"""A call as an encoded message for Segment, and a record of tap-moesif as such a call; pure.

A message's id is made from what is sent, so the same record has the same id in every run and
Segment drops the repeat; a changed record has another. What changes without the record (when
it was extracted, which version of this program sends it) has no part in it. Segment looks for
repeats across all its customers, so the write key has one. Where only changes are sent, so has the
number of changes before it of the same: a trait that changes from A to B and back is no repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from singer_delivery import Message
from singer_delivery.routing.calls import content_of
from singer_delivery.routing.router import MOESIF_FIELDS, Plan
from singer_delivery.routing.shapes import MoesifStream
from singer_delivery.state.fingerprints import FINGERPRINT_BYTES, ID_CHARACTERS, subject_of
from singer_delivery.values import NULL, as_id, as_object, decode, encode, iso_time
from target_segment.rules import check_call, check_size

if TYPE_CHECKING:
    from singer_delivery.values import Record

    Call = dict[str, Any]

MOESIF_DESTINATION = "Moesif API Analytics"
"""The name of Moesif's destination in Segment's catalog."""

NOT_INTO_MOESIF = {MOESIF_DESTINATION: False}
"""Segment's `integrations` for what comes from Moesif, where it would come round in a loop."""

USER_ACTION = "user_action"
"""The `event_type` of a custom action, in Moesif's events; the others are API calls."""

MOESIF_ACTION = Plan(
    "track",
    MOESIF_FIELDS[MoesifStream.EVENTS],
    context={
        "ip": "request.ipAddress",
        "userAgent": "request.userAgentString",
        "page.url": "request.uri",
    },
    own=True,
)
"""Moesif's mapping of a track call to an action, read the other way."""

ID_BYTES = ID_CHARACTERS // 2

STATES = frozenset({"identify", "group"})
"""Calls that say how somebody is, and need not be sent while that is so; the others are events."""

OF_THE_SENDING = frozenset({"timestamp", "messageId"})
"""What alone makes no change."""

HASHED_AT_ONCE = 2_047
"""For more bytes than these `hashlib` lets other threads run, and waits for them afterwards."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Makes messages of calls and of tap-moesif's records, in the same way all through one run.

    Attributes:
        tenant: What sets our ids apart from everybody else's, from `tenant_of`.
        integrations: Segment's `integrations` object, or None for each call's own.
        null_traits: Whether traits that are null are sent; they overwrite with null.
        company_groups: Whether a Moesif user's company becomes a group call as well.
        library: Name and version of this program, encoded, for `context.library`.
        stream: The records' own, where only changes are sent.
    """

    tenant: bytes
    integrations: dict[str, Any] | None
    null_traits: bool
    company_groups: bool
    library: bytes
    stream: str | None = None

    def moesif_user(self, record: Record, time_extracted: str | None) -> list[Message]:
        """Make a record of tap-moesif's `users` into an identify message, and perhaps a group's.

        `active: false` tells Segment to update the traits and not when the user was last seen.

        Raises:
            RecordRejected: Segment would discard it.
        """
        raw = record.get("context", NULL)
        context = as_object(raw)
        if context is not None or raw == NULL:
            record.pop("context", None)
        call = {
            "userId": as_id(decode(record.get("id", NULL))),
            "integrations": NOT_INTO_MOESIF,
            "context": {**(context or {}), "active": False},
        }
        calls: list[Call] = [{**call, "type": "identify", "traits": record}]
        company = as_object(record.get("company", NULL)) if self.company_groups else None
        if company and "id" in company:
            group = {"type": "group", "groupId": as_id(decode(company["id"])), "traits": company}
            calls.append({**call, **group})
        extracted = iso_time(time_extracted, zone_required=True)
        return [self.message(call, extracted) for call in calls]

    def moesif_event(self, record: Record, _time_extracted: str | None) -> list[Message]:
        """Make a custom action of tap-moesif's `events` into a track message; leave API calls out.

        Raises:
            RecordRejected: Segment would discard it.
        """
        if decode(record.get("eventType", NULL)) != USER_ACTION:
            return []
        record["properties"] = record.pop("metadata", NULL)
        return self.routed(MOESIF_ACTION(record), from_moesif=True)

    def routed(self, call: Call | None, *, from_moesif: bool) -> list[Message]:
        """Make a call that was made of a record into its message.

        Args:
            call: None where the record is to be left out.
            from_moesif: Whether tap-moesif read the record.

        Raises:
            RecordRejected: Segment would discard it.
        """
        if call is None:
            return []
        if from_moesif:
            call.setdefault("integrations", NOT_INTO_MOESIF)
        return [self.message(call)]

    def message(self, call: Call, extracted: str | None = None) -> Message:
        """Check and encode a call.

        Args:
            call: In the terms of `singer_delivery.routing.calls`; it is used up.
            extracted: The time for a call that has none of its own; no part of its id.

        Raises:
            RecordRejected: Segment would discard it.
        """
        if self.integrations is not None:
            call["integrations"] = self.integrations
        check_call(call)
        if "timestamp" in call:
            call["timestamp"] = iso_time(call["timestamp"])
        name = content_of(call["type"])
        content = b"" if name is None else self._encoded(call.pop(name))
        context = call.pop("context", {})
        encoded_context = encode(context)
        rest = encode(call)
        parts = [rest[:-1], b',"context":', self._with_library(context, encoded_context)]
        digest = self._digest(rest, encoded_context, content)
        message = Message(call.get("userId") or call["anonymousId"], b"")
        if self.stream is not None and call["type"] in STATES:
            message.subject = self._subject(call, self.stream)
            message.fingerprint = self._fingerprint(call, digest, encoded_context, content)
        if "messageId" not in call:
            parts += (b',"messageId":"', digest[:ID_BYTES].hex().encode(), b'"')
            if message.subject is not None:
                message.id_at = sum(map(len, parts[:4]))
        if extracted is not None and "timestamp" not in call:
            parts += (b',"timestamp":"', extracted.encode(), b'"')
        if name is not None:
            parts += (b',"', name.encode(), b'":', content)
        parts.append(b"}")
        message.body = b"".join(parts)
        check_size(message.body)
        return message

    def _subject(self, call: Call, stream: str) -> int:
        """Say what a call describes."""
        get = call.get
        ids = get("userId", ""), get("anonymousId", ""), get("groupId", "")
        return subject_of(self.tenant, stream, call["type"], *ids)

    def _fingerprint(self, call: Call, digest: bytes, *rest: bytes) -> bytes:
        """Say in short what a call says; `digest` is of all of it."""
        if not OF_THE_SENDING.isdisjoint(call):
            said = {name: call[name] for name in call.keys() - OF_THE_SENDING}
            digest = self._digest(encode(said), *rest)
        return digest[:FINGERPRINT_BYTES]

    def _encoded(self, content: Record) -> bytes:
        if not self.null_traits and NULL in content.values():
            content = {name: value for name, value in content.items() if value != NULL}
        return encode(content)

    def _with_library(self, context: Call, encoded: bytes) -> bytes:
        """Say in a context which program sends it, where nothing else says so."""
        if "library" in context:
            return encoded
        rest = b"," + encoded[1:] if context else b"}"
        return b'{"library":' + self.library + rest

    def _digest(self, *parts: bytes) -> bytes:
        hashed, text = sha256(self.tenant), b"".join(parts)
        for start in range(0, len(text), HASHED_AT_ONCE):
            hashed.update(text[start : start + HASHED_AT_ONCE])
        return hashed.digest()


def tenant_of(write_key: str) -> bytes:
    """Make the part of the ids that is this source's own; the key cannot be read from it."""
    return sha256(b"target-segment" + write_key.encode()).digest()
