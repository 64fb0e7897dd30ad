"""A record as a Segment call, and a call as an encoded message; pure.

A message's id is made from what is sent, so the same record has the same id in every run and
Segment drops the repeat; a changed record has another. What changes without the record (when
it was extracted, which version of this program sends it) has no part in it. Segment looks for
repeats across all its customers, so the write key has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from target_segment.rules import check_call, check_size

MOESIF_DESTINATION = "Moesif API Analytics"
"""The name of Moesif's destination in Segment's catalog."""

encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls of records, in the same way all through one run.

    Attributes:
        tenant: What sets our ids apart from everybody else's, from `tenant_of`.
        integrations: Segment's `integrations` object, or None for each call's own.
        null_traits: Whether traits that are null are sent; they overwrite with null.
        library: Name and version of this program, for `context.library`.
    """

    tenant: bytes
    integrations: dict[str, Any] | None
    null_traits: bool
    library: dict[str, str]

    def moesif_user(self, record: dict[str, Any], time_extracted: str | None) -> tuple[str, bytes]:
        """Make a record of tap-moesif's `users` into an identify message.

        `active: false` tells Segment to update the traits and not when the user was last seen.
        The call is kept out of Moesif's own destination, where it would come round in a loop.

        Returns:
            The user's id, which keeps his messages in order, and the message.

        Raises:
            RecordRejected: Segment would discard it.
        """
        context = record.pop("context") if isinstance(record.get("context"), dict) else {}
        if not self.null_traits:
            record = {name: value for name, value in record.items() if value is not None}
        call = {
            "type": "identify",
            "userId": as_id(record.get("id")),
            "traits": record,
            "context": {**context, "active": False},
            "integrations": {MOESIF_DESTINATION: False},
        }
        return self.message(call, timestamp=aware_time(time_extracted))

    def message(self, call: dict[str, Any], *, timestamp: str | None) -> tuple[str, bytes]:
        """Check and encode a call.

        Args:
            call: As Segment's specification has it; its `context` is changed.
            timestamp: When it happened, where that is not part of the record itself.
        """
        if self.integrations is not None:
            call["integrations"] = self.integrations
        check_call(call)
        if "traits" in call:
            call["traits"] = msgspec.Raw(encode(call["traits"]))  # the large part, encoded once
        call["messageId"] = blake2b(encode(call), digest_size=16, key=self.tenant).hexdigest()
        call["context"]["library"] = self.library
        if timestamp is not None:
            call["timestamp"] = timestamp
        body = encode(call)
        check_size(body)
        return call["userId"], body


def tenant_of(write_key: str) -> bytes:
    """Make the part of the ids that is this source's own; the key cannot be read from it."""
    return blake2b(write_key.encode(), digest_size=32, person=b"target-segment").digest()


def as_id(value: object) -> object:
    """Write a number as the string that Segment wants for an id."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def aware_time(value: str | None) -> str | None:
    """Give back an ISO 8601 time with a zone, or None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return value if time.tzinfo else None
