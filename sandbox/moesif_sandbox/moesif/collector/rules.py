"""The collector's rules: parsing and validation of a request's body; pure.

An invalid element raises a `RefusedError` for the whole batch, because Moesif documents no partial
success.
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
# than 250kb'. A KB is read as 1,000 bytes, the stricter meaning.
MAX_EVENT_BYTES = 1_000_000
MAX_ACTIONS_BYTES = 15_000_000
MAX_EVENTS_BYTES = 50_000_000
MAX_PROFILES_BYTES = 250_000
# Moesif, 'Event ingestion': older ones are rejected unless support has enabled backfill.
LATEST = timedelta(days=30)

_MAX_DEPTH = 100  # bounds the recursion; real documents are far below
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


class Kind(NamedTuple):
    """A kind of element: fields to check, as dotted paths, and maximum sizes."""

    name: str  # also its path
    id_field: str
    required: Sequence[str]
    strings: Sequence[str]
    times: Sequence[str]
    objects: Sequence[str]
    max_batch_bytes: int = MAX_PROFILES_BYTES
    max_element_bytes: int = MAX_PROFILES_BYTES
    is_event: bool = False  # not a profile


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
    """Return the elements of a body, an array or one object; `sent_bytes` is its packed size."""
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
    """Check an element by the rules of its kind; raise a `RefusedError` for the first error."""
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


# Errors of a field, and the values that cause them; null is no value.
_FAULTS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "missing_field": ("is missing", lambda value: value is None or value == ""),
    "not_object": ("is not an object", lambda value: not isinstance(value, (dict, NoneType))),
    "not_string": ("is not a string", lambda value: not isinstance(value, (str, NoneType))),
    "bad_time": ("is not an ISO 8601 time", lambda v: v is not None and not parse_iso(v)),
    "bad_transaction_id": ("is not a UUID", lambda v: v is not None and not _is_uuid(str(v))),
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
