"""Moesif's collector: what it takes of a request, and why it refuses one.

Pure: a body goes in, its elements come out, or a `RefusedError` that says what is wrong with which
of them. Moesif documents no answer for a part of a batch, so one bad element costs all of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from moesif_sandbox.bodies import RefusedError
from moesif_sandbox.moesif_times import looks_like_a_date, moment_of, parse_iso

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from moesif_sandbox.moesif_dsl import Json
    from moesif_sandbox.moesif_profiles import Readings

# Moesif, Collector API, 'Limits', and the notes in its client libraries: 'batch size must be less
# than 250kb'. Read as 1,000 bytes a KB, so that what passes here passes under either reading.
MAX_EVENT_BYTES = 1_000_000
MAX_ACTIONS_BYTES = 15_000_000
MAX_EVENTS_BYTES = 50_000_000
MAX_PROFILES_BYTES = 250_000
# Moesif, 'Event ingestion': older ones are rejected unless support has enabled backfill.
LATEST = timedelta(days=30)

_MAX_DEPTH = 100  # far above any document written on purpose; keeps recursion bounded
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MISSING = (None, "")


@dataclass(frozen=True)
class Kind:
    """One kind of elements: what each must have, in dotted paths, and how large they may be."""

    name: str  # the path it is posted to
    id_field: str
    required: Sequence[str]
    strings: Sequence[str]
    times: Sequence[str]
    objects: Sequence[str] = ("metadata",)
    max_batch_bytes: int = MAX_PROFILES_BYTES
    max_element_bytes: int = MAX_PROFILES_BYTES

    @property
    def is_event(self) -> bool:
        """Say whether each element is something that happened once, and no profile."""
        return self.id_field == "transaction_id"


USERS = Kind(
    "users",
    "user_id",
    required=("user_id",),
    strings=("user_id", "company_id", "anonymous_id", "session_token", "ip_address",
             "user_agent_string"),
    times=("modified_time",),
    objects=("metadata", "campaign"),
)  # fmt: skip
COMPANIES = Kind(
    "companies",
    "company_id",
    required=("company_id",),
    strings=("company_id", "company_domain", "session_token", "ip_address"),
    times=("modified_time",),
    objects=("metadata", "campaign"),
)
SUBSCRIPTIONS = Kind(
    "subscriptions",
    "subscription_id",
    required=("subscription_id", "company_id", "status"),
    strings=("subscription_id", "company_id", "status", "payment_status", "provider",
             "external_id"),
    times=("start_date", "created", "modified_time", "trial_start", "trial_end",
           "current_period_start", "current_period_end", "cancel_time"),
)  # fmt: skip
_EVENT_STRINGS = ("transaction_id", "user_id", "company_id", "subscription_id", "anonymous_id",
                  "session_token", "request.uri", "request.ip_address",
                  "request.user_agent_string")  # fmt: skip
ACTIONS = Kind(
    "actions",
    "transaction_id",
    required=("action_name", "request", "request.uri"),
    strings=("action_name", *_EVENT_STRINGS),
    times=("request.time",),
    objects=("metadata", "request"),
    max_batch_bytes=MAX_ACTIONS_BYTES,
    max_element_bytes=MAX_EVENT_BYTES,
)
EVENTS = Kind(
    "events",
    "transaction_id",
    required=("request", "request.time", "request.uri", "request.verb"),
    strings=("request.verb", *_EVENT_STRINGS),
    times=("request.time", "response.time"),
    objects=("metadata", "request", "response"),
    max_batch_bytes=MAX_EVENTS_BYTES,
    max_element_bytes=MAX_EVENT_BYTES,
)
KINDS = (USERS, COMPANIES, SUBSCRIPTIONS, ACTIONS, EVENTS)


def read(kind: Kind, body: bytes, sent_bytes: int, *, batch: bool) -> list[Json]:
    """Return the elements of a body: of a bare array, or the one that it is.

    Args:
        kind: Of the elements.
        body: Unpacked JSON.
        sent_bytes: The size that the body had on its way.
        batch: Whether it must be an array.

    Raises:
        RefusedError: It is none of it, or too large.
    """
    limit = kind.max_batch_bytes if batch else kind.max_element_bytes
    size = max(len(body), sent_bytes)
    if size > limit:
        raise _too_large(f"the body has {size} bytes, more than {limit}")
    try:
        raw = msgspec.json.decode(body, type=list[msgspec.Raw]) if batch else [msgspec.Raw(body)]
        elements = [_element(kind, number, part) for number, part in enumerate(raw)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        expected = f"an array of {kind.name}" if batch else "an object"
        raise RefusedError(f"the body is not the JSON of {expected}: {error}") from error
    except RecursionError as error:
        raise RefusedError("the body is nested too deeply", "too_deep") from error
    if not elements:
        raise RefusedError(f"there are no {kind.name} in the body", "empty_batch")
    return elements


def _element(kind: Kind, number: int, raw: msgspec.Raw) -> Json:
    size = len(bytes(raw))
    if size > kind.max_element_bytes:
        raise _too_large(f"element {number} has {size} bytes, more than {kind.max_element_bytes}")
    element: Json = msgspec.json.decode(raw, type=dict[str, object])
    if _is_deeper(element, _MAX_DEPTH):
        raise RefusedError(f"element {number} is nested too deeply", "too_deep")
    return element


def _too_large(detail: str) -> RefusedError:
    return RefusedError(detail, "too_large", 413)


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


def check(kind: Kind, elements: Sequence[Json], now: datetime, readings: Readings) -> None:
    """Hold elements against the rules of their kind.

    Raises:
        RefusedError: One of them breaks one.
    """
    for number, element in enumerate(elements):
        where = f"element {number}"
        anonymous = readings.anonymous_users and kind is USERS and element.get("anonymous_id")
        _check_fields(kind, element, where, () if anonymous else kind.required)
        _check_times(kind, element, where)
        if kind.is_event:
            _check_event(element, where, now, allow_backfill=readings.allow_backfill)


def _check_fields(kind: Kind, element: Json, where: str, required: Sequence[str]) -> None:
    for name in kind.objects:
        if not isinstance(element.get(name), (dict, type(None))):
            raise RefusedError(f"{where}: {name} is no object", "not_object")
    for name in required:
        if value_at(element, name) in _MISSING:
            raise RefusedError(f"{where}: {name} is missing", "missing_field")
    for name in kind.strings:
        if not isinstance(value_at(element, name), (str, type(None))):
            raise RefusedError(f"{where}: {name} is no string", "not_string")


def _check_times(kind: Kind, element: Json, where: str) -> None:
    for name in kind.times:
        value = value_at(element, name)
        if value is not None and moment(value) is None:
            raise RefusedError(f"{where}: {name} is no ISO 8601 time", "bad_time")


def _check_event(element: Json, where: str, now: datetime, *, allow_backfill: bool) -> None:
    given = element.get("transaction_id")
    if given is not None and not _UUID.fullmatch(str(given)):
        raise RefusedError(f"{where}: transaction_id is no UUID", "bad_transaction_id")
    time = moment(value_at(element, "request.time"))
    if time is not None and now - time > LATEST and not allow_backfill:
        raise RefusedError(f"{where}: older than {LATEST.days} days", "too_late")


def value_at(element: Json, path: str) -> object:
    """Return the value at a dotted path, or None."""
    value: object = element
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def moment(value: object) -> datetime | None:
    """Return an ISO 8601 time, or None where it is none; without a zone it is UTC."""
    if not isinstance(value, str) or not looks_like_a_date(value):
        return None
    found = parse_iso(value)
    try:
        return None if found is None else moment_of(found)
    except OverflowError:  # at the calendar's very end, seen from another zone
        return None
