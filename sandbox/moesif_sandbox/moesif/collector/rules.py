"""Moesif's collector: what it takes of a request, and why it refuses one.

Pure: a body goes in, its elements come out, or a `RefusedError` that says what is wrong with which
of them. Moesif documents no answer for a part of a batch, so one bad element costs all of it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import NoneType
from typing import NamedTuple

import msgspec

from moesif_sandbox.moesif.search import Json
from moesif_sandbox.settings import Settings
from moesif_sandbox.times import parse_iso
from moesif_sandbox.web import RefusedError

# Moesif, Collector API, 'Limits', and the notes in its client libraries: 'batch size must be less
# than 250kb'. A KB is read as 1,000 bytes, so that what passes here passes under either reading.
MAX_EVENT_BYTES = 1_000_000
MAX_ACTIONS_BYTES = 15_000_000
MAX_EVENTS_BYTES = 50_000_000
MAX_PROFILES_BYTES = 250_000
# Moesif, 'Event ingestion': older ones are rejected unless support has enabled backfill.
LATEST = timedelta(days=30)

_MAX_DEPTH = 100  # keeps recursion bounded; real documents are far below
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Kind(NamedTuple):
    """One kind of elements: what each must have, in dotted paths, and how large they may be."""

    name: str  # the path it is posted to
    id_field: str
    required: Sequence[str]
    strings: Sequence[str]
    times: Sequence[str]
    objects: Sequence[str]
    max_batch_bytes: int = MAX_PROFILES_BYTES
    max_element_bytes: int = MAX_PROFILES_BYTES
    is_event: bool = False  # and no profile


_PROFILE_STRINGS = ("company_id", "session_token", "ip_address")
# fmt: off
_EVENT_STRINGS = ("transaction_id", "user_id", "company_id", "subscription_id", "anonymous_id",
                  "session_token", "request.uri", "request.ip_address",
                  "request.user_agent_string")
USERS = Kind("users", "user_id", ["user_id"],
             ["user_id", "anonymous_id", "user_agent_string", *_PROFILE_STRINGS],
             ["modified_time"], ["metadata", "campaign"])
COMPANIES = Kind("companies", "company_id", ["company_id"], ["company_domain", *_PROFILE_STRINGS],
                 ["modified_time"], ["metadata", "campaign"])
SUBSCRIPTIONS = Kind(
    "subscriptions", "subscription_id", ["subscription_id", "company_id", "status"],
    ["subscription_id", "company_id", "status", "payment_status", "provider", "external_id"],
    ["start_date", "created", "modified_time", "trial_start", "trial_end", "current_period_start",
     "current_period_end", "cancel_time"], ["metadata"])
ACTIONS = Kind(
    "actions", "transaction_id", ["action_name", "request", "request.uri"],
    ["action_name", *_EVENT_STRINGS], ["request.time"], ["metadata", "request"],
    MAX_ACTIONS_BYTES, MAX_EVENT_BYTES, is_event=True)
EVENTS = Kind(
    "events", "transaction_id", ["request", "request.time", "request.uri", "request.verb"],
    ["request.verb", *_EVENT_STRINGS], ["request.time", "response.time"],
    ["metadata", "request", "response"], MAX_EVENTS_BYTES, MAX_EVENT_BYTES, is_event=True)
# fmt: on
KINDS = (USERS, COMPANIES, SUBSCRIPTIONS, ACTIONS, EVENTS)


def read(kind: Kind, body: bytes, sent_bytes: int, *, batch: bool) -> list[Json]:
    """Return the elements of a body of this size on its way: of an array, or the one that it is."""
    limit = kind.max_batch_bytes if batch else kind.max_element_bytes
    _check_size("the body", max(len(body), sent_bytes), limit)
    try:
        raw = msgspec.json.decode(body, type=list[msgspec.Raw]) if batch else [msgspec.Raw(body)]
        elements = [msgspec.json.decode(part, type=Json) for part in raw]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        expected = f"an array of {kind.name}" if batch else "an object"
        raise RefusedError(f"the body is not the JSON of {expected}: {error}") from error
    except RecursionError as error:
        raise RefusedError("the body is nested too deeply", "too_deep") from error
    for number, part in enumerate(raw):
        _check_size(f"element {number}", len(bytes(part)), kind.max_element_bytes)
    if not elements:
        raise RefusedError(f"there are no {kind.name} in the body", "empty_batch")
    return elements


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise RefusedError(f"{what} has {size} bytes, more than {limit}", "too_large", 413)


def check(kind: Kind, element: Json, where: str, now: datetime, settings: Settings) -> None:
    """Check an element against the rules of its kind; the first that it breaks refuses it."""
    visitor = settings.anonymous_users and kind is USERS and element.get("anonymous_id")
    for paths, reason in (
        (kind.objects, "not_object"),
        ([] if visitor else kind.required, "missing_field"),
        (kind.strings, "not_string"),
        (kind.times, "bad_time"),
        (["transaction_id"] * kind.is_event, "bad_transaction_id"),
    ):
        fault, breaks = _FAULTS[reason]
        for path in paths:
            if breaks(value_at(element, path)):
                raise RefusedError(f"{where}: {path} {fault}", reason)
    if _is_deeper(element, _MAX_DEPTH):
        raise RefusedError(f"{where}: it is nested too deeply", "too_deep")
    time = parse_iso(value_at(element, "request.time")) if kind.is_event else None
    if time is not None and now - time > LATEST and not settings.allow_backfill:
        raise RefusedError(f"{where}: it is older than {LATEST.days} days", "too_late")


# What is wrong with a field, and which values are so; null is none.
_FAULTS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "missing_field": ("is missing", lambda value: value is None or value == ""),
    "not_object": ("is no object", lambda value: not isinstance(value, (dict, NoneType))),
    "not_string": ("is no string", lambda value: not isinstance(value, (str, NoneType))),
    "bad_time": ("is no ISO 8601 time", lambda value: value is not None and not parse_iso(value)),
    "bad_transaction_id": ("is no UUID", lambda v: v is not None and not _UUID.fullmatch(str(v))),
}


def _is_deeper(value: object, levels: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels == 0 or _is_deeper(part, levels - 1) for part in parts)


def value_at(element: Json, path: str) -> object:
    """Return the value at a dotted path, or None."""
    value: object = element
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
