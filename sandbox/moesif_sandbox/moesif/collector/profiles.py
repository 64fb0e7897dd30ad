"""What becomes of a profile when the collector is sent an update of it.

Pure: the document and the update go in, the new document comes out. Moesif publishes that updates
are merged recursively and that omitted keys stay; what it leaves open is a setting.
"""

import re
from datetime import datetime

from moesif_sandbox.moesif.account import metadata_name
from moesif_sandbox.moesif.collector.rules import value_at
from moesif_sandbox.moesif.listings import OWNED
from moesif_sandbox.moesif.places import place_of
from moesif_sandbox.moesif.search import Json
from moesif_sandbox.settings import Settings
from moesif_sandbox.times import bare, milliseconds, parse_iso, parse_stored, seven_digits, zulu

# Moesif, 'User metadata': these are known fields of a user, although they are sent as metadata.
RESERVED_METADATA = ("email", "name", "first_name", "last_name", "phone", "photo_url")
_TURNED_INTO_OTHERS = {"metadata", "session_token", "user_agent_string", "modified_time"}
_PROGRAM = re.compile(r"([\w-]+)/(\d+)")
_BROWSERS = ("Edg", "OPR", "Chrome", "Firefox", "Safari")  # each names those after it as well


def merged(old: Json, given: Json, settings: Settings) -> Json:
    """Return an object with another one merged into it."""
    result = dict(old)
    for name, value in given.items():
        before = result.get(name)
        if value is None and settings.null_in_upsert == "delete":
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = merged(before if isinstance(before, dict) else {}, value, settings)
        elif isinstance(value, list) and isinstance(before, list):
            result[name] = [*before, *value] if settings.list_in_upsert == "append" else value
        elif value is not None or settings.null_in_upsert == "overwrite":
            result[name] = value
    return result


def new_profile(id_field: str, profile_id: str, at: datetime) -> Json:
    """Return a profile that is seen for the first time; a visitor has no field for the id."""
    named: Json = {id_field: profile_id} if id_field else {}
    return {**named, "created": zulu(at), "modified_time": bare(at), **OWNED}


def updated_user(old: Json, given: Json, at: datetime, settings: Settings) -> Json:
    """Return a user with an update merged in, whose reserved metadata are fields of the user."""
    metadata = given.get("metadata")
    if isinstance(metadata, dict):
        reserved = {name: metadata[name] for name in RESERVED_METADATA if name in metadata}
        own = {name: value for name, value in metadata.items() if name not in reserved}
        old, given = merged(old, reserved, settings), given | {"metadata": own}
    return updated_profile(old, given, at, settings)


def updated_profile(old: Json, given: Json, at: datetime, settings: Settings) -> Json:
    """Return a user or a company with an update merged in."""
    plain = {name: value for name, value in given.items() if name not in _TURNED_INTO_OTHERS}
    if "metadata" in given:
        plain[metadata_name(old)] = given["metadata"]
    new = merged(old, plain, settings)
    new["modified_time"] = bare(parse_iso(given.get("modified_time")) or at)
    if token := given.get("session_token"):  # tokens are only ever added
        known = old.get("session_token")
        tokens = known if isinstance(known, list) else [] if known is None else [known]
        new["session_token"] = [*dict.fromkeys([*tokens, token])]
    if agent := given.get("user_agent_string"):
        new["user_agent"] = user_agent_of(str(agent))
    if place := place_of(str(given.get("ip_address"))):
        new["geo_ip"] = place
    return new


def user_agent_of(text: str) -> Json:
    """Return a user agent string as an object; only the program is read from it."""
    programs = dict(_PROGRAM.findall(text))
    name = next((name for name in (*_BROWSERS, *programs) if name in programs), "Other")
    return {"name": name, "major": programs.get(name, ""), "os": "Other", "device": "Other"}


def updated_subscription(old: Json, given: Json, at: datetime, settings: Settings) -> Json:
    """Return a subscription with an update merged in."""
    first: Json = {"type": "subscription", "created": zulu(at), **OWNED}
    time = zulu(parse_iso(given.get("modified_time")) or at)
    return merged(first | old, given, settings) | {"modified_time": time}


def time_of(event: Json, at: datetime) -> datetime:
    """Return when an event happened: now, unless it says otherwise."""
    return parse_iso(value_at(event, "request.time")) or at


def seen(source: Json, event: Json, at: datetime, settings: Settings) -> Json:
    """Return a profile that was active in an event, as the API has learnt now."""
    first, last = (parse_stored(source.get(f"{name}_seen_time")) for name in ("first", "last"))
    time, result = time_of(event, at), dict(source)
    if first is None or milliseconds(time) < first:
        result["first_seen_time"] = seven_digits(time)
    if last is None or milliseconds(time) > last:
        result["last_seen_time"] = seven_digits(time)
        if settings.activity_moves_modified_time:
            result["modified_time"] = bare(at)
    return result
