"""What Segment takes, checked before it is sent.

Segment answers 200 and drops a bad message later, in silence. So its own discard codes (Segment,
"Debugger and discarded events") are the checks made here, and the reasons in the rejects file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery import RecordRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

# Segment, "HTTP Tracking API", limits: 32 KB a message, 500 KB a batch, 2,500 messages a batch.
# Clients differ on what a KB is, so we stay below either reading.
MAX_MESSAGE_BYTES = 32_000
MAX_BATCH_BYTES = 475_000
MAX_BATCH_MESSAGES = 2_500


def check_call(call: Mapping[str, Any]) -> None:
    """Check a call for what makes Segment discard it.

    Raises:
        RecordRejected: With Segment's discard code.
    """
    ids = [call[name] for name in ("userId", "anonymousId") if call.get(name) is not None]
    if not ids:
        raise RecordRejected("no_user_anon_id", "Neither a user id nor an anonymous id.")
    if not all(isinstance(value, str) and value for value in ids):
        raise RecordRejected("id_not_string", "An id is empty or is no string.")
    if not isinstance(call.get("traits", {}), dict):
        raise RecordRejected("traits_not_object", "The traits are no object.")


def check_size(body: bytes) -> None:
    """Check that an encoded message is not larger than Segment takes.

    Raises:
        RecordRejected: It is.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise RecordRejected(
            "message_too_large",
            f"The message has {len(body)} bytes; Segment takes {MAX_MESSAGE_BYTES}.",
        )
