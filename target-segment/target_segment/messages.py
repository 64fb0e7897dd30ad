"""Encodes calls as messages for Segment; pure.

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

from msgspec import Raw

from singer_delivery import Message
from singer_delivery.fingerprints.changes import FINGERPRINT_BYTES, ID_CHARACTERS, entity_key
from singer_delivery.fingerprints.identities import ANONYMOUS, COMPANY, USER, Subject
from singer_delivery.routing import content_of
from singer_delivery.values import NULL, as_id, as_object, encode, iso_time, utc_milliseconds
from target_segment import moesif
from target_segment.rules import check_call, check_size

if TYPE_CHECKING:
    from singer_delivery.values import Record

    Call = dict[str, Any]

ID_BYTES = ID_CHARACTERS // 2

STATES = frozenset({"identify", "group"})
"""Calls that describe a user or group and need not be repeated; the others are events."""

OF_THE_SENDING = frozenset({"timestamp", "messageId"})
"""Fields that alone are no change."""

HASHED_AT_ONCE = 2_047
"""`hashlib` releases the GIL for more bytes than this, and then waits to get it back."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Encodes calls as messages.

    Attributes:
        tenant: What distinguishes ids of this source from those of others, from `tenant_of`.
        integrations: Segment's `integrations` object, or None for each call's own.
        null_traits: Whether traits that are null are sent; they overwrite with null.
        company_groups: Whether a Moesif user's company becomes a group call as well.
        library: Name and version of this program, encoded, for `context.library`.
        stream: The name of the stream, if only changes are sent.
        names_subjects: Whether messages say whom they describe, for `on_removed`.
        names_traits: Whether they also say which traits they send.
    """

    tenant: bytes
    integrations: dict[str, Any] | None
    null_traits: bool
    company_groups: bool
    library: bytes
    stream: str | None = None
    names_subjects: bool = False
    names_traits: bool = False

    def of_call(
        self, call: Call, extracted: str | None = None, distinction: bytes = b"", shape: str = ""
    ) -> list[Message]:
        """Encode a call, and perhaps a group call for the user's company.

        Args:
            call: In the terms of `singer_delivery.routing.calls`; it is modified.
            extracted: The `time_extracted` of its record.
            distinction: What distinguishes an event without an id from others like it.
            shape: The known shape of its record, if it has one.

        Raises:
            RecordRejected: Segment would discard it.
            RecordSkipped: Segment has no call for it.
        """
        if not shape.startswith(moesif.SHAPE_PREFIX):
            return [self.message(call, None, distinction)]
        call.setdefault("integrations", moesif.NOT_INTO_MOESIF)
        moesif.check_user(call, shape)
        if (shape, call["type"]) not in moesif.PROFILES:
            message = self.message(call, None, distinction)
            message.subject = None  # a subscription is not its company
            return [message]
        # Update the traits, but not when the user was last seen.
        if isinstance(context := call.setdefault("context", {}), dict):
            context.setdefault("active", False)
        time = utc_milliseconds(extracted) if isinstance(extracted, str) else None
        is_user = shape == moesif.USERS
        group = self._group_of(call) if is_user and self.company_groups else None
        messages = [self.message(call, time)]
        if group is not None:
            messages.append(self.message(group, time))
            messages[1].subject = None  # the record is the user's
        return messages

    def _group_of(self, user: Call) -> Call | None:
        """Make the group call of a Moesif user's company, where there is one."""
        traits = user.get("traits")
        if not isinstance(traits, dict):
            return None
        company = as_object(traits.get("company", NULL))
        if not company or "id" not in company:
            return None
        context = {**user["context"]} if isinstance(user["context"], dict) else user["context"]
        group = {"type": "group", "groupId": as_id(company["id"]), "traits": company}
        return {**user, **group, "context": context}

    def message(
        self,
        call: Call,
        extracted: str | None = None,
        distinction: bytes = b"",
        *,
        changes: bool = False,
    ) -> Message:
        """Check and encode a call.

        Args:
            call: In the terms of `singer_delivery.routing.calls`; it is modified.
            extracted: The time for a call that has none of its own; no part of its id.
            distinction: What distinguishes an event without an id from others; part of its id.
            changes: Whether it is part of the changes of a user or company, although it is an
                event.

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
        digest = self._digest(rest, encoded_context, content, distinction)
        message = Message(call.get("userId") or call["anonymousId"], b"")
        if self.stream is not None and call["type"] in STATES:
            message.entity_key = self._entity_key(call, self.stream)
            message.fingerprint = self._fingerprint(call, digest, encoded_context, content)
            message.subject = subject_of(call, self.stream) if self.names_subjects else None
            message.traits = traits_in(content) if self.names_traits else ()
        message.call, message.id = call["type"], call.get("messageId", "")
        if "messageId" not in call:
            message.id = digest[:ID_BYTES].hex()
            parts += (b',"messageId":"', message.id.encode(), b'"')
            if message.entity_key is not None or changes:
                message.id_at = sum(map(len, parts[:4]))
        if extracted is not None and "timestamp" not in call:
            parts += (b',"timestamp":"', extracted.encode(), b'"')
        if name is not None:
            parts += (b',"', name.encode(), b'":', content)
        parts.append(b"}")
        message.body = b"".join(parts)
        check_size(message.body)
        return message

    def _entity_key(self, call: Call, stream: str) -> int:
        """Return the key of what a call describes."""
        get = call.get
        ids = get("userId", ""), get("anonymousId", ""), get("groupId", "")
        return entity_key(self.tenant, stream, call["type"], *ids)

    def _fingerprint(self, call: Call, digest: bytes, *rest: bytes) -> bytes:
        """Return a digest of the content of a call; `digest` covers all of it."""
        if not OF_THE_SENDING.isdisjoint(call):
            said = {name: call[name] for name in call.keys() - OF_THE_SENDING}
            digest = self._digest(encode(said), *rest)
        return digest[:FINGERPRINT_BYTES]

    def _encoded(self, content: Record) -> bytes:
        if not self.null_traits and NULL in content.values():
            content = {name: value for name, value in content.items() if value != NULL}
        return encode(content)

    def _with_library(self, context: Call, encoded: bytes) -> bytes:
        """Add `library` to a context that has none."""
        if "library" in context:
            return encoded
        rest = b"," + encoded[1:] if context else b"}"
        return b'{"library":' + self.library + rest

    def _digest(self, *parts: bytes) -> bytes:
        hashed, text = sha256(self.tenant), b"".join(parts)
        for start in range(0, len(text), HASHED_AT_ONCE):
            hashed.update(text[start : start + HASHED_AT_ONCE])
        return hashed.digest()


def traits_in(content: bytes) -> tuple[str, ...]:
    """Return the names of encoded traits, except the id, which they repeat."""
    return tuple(name for name in as_object(Raw(content)) or () if name != "id")


def subject_of(call: Call, stream: str) -> Subject:
    """Return the user or group that a call describes."""
    user_id = call.get("userId")
    user = f"{ANONYMOUS}{call['anonymousId']}" if user_id is None else f"{USER}{user_id}"
    if call["type"] == "group":
        return Subject(stream, f"{COMPANY}{call['groupId']}", user)
    return Subject(stream, user)


def tenant_of(write_key: str) -> bytes:
    """Return a digest of the write key, from which the key cannot be read."""
    return sha256(b"target-segment" + write_key.encode()).digest()
