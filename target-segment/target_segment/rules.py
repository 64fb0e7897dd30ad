"""What Segment takes, checked before it is sent.

Segment answers 200 and drops a bad message later, in silence. So its own discard codes (Segment,
"Debugger and discarded events") are the checks made here, and the reasons in the rejects file;
`message_too_large`, `message_id_invalid`, `timestamp_invalid` and `context_not_object` are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery import RecordRejected
from singer_delivery.values import iso_time

if TYPE_CHECKING:
    from collections.abc import Mapping

# Segment, "HTTP Tracking API", limits: 32 KB a message, 500 KB a batch, 2,500 messages a batch.
# Clients differ on what a KB is, so we stay below either reading.
MAX_MESSAGE_BYTES = 32_000
MAX_BATCH_BYTES = 475_000
MAX_BATCH_MESSAGES = 2_500

# Segment, "HTTP Tracking API": "messageId … of at most 100 characters"; clients keep to 99.
MAX_MESSAGE_ID_CHARACTERS = 99

_OBJECTS = {
    "traits": "traits_not_object",
    "properties": "properties_not_object",
    "context": "context_not_object",
}
NEEDED_IDS = {"group": "groupId", "alias": "previousId"}
"""What a call is of, besides a user."""


def check_call(call: Mapping[str, Any]) -> None:
    """Check a call for what makes Segment discard it.

    Raises:
        RecordRejected: With the code, and the field's name.
    """
    _check_ids(call)
    if call["type"] == "track":
        _check_event(call.get("event"))
    for name, reason in _OBJECTS.items():
        if name in call and not isinstance(call[name], dict):
            raise RecordRejected(reason, f"Its {name} are no object.")
    if "timestamp" in call and iso_time(call["timestamp"]) is None:
        raise RecordRejected("timestamp_invalid", "Its timestamp is no ISO 8601 time.")
    if "messageId" in call and not _is_message_id(call["messageId"]):
        raise RecordRejected(
            "message_id_invalid",
            f"Its messageId is no string of 1 to {MAX_MESSAGE_ID_CHARACTERS} characters.",
        )


def _check_ids(call: Mapping[str, Any]) -> None:
    user, anonymous = call.get("userId"), call.get("anonymousId")
    if user is None and anonymous is None:
        raise RecordRejected("no_user_anon_id", "It has neither a user id nor an anonymous id.")
    if user is not None:
        _check_id("userId", user)
    if anonymous is not None:
        _check_id("anonymousId", anonymous)
    if (needed := NEEDED_IDS.get(call["type"])) is not None:
        if call.get(needed) is None:
            raise RecordRejected("id_required", f"It has no {needed}.")
        _check_id(needed, call[needed])


def _check_id(name: str, value: object) -> None:
    if not (isinstance(value, str) and value):
        raise RecordRejected("id_not_string", f"Its {name} is empty or no string.")


def _is_message_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_MESSAGE_ID_CHARACTERS


def _check_event(event: object) -> None:
    if event is None or event == "":
        raise RecordRejected("event_not_defined", "It has no event.")
    if not isinstance(event, str):
        raise RecordRejected("event_not_string", "Its event is no string.")


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
