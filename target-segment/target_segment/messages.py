"""Encodes calls as messages for Segment; pure.

A message's id is a digest of its content, so a record has the same id in every run and Segment
drops repeats; a changed record has another id. The extraction time and the version of this program
are not part of it. The write key is, because Segment deduplicates across all its customers. With
`changed_only`, so is the number of earlier changes: a trait that changes from A to B and back is
not a repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from singer_delivery import Message
from singer_delivery.fingerprints.changes import FINGERPRINT_BYTES, ID_CHARACTERS, entity_key
from singer_delivery.fingerprints.subjects import ANONYMOUS, COMPANY, USER, Subject
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

NOT_CONTENT = frozenset({"timestamp", "messageId"})
"""Fields that do not count as a change."""

HASH_CHUNK = 2_047
"""Bytes to hash at a time: for more, `hashlib` releases the GIL and then waits to get it back."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Encodes calls as messages.

    Attributes:
        tenant: A digest of the write key, from `tenant_of`; part of each id.
        integrations: Segment's `integrations` object, or None to keep each call's own.
        null_traits: Whether to send traits that are null; they overwrite.
        company_groups: Whether to send a group call for a Moesif user's company.
        library: Encoded name and version of this program, for `context.library`.
        stream: Name of the stream, if only changes are sent.
        names_subjects: Whether messages have a `subject`, for `on_removed`.
        names_traits: Whether messages have the names of their traits, too.
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
        """Encode a call, and a group call for the user's company, if wanted.

        Args:
            call: A call as in `singer_delivery.routing.calls`; it is modified.
            extracted: The `time_extracted` of its record.
            distinction: Distinguishes an event without an id from equal ones; part of its id.
            shape: The known shape of its record, if any.

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
            message.subject = None  # the record describes a subscription, not the company
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
            messages[1].subject = None  # the record describes the user
        return messages

    def _group_of(self, user: Call) -> Call | None:
        """Return the group call for a Moesif user's company, if there is one."""
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
            call: A call as in `singer_delivery.routing.calls`; it is modified.
            extracted: The timestamp for a call without one; not part of its id.
            distinction: Distinguishes an event without an id from equal ones; part of its id.
            changes: Whether an event counts as a change of its user or company.

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
        """Return the key of the user or group that a call describes."""
        get = call.get
        ids = get("userId", ""), get("anonymousId", ""), get("groupId", "")
        return entity_key(self.tenant, stream, call["type"], *ids)

    def _fingerprint(self, call: Call, digest: bytes, *rest: bytes) -> bytes:
        """Return a digest of the content of a call; `digest` covers all of it."""
        if not NOT_CONTENT.isdisjoint(call):
            content = {name: call[name] for name in call.keys() - NOT_CONTENT}
            digest = self._digest(encode(content), *rest)
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
        for start in range(0, len(text), HASH_CHUNK):
            hashed.update(text[start : start + HASH_CHUNK])
        return hashed.digest()


def traits_in(content: bytes) -> tuple[str, ...]:
    """Return the names of encoded traits, except `id`."""
    return tuple(name for name in as_object(Raw(content)) or () if name != "id")


def subject_of(call: Call, stream: str) -> Subject:
    """Return the user or group that a call describes."""
    user_id = call.get("userId")
    user = f"{ANONYMOUS}{call['anonymousId']}" if user_id is None else f"{USER}{user_id}"
    if call["type"] == "group":
        return Subject(stream, f"{COMPANY}{call['groupId']}", user)
    return Subject(stream, user)


def tenant_of(write_key: str) -> bytes:
    """Return a digest of the write key."""
    return sha256(b"target-segment" + write_key.encode()).digest()
