"""Moesif's limits and rules, checked before sending.

Moesif refuses a whole batch because of one invalid document, so checks before sending save
requests. Reasons are Segment's discard codes where they fit; `alias_not_supported`,
`context_not_object`, `message_id_invalid`, `message_too_large`, `name_not_string`,
`status_not_defined`, `timestamp_invalid` and `too_late` are our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from singer_delivery import RecordRejected
from singer_delivery.values import as_id, epoch_seconds, iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# Moesif's API reference, "Collector API": an action of at most 1 MB, a batch of actions of at most
# 15 MB. The notes of its client libraries give 250 KB for a batch of users or companies; nothing is
# published for subscriptions, which are of similar size. A KB is read as 1,000 bytes, to be safe.
MAX_ACTION_BYTES = 1_000_000
MAX_ACTIONS_BYTES = 15_000_000
MAX_BATCH_BYTES = 250_000
BRACKETS_BYTES = 2
MAX_BATCH_DOCUMENTS = 1_000
"""No limit is published; more documents rarely fit into a batch."""

# Moesif's API reference, "Actions": older ones are rejected unless its support enables backfill.
LATE_SECONDS = 30 * 24 * 3600


class Kind(NamedTuple):
    """A kind of document.

    Attributes:
        name: Name of the kind.
        endpoint: Index in `KINDS`.
        path: Path of its endpoint.
        fields: Fields of the document; all others go into `metadata`.
        max_bytes: Maximum size of a document, in bytes.
        max_batch_bytes: Maximum size of a batch, in bytes.
    """

    name: str
    endpoint: int
    path: str
    fields: frozenset[str]
    max_bytes: int = MAX_BATCH_BYTES - BRACKETS_BYTES
    max_batch_bytes: int = MAX_BATCH_BYTES


_MERGED = {"company_id", "session_token", "modified_time", "ip_address", "campaign", "metadata"}
COMPANY = Kind("company", 0, "companies", frozenset({*_MERGED, "company_domain"}))
USER = Kind("user", 1, "users", frozenset({*_MERGED, "user_id", "user_agent_string"}))
SUBSCRIPTION = Kind(
    "subscription",
    2,
    "subscriptions",
    frozenset(
        {
            *("subscription_id", "company_id", "status", "start_date", "created", "modified_time"),
            *("trial_start", "trial_end", "current_period_start", "current_period_end"),
            *("cancel_time", "payment_status", "provider", "external_id", "items", "metadata"),
            *("collection_method", "company_external_id", "version_id"),
        }
    ),
)
ACTION = Kind(
    "action",
    3,
    "actions",
    frozenset(
        {
            *("action_name", "transaction_id", "user_id", "anonymous_id", "company_id"),
            *("subscription_id", "session_token", "metadata"),
        }
    ),
    MAX_ACTION_BYTES,
    MAX_ACTIONS_BYTES,
)
KINDS = (COMPANY, USER, SUBSCRIPTION, ACTION)
"""All kinds, in the order in which they should arrive."""

IDS = frozenset(
    {
        *("user_id", "anonymous_id", "company_id", "subscription_id", "session_token"),
        "transaction_id",
    }
)
"""The fields that Moesif requires to be strings."""


def identifier(value: object, name: str) -> str | None:
    """Return an id as a string, or None if there is none.

    Raises:
        RecordRejected: It is empty, or neither a string nor an integer.
    """
    value = as_id(value)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise RecordRejected("id_not_string", f"Its {name} is empty or not a string.")
    return value


def time(value: object, name: str) -> str | None:
    """Return a time as ISO 8601 with a zone, or None if there is none.

    Raises:
        RecordRejected: It is not an ISO 8601 time.
    """
    if value is None:
        return None
    written = iso_time(value)
    if written is None:
        raise RecordRejected("timestamp_invalid", f"Its {name} is not an ISO 8601 time.")
    return written


def text(value: object, reason: str, name: str) -> str | None:
    """Return a non-empty string, or None if there is none.

    Raises:
        RecordRejected: It is not a string.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RecordRejected(reason, f"Its {name} is not a string.")
    return value


def check_lateness(written: str, now: float) -> None:
    """Check that an action is not older than Moesif accepts.

    Args:
        written: The action's time, ISO 8601 with a zone.
        now: The current time, in seconds since the epoch.

    Raises:
        RecordRejected: It is older.
    """
    if now - epoch_seconds(written) > LATE_SECONDS:
        raise RecordRejected("too_late", "It is older than 30 days.")


def check_size(kind: Kind, body: bytes) -> None:
    """Check the size of an encoded document.

    Raises:
        RecordRejected: It is too large.
    """
    if len(body) > kind.max_bytes:
        raise RecordRejected(
            "message_too_large",
            f"The {kind.name} has {len(body)} bytes; Moesif's limit is {kind.max_bytes}.",
        )


def keys_of_several_types(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the keys for which a schema allows several JSON types besides null.

    For each key, at any depth, Moesif accepts only the type of the first value it has received. An
    integer is a number.
    """
    for name, inner in _objects(schema.get("properties")):
        alternatives = [inner, *_alternatives(inner)]
        types = {kind for alternative in alternatives for kind in _types(alternative)}
        if len(types) > 1:
            yield f"{path}{name}"
        for alternative in alternatives:
            yield from keys_of_several_types(alternative, f"{path}{name}.")


def _objects(value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield from ((name, inner) for name, inner in value.items() if isinstance(inner, dict))


def _alternatives(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for word in ("anyOf", "oneOf"):
        for alternative in schema.get(word) or ():
            if isinstance(alternative, dict):
                yield alternative
                yield from _alternatives(alternative)


def _types(schema: Mapping[str, Any]) -> set[str]:
    named = schema.get("type")
    types = {named} if isinstance(named, str) else {*(named or ())}
    return {"number" if kind == "integer" else kind for kind in types} - {"null"}
