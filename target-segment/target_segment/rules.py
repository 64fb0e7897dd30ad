"""Segment's limits and rules, checked before sending.

Segment returns 200 and silently discards invalid messages later. So this module checks for
Segment's discard codes ("Delivery Overview", "Failed on ingest"), which are also the reasons in the
rejects file. `message_too_large`, `message_id_invalid`, `timestamp_invalid` and
`context_not_object` are our own. The README lists the codes that are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery import RecordRejected
from singer_delivery.values import decode, encode, iso_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    Call = dict[str, Any]

# Segment, "HTTP Tracking API", limits: 32 KB a message, 500 KB a batch, 2,500 messages a batch.
# Clients differ on what a KB is, so we stay below both.
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
"""The id that a call needs besides the user's."""

NAMED = frozenset({"page", "screen"})
"""Calls with a name and a category."""

CONSENT_EVENTS = frozenset({"Segment Consent Preference Updated", "Segment Consent Preference"})
"""Segment, "Consent on the Profile": names reserved for events with a user's consent."""


def check_call(call: Call) -> None:
    """Check that Segment would not discard a call.

    Args:
        call: A call as in `singer_delivery.routing.calls`; a consent that is null is removed.

    Raises:
        RecordRejected: Segment would discard it.
    """
    _check_ids(call)
    if call["type"] == "track":
        _check_event(call)
    elif call["type"] in NAMED:
        _check_names(call)
    for name, reason in _OBJECTS.items():
        if name in call and not isinstance(call[name], dict):
            raise RecordRejected(reason, f"Its {name} must be an object.")
    _check_time_and_id(call)
    if "consent" in call.get("context", ()):
        _check_consent(call["context"])
    if call.get("event") in CONSENT_EVENTS:
        _check_consent_event(call)


def _check_time_and_id(call: Mapping[str, Any]) -> None:
    if "timestamp" in call and iso_time(call["timestamp"]) is None:
        raise RecordRejected("timestamp_invalid", "Its timestamp is not an ISO 8601 time.")
    if "messageId" in call and not _is_message_id(call["messageId"]):
        raise RecordRejected(
            "message_id_invalid",
            f"Its messageId is not a string of 1 to {MAX_MESSAGE_ID_CHARACTERS} characters.",
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
        raise RecordRejected("id_not_string", f"Its {name} is empty or not a string.")


def _is_message_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_MESSAGE_ID_CHARACTERS


def _check_event(call: Mapping[str, Any]) -> None:
    event = call.get("event")
    if event is None or event == "":
        raise RecordRejected("event_not_defined", "It has no event.")
    if not isinstance(event, str):
        raise RecordRejected("event_not_string", "Its event is not a string.")


def _check_names(call: Mapping[str, Any]) -> None:
    for name in ("name", "category"):
        if name in call and not (isinstance(call[name], str) and call[name]):
            raise RecordRejected(f"{name}_not_string", f"Its {name} is empty or not a string.")


def _check_consent(context: dict[str, Any]) -> None:
    """Check the form of a consent: `{"categoryPreferences": {"Advertising": true}}`.

    Segment documents its codes for consent events only. How it handles a malformed consent in
    another call is not published, so that is rejected, too.
    """
    consent = decode(encode(context["consent"]))
    if consent is None:
        del context["consent"]
        return
    preferences = consent.get("categoryPreferences", {}) if isinstance(consent, dict) else None
    if not isinstance(preferences, dict):
        where = "consent.categoryPreferences" if isinstance(consent, dict) else "consent"
        raise RecordRejected(
            "consent_categorypreferences_should_be_object",
            f"Its context.{where} must be an object.",
        )
    if not all(isinstance(consents, bool) for consents in preferences.values()):
        raise RecordRejected(
            "consent_categorypreferences_fields_should_be_bool",
            "A value of its context.consent.categoryPreferences is neither true nor false.",
        )


def _check_consent_event(call: Mapping[str, Any]) -> None:
    context = decode(encode(call.get("context", {})))
    if "categoryPreferences" not in context.get("consent", {}):
        raise RecordRejected(
            "consent_categoryprefences_should_exist",
            "It is a consent event without context.consent.categoryPreferences.",
        )
    if call.get("anonymousId") is None:
        raise RecordRejected(
            "consent_needs_anonymous_id_set", "It is a consent event without an anonymous id."
        )
    device = context.get("device")
    if isinstance(device, dict) and not isinstance(device.get("advertisingId", ""), str):
        raise RecordRejected(
            "device_advertisingid_should_be_string",
            "Its context.device.advertisingId is not a string.",
        )


def check_size(body: bytes) -> None:
    """Check the size of an encoded message.

    Raises:
        RecordRejected: It is too large.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise RecordRejected(
            "message_too_large",
            f"The message has {len(body)} bytes; Segment's limit is {MAX_MESSAGE_BYTES}.",
        )
