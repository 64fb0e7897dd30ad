"""Segment's rules for the messages of a request.

The API is stateless and returns 200 for nearly everything; whether a message is kept is decided
later, and the response does not show it.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

import msgspec

from moesif_sandbox.settings import Settings
from moesif_sandbox.times import parse_iso, zulu
from moesif_sandbox.web import RefusedError

Message = dict[str, object]

# Segment, HTTP Tracking API, 'Max request size': 32 KB a message, 500 KB a batch. The official
# clients read a KB as 1,024 bytes.
MAX_MESSAGE_BYTES = 32 * 1024
MAX_BODY_BYTES = 500 * 1024
# Segment, HTTP Tracking API, 'Batch': above it, the response is 200 and the events are rejected.
MAX_BATCH_MESSAGES = 2_500
# Segment, HTTP Tracking API, 'Troubleshooting': a message id is shorter than 100 characters.
MAX_MESSAGE_ID_CHARACTERS = 99

_IDS = ("userId", "anonymousId", "groupId", "previousId")
_REQUIRED_IDS = {"group": "groupId", "alias": "previousId"}
_OBJECTS = {"identify": "traits", "group": "traits", "track": "properties", "page": "properties",
            "screen": "properties", "alias": "context"}  # fmt: skip


class Batch(msgspec.Struct, rename="camel"):
    """The body of a request; its messages stay encoded, for their size."""

    batch: list[msgspec.Raw]
    write_key: object = None
    sent_at: object = None


def read(body: bytes) -> Batch:
    """Return a request's batch; raise a `RefusedError` if it is too large or invalid."""
    if len(body) > MAX_BODY_BYTES:
        raise RefusedError(f"the body has {len(body)} bytes, more than {MAX_BODY_BYTES}")
    try:
        msgspec.json.decode(body)  # validates the messages, too
        return msgspec.json.decode(body, type=Batch)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(f"the body is not a valid request: {error}") from error


def judge(
    given: Batch, key: str | None, region: str | None, at: datetime, settings: Settings
) -> tuple[list[Message], list[Message]]:
    """Return the messages of a batch that are stored, and those that are dropped with the reasons.

    `key` is from the header, the default is in the body; `region` is the host's, if it has one.
    """
    accepted, discarded = list[Message](), list[Message]()
    refused = _reason_for_all(given, key or given.write_key, region, settings)
    for raw in given.batch:
        message = msgspec.json.decode(raw)
        reason = refused or next(_reasons(message, len(bytes(raw))), None)
        if reason:
            discarded.append({"reason": reason, "message": message})
        else:
            accepted.append(_stored(message, given.sent_at, at))
    return accepted, discarded


def _reason_for_all(
    given: Batch, key: object, region: str | None, settings: Settings
) -> str | None:
    if key != settings.write_key:
        return "unknown_write_key" if key else "no_write_key"
    if region not in {None, settings.region}:
        return "wrong_region"
    return "too_many_messages" if len(given.batch) > MAX_BATCH_MESSAGES else None


def _reasons(message: object, size: int) -> Iterator[str]:
    """Yield the reasons for which a message is dropped."""
    if not isinstance(message, dict):
        yield "not_object"
        return
    kind = str(message.get("type"))
    if size >= MAX_MESSAGE_BYTES:
        yield "message_too_large"
    if kind not in _OBJECTS:
        yield "type_unknown"
    yield from _id_reasons(message, kind)
    event = message.get("event", "")
    if kind == "track" and (event in (None, "") or not isinstance(event, str)):
        yield "event_not_defined" if event in (None, "") else "event_not_string"
    for name in (_OBJECTS.get(kind, "context"), "context"):
        if not isinstance(message.get(name, {}), (dict, type(None))):
            yield f"{name}_not_object"
    times = [message[name] for name in ("timestamp", "sentAt") if message.get(name) is not None]
    if not all(map(_time, times)):
        yield "timestamp_invalid"


def _id_reasons(message: Message, kind: str) -> Iterator[str]:
    given = {name: message[name] for name in _IDS if message.get(name) is not None}
    if not given.keys() & {"userId", "anonymousId"}:
        yield "no_user_anon_id"
    if not all(isinstance(id_, str) and id_ for id_ in given.values()):
        yield "id_not_string"
    if kind in _REQUIRED_IDS and _REQUIRED_IDS[kind] not in given:
        yield "id_required"
    message_id = message.get("messageId", "")
    if not isinstance(message_id, (str, type(None))):
        yield "message_id_not_string"
    elif len(message_id or "") > MAX_MESSAGE_ID_CHARACTERS:
        yield "message_id_too_long"


def _stored(message: Message, sent_at: object, at: datetime) -> Message:
    """Return a message as Segment stores it: with an id and a corrected time."""
    original, sent = _time(message.get("timestamp")), _time(message.get("sentAt") or sent_at)
    id_ = message.get("messageId") or str(uuid4())
    kept = {**message, "messageId": id_, "receivedAt": zulu(at)}
    if sent is not None:
        kept["sentAt"] = zulu(sent)
    if original is not None:
        kept["originalTimestamp"] = message["timestamp"]
    kept["timestamp"] = zulu(_corrected(original, sent, at))
    return kept


def _corrected(original: datetime | None, sent: datetime | None, received: datetime) -> datetime:
    """Return the time to store: `receivedAt - (sentAt - timestamp)`."""
    if original is None:
        return received
    try:
        return original if sent is None else received - (sent - original)
    except OverflowError:  # out of the calendar's range
        return original


def _time(value: object) -> datetime | None:
    return parse_iso(value.replace(" ", "T", 1)) if isinstance(value, str) else None
