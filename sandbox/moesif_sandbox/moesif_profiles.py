"""What becomes of a profile when the collector is sent an update of it.

Pure: the document and the update go in, the new document comes out. Moesif publishes that updates
are merged recursively and that omitted keys stay; what it does not publish is a reading, chosen
on the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from moesif_sandbox.moesif_collector import moment
from moesif_sandbox.moesif_origin import place_of, user_agent_of
from moesif_sandbox.moesif_times import moment_of, parse_stored
from moesif_sandbox.seed_companies import APP_ID, ORG_ID
from moesif_sandbox.seed_values import bare, seven_digits, zulu

if TYPE_CHECKING:
    from datetime import datetime

    from moesif_sandbox.moesif_dsl import Json

# Moesif, 'User metadata': these are known fields of a user, although they are sent as metadata.
RESERVED_METADATA = ("email", "name", "first_name", "last_name", "phone", "photo_url")
NULLS = ("keep", "overwrite", "delete")
LISTS = ("replace", "append")
_TURNED_INTO_OTHERS = ("metadata", "session_token", "user_agent_string", "modified_time")


@dataclass(frozen=True)
class Readings:
    """How the sandbox reads what Moesif's reference leaves open.

    Args:
        nulls: Whether a null in an update keeps, overwrites or deletes what is there. Moesif's
            own Python client sends null for every field that it was not given: hence `keep`.
        lists: Whether a list replaces the one that is there, or is appended to it.
        anonymous_users: Whether users are taken that have an `anonymous_id` alone.
        activity_moves_modified_time: Whether `modified_time` moves with `last_seen_time`.
        allow_backfill: Whether actions and events may be older than 30 days.
    """

    nulls: Literal["keep", "overwrite", "delete"] = "keep"
    lists: Literal["replace", "append"] = "replace"
    anonymous_users: bool = False
    activity_moves_modified_time: bool = False
    allow_backfill: bool = False


def merged(old: Json, given: Json, readings: Readings) -> Json:
    """Return an object with another one merged into it."""
    result = dict(old)
    for name, value in given.items():
        if value is None and readings.nulls != "overwrite":
            if readings.nulls == "delete":
                result.pop(name, None)
        else:
            result[name] = _merged_value(result.get(name), value, readings)
    return result


def _merged_value(old: object, given: object, readings: Readings) -> object:
    if isinstance(given, dict):
        return merged(old if isinstance(old, dict) else {}, given, readings)
    if isinstance(given, list) and isinstance(old, list) and readings.lists == "append":
        return [*old, *given]
    return given


def new_profile(id_field: str, profile_id: str, at: datetime) -> Json:
    """Return a user or a company that has just been seen for the first time."""
    return {
        id_field: profile_id,
        "created": zulu(at),
        "modified_time": bare(at),
        "app_id": APP_ID,
        "org_id": ORG_ID,
    }


def updated_user(old: Json, given: Json, at: datetime, readings: Readings) -> Json:
    """Return a user with an update merged in, whose reserved metadata are fields of the user."""
    metadata = given.get("metadata")
    reserved: Json = {}
    if isinstance(metadata, dict):
        reserved = {name: metadata[name] for name in RESERVED_METADATA if name in metadata}
        own = {name: value for name, value in metadata.items() if name not in reserved}
        given = given | {"metadata": own}
    return updated_profile(merged(old, reserved, readings), given, at, readings)


def updated_profile(old: Json, given: Json, at: datetime, readings: Readings) -> Json:
    """Return a user or a company with an update merged in."""
    plain = {name: value for name, value in given.items() if name not in _TURNED_INTO_OTHERS}
    if "metadata" in given:
        plain[metadata_name(old)] = given["metadata"]
    new = merged(old, plain, readings)
    new["modified_time"] = bare(moment(given.get("modified_time")) or at)
    token, agent, address = (
        given.get(name) for name in ("session_token", "user_agent_string", "ip_address")
    )
    if isinstance(token, str):
        new["session_token"] = _with_token(old.get("session_token"), token)
    if isinstance(agent, str):
        new["user_agent"] = user_agent_of(agent)
    place = place_of(address) if isinstance(address, str) else None
    return new if place is None else new | {"geo_ip": place}


def updated_subscription(old: Json, given: Json, at: datetime, readings: Readings) -> Json:
    """Return a subscription with an update merged in."""
    first: Json = {
        "type": "subscription",
        "created": zulu(at),
        "app_id": APP_ID,
        "org_id": ORG_ID,
    }
    time = zulu(moment(given.get("modified_time")) or at)
    return merged(first | old, given, readings) | {"modified_time": time}


def metadata_name(source: Json) -> str:
    """Return the name under which a document has its custom properties."""
    return "body" if "body" in source and "metadata" not in source else "metadata"


def _with_token(tokens: object, token: str) -> list[object]:
    """Return a list of session tokens with another one: they are only ever added to."""
    known = tokens if isinstance(tokens, list) else [] if tokens is None else [tokens]
    return known if token in known else [*known, token]


def seen(source: Json, time: datetime, at: datetime, readings: Readings) -> Json:
    """Return a profile that was active at a time, as the API has learnt now."""
    first, last = (parse_stored(source.get(f"{name}_seen_time")) for name in ("first", "last"))
    result = dict(source)
    if first is None or time < moment_of(first):
        result["first_seen_time"] = seven_digits(time)
    if last is None or time > moment_of(last):
        result["last_seen_time"] = seven_digits(time)
        if readings.activity_moves_modified_time:
            result["modified_time"] = bare(at)
    return result


def subscriptions_of(company: Json) -> list[Json]:
    """Return the subscriptions that a company's document holds."""
    listed = company.get("subscriptions")
    return [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
