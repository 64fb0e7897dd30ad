"""Segment's rules: what the tracking API does with each message of a request.

Pure: a request's bytes and the time go in, an answer and a verdict on each message come out. The
edge is stateless and says 200 to nearly everything; what becomes of a message is decided behind
it, and shows only in what this module records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from moesif_sandbox.bodies import RefusedError
from moesif_sandbox.segment_times import corrected, parse_time, show_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

Message = dict[str, object]

# Segment, HTTP Tracking API, 'Max request size': 32 KB a message, 500 KB a batch. The official
# clients read a KB as 1,024 bytes.
MAX_MESSAGE_BYTES = 32 * 1024
MAX_BODY_BYTES = 500 * 1024
# Segment, HTTP Tracking API, 'Batch': over it, the answer is 200 and the events are rejected.
MAX_BATCH_MESSAGES = 2_500
# Segment, HTTP Tracking API, 'Troubleshooting': a message id is shorter than 100 characters.
MAX_MESSAGE_ID_CHARACTERS = 99
# Segment, Engage default limits: an identify with this many traits is rejected there.
ENGAGE_TRAITS = 300
# Segment, 'Guaranteed delivery: de-duplication': at least this long, by `messageId` alone.
DUPLICATE_WINDOW = timedelta(hours=24)

TYPES = ("identify", "group", "track", "page", "screen", "alias")
_OBJECTS = {
    "identify": ("traits", "traits_not_object"),
    "group": ("traits", "traits_not_object"),
    "track": ("properties", "properties_not_object"),
    "page": ("properties", "properties_not_object"),
    "screen": ("properties", "properties_not_object"),
}
_IDS = ("userId", "anonymousId", "groupId", "previousId")


class _Body(msgspec.Struct):
    """The body of a batch, its messages still encoded, so that their size can be seen."""

    batch: list[msgspec.Raw]
    writeKey: object = None  # noqa: N815 - Segment's name
    sentAt: object = None  # noqa: N815 - Segment's name
    context: dict[str, object] | None = None
    integrations: dict[str, object] | None = None


@dataclass(frozen=True)
class Batch:
    """The messages of a request, each with its size in bytes, and what they share."""

    messages: Sequence[tuple[object, int]]
    write_key: object = None
    sent_at: object = None
    context: Message | None = None
    integrations: Message | None = None


@dataclass(frozen=True)
class Source:
    """The one source of the workspace: what a request must know to be accepted."""

    write_key: str
    region: str = "us"


@dataclass(frozen=True)
class Arrival:
    """How a request came: when, from where, to which region's host, with which key."""

    at: datetime
    address: str
    basic_key: str | None = None
    region: str | None = None  # None: the host of whatever region the workspace is in


@dataclass
class Verdict:
    """What became of a request's messages, in their order."""

    accepted: list[Message] = field(default_factory=list)
    discarded: list[tuple[str, object]] = field(default_factory=list)  # reason, message


def read(body: bytes, message_type: str | None) -> Batch:
    """Return a request's messages: of a batch, or the one of `/identify` and its kin.

    Raises:
        RefusedError: the body is too large, no JSON, or has no messages where they should be.
    """
    if len(body) > MAX_BODY_BYTES:
        raise RefusedError(f"the body has {len(body)} bytes, more than {MAX_BODY_BYTES}")
    try:
        return _batch(body) if message_type is None else _single(body, message_type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(f"the body is no valid request: {error}") from error


def _batch(body: bytes) -> Batch:
    given = msgspec.json.decode(body, type=_Body)
    messages = [(msgspec.json.decode(raw), len(bytes(raw))) for raw in given.batch]
    return Batch(messages, given.writeKey, given.sentAt, given.context, given.integrations)


def _single(body: bytes, message_type: str) -> Batch:
    message = msgspec.json.decode(body, type=Message)
    key = message.pop("writeKey", None)
    return Batch([(message | {"type": message_type}, len(body))], key, message.get("sentAt"))


def judge(batch: Batch, arrival: Arrival, source: Source, new_id: Callable[[], str]) -> Verdict:
    """Say what becomes of each message of a request that was answered with 200."""
    verdict = Verdict()
    refused = _reason_for_all(batch, arrival, source)
    for message, size in batch.messages:
        if not isinstance(message, dict):
            verdict.discarded.append((refused or "not_object", message))
            continue
        reason = refused or reason_to_discard(message, size)
        if reason:
            verdict.discarded.append((reason, message))
        else:
            verdict.accepted.append(stored(message, batch, arrival, new_id))
    return verdict


def _reason_for_all(batch: Batch, arrival: Arrival, source: Source) -> str | None:
    key = arrival.basic_key or batch.write_key
    if key != source.write_key:
        return "unknown_write_key" if key else "no_write_key"
    if arrival.region not in {None, source.region}:
        return "wrong_region"
    return "too_many_messages" if len(batch.messages) > MAX_BATCH_MESSAGES else None


def reason_to_discard(message: Message, size: int) -> str | None:
    """Return the code under which a message is dropped, or None where it is kept."""
    return next(_reasons(message, size), None)


def _reasons(message: Message, size: int) -> Iterator[str]:
    kind = message.get("type")
    if size >= MAX_MESSAGE_BYTES:
        yield "message_too_large"
    if kind not in TYPES:
        yield "type_unknown"
    yield from _id_reasons(message, kind)
    if kind == "track":
        yield from _event_reasons(message.get("event"))
    name, reason = _OBJECTS.get(str(kind), ("traits", ""))
    if reason and not isinstance(message.get(name, {}), (dict, type(None))):
        yield reason
    yield from _envelope_reasons(message)


def _id_reasons(message: Message, kind: object) -> Iterator[str]:
    if message.get("userId") is None and message.get("anonymousId") is None:
        yield "no_user_anon_id"
    for name in _IDS:
        value = message.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            yield "id_not_string"
    needed = {"group": "groupId", "alias": "previousId"}.get(str(kind))
    if needed and message.get(needed) is None:
        yield "id_required"


def _event_reasons(event: object) -> Iterator[str]:
    if event is None or event == "":
        yield "event_not_defined"
    elif not isinstance(event, str):
        yield "event_not_string"


def _envelope_reasons(message: Message) -> Iterator[str]:
    message_id = message.get("messageId")
    if message_id is not None and not isinstance(message_id, str):
        yield "message_id_not_string"
    elif message_id is not None and len(message_id) > MAX_MESSAGE_ID_CHARACTERS:
        yield "message_id_too_long"
    if not isinstance(message.get("context", {}), (dict, type(None))):
        yield "context_not_object"
    for name in ("timestamp", "sentAt"):
        if message.get(name) is not None and parse_time(message[name]) is None:
            yield "timestamp_invalid"


def stored(message: Message, batch: Batch, arrival: Arrival, new_id: Callable[[], str]) -> Message:
    """Return a message as Segment stores it: with the batch's fields, an id and corrected time."""
    kept = dict(message)
    for name, shared in (("context", batch.context), ("integrations", batch.integrations)):
        own = message.get(name)
        if shared:
            kept[name] = {**shared, **own} if isinstance(own, dict) else shared
    context = kept.get("context")
    if isinstance(context, dict) and context.get("direct") is True:
        kept["context"] = {"ip": arrival.address, **context}
    kept["messageId"] = message.get("messageId") or new_id()
    kept["receivedAt"] = show_time(arrival.at)
    original, sent = parse_time(message.get("timestamp")), parse_time(_sent_at(message, batch))
    if sent is not None:
        kept["sentAt"] = show_time(sent)
    if original is not None:
        kept["originalTimestamp"] = message["timestamp"]
    kept["timestamp"] = show_time(corrected(original, sent, arrival.at))
    return kept


def _sent_at(message: Message, batch: Batch) -> object:
    return message.get("sentAt") or batch.sent_at


def has_too_many_traits(message: Message) -> bool:
    """Say whether Engage would reject this identify, which the tracking API takes."""
    traits = message.get("traits")
    return (
        message.get("type") == "identify"
        and isinstance(traits, dict)
        and len(traits) >= ENGAGE_TRAITS
    )


class DuplicateWindow:
    """Remembers the message ids of the last 24 hours, whatever source they came from."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}  # in order of arrival

    def is_repeat(self, message_id: str, at: datetime) -> bool:
        """Say whether the id was seen within the window, and remember it if not."""
        while self._seen:
            oldest = next(iter(self._seen))
            if at - self._seen[oldest] < DUPLICATE_WINDOW:
                break
            del self._seen[oldest]
        if message_id in self._seen:
            return True
        self._seen[message_id] = at
        return False
