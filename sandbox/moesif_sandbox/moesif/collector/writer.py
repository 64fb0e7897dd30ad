"""Updates of the account's documents by accepted elements.

Moesif documents that updates are merged recursively and that omitted keys are kept; undocumented
behaviour is configurable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from moesif_sandbox.moesif.account import Account, metadata_name, subscriptions_of
from moesif_sandbox.moesif.collector import rules
from moesif_sandbox.moesif.collector.rules import Kind, value_at
from moesif_sandbox.moesif.listings import OWNED
from moesif_sandbox.moesif.places import in_event, place_of
from moesif_sandbox.moesif.search import Document, Index, Json
from moesif_sandbox.settings import Settings
from moesif_sandbox.times import bare, milliseconds, parse_iso, parse_stored, seven_digits, zulu

# Moesif, 'User metadata': sent as metadata, but stored as fields of the user.
RESERVED_METADATA = ("email", "name", "first_name", "last_name", "phone", "photo_url")
_CONVERTED = {"metadata", "session_token", "user_agent_string", "modified_time"}
_MILLISECOND = timedelta(milliseconds=1)
_Update = Callable[[Json, Json, datetime, Settings], Json]


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
    """Return a new user or company."""
    return {id_field: profile_id, "created": zulu(at), "modified_time": bare(at), **OWNED}


def updated_user(old: Json, given: Json, at: datetime, settings: Settings) -> Json:
    """Return a user with an update merged in; reserved metadata become fields of the user."""
    metadata = given.get("metadata")
    if isinstance(metadata, dict):
        reserved = {name: metadata[name] for name in RESERVED_METADATA if name in metadata}
        own = {name: value for name, value in metadata.items() if name not in reserved}
        old, given = merged(old, reserved, settings), given | {"metadata": own}
    if not given.get("user_id"):  # an anonymous user
        old = {name: value for name, value in old.items() if name != "user_id"}
    return updated_profile(old, given, at, settings)


def updated_profile(old: Json, given: Json, at: datetime, settings: Settings) -> Json:
    """Return a user or a company with an update merged in."""
    plain = {name: value for name, value in given.items() if name not in _CONVERTED}
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
    """Return a parsed user agent; only the program's name is read."""
    return {"name": text.partition("/")[0], "os": "Other", "device": "Other"}


def updated_subscription(old: Json, given: Json, at: datetime, settings: Settings) -> Json:
    """Return a subscription with an update merged in."""
    first: Json = {"type": "subscription", "created": zulu(at), **OWNED}
    time = zulu(parse_iso(given.get("modified_time")) or at)
    return merged(first | old, given, settings) | {"modified_time": time}


def time_of(event: Json, at: datetime) -> datetime:
    """Return the time of an event; the default is now."""
    return parse_iso(value_at(event, "request.time")) or at


def seen(source: Json, event: Json, at: datetime, settings: Settings) -> Json:
    """Return a profile with its first and last seen times updated by an event."""
    first, last = (parse_stored(source.get(f"{name}_seen_time")) for name in ("first", "last"))
    time, result = time_of(event, at), dict(source)
    if first is None or milliseconds(time) < first:
        result["first_seen_time"] = seven_digits(time)
    if last is None or milliseconds(time) > last:
        result["last_seen_time"] = seven_digits(time)
        if settings.activity_moves_modified_time:
            result["modified_time"] = bare(at)
    return result


@dataclass(frozen=True)
class Writer:
    """Writes the valid elements of one request to an account."""

    account: Account
    settings: Settings
    at: datetime

    def write(self, kind: Kind, elements: Sequence[Json], caller: str) -> list[str]:
        """Write elements; return the ids of events that got the caller's IP address."""
        users, companies = self.account.users, self.account.companies
        named: list[tuple[str, Json]] = []
        if kind is rules.USERS:
            self._change(users, "user_id", elements, updated_user)
        elif kind is rules.COMPANIES:
            self._change(companies, "company_id", elements, updated_profile)
        elif kind is rules.SUBSCRIPTIONS:
            self._subscriptions(elements)
        else:
            named = [(str(given.get("transaction_id") or uuid4()), given) for given in elements]
            events = [Document(id_, self._event(kind, given, caller)) for id_, given in named]
            self.account.events.put(events)
            self._change(users, "user_id", elements, seen)
            self._change(companies, "company_id", elements, seen)
        self._embed()
        return [id_ for id_, given in named if not value_at(given, "request.ip_address")]

    def _change(
        self, index: Index, id_field: str, elements: Sequence[Json], update: _Update
    ) -> None:
        """Update profiles; several elements may have the same id."""
        changed: dict[str, Json] = {}
        for given in elements:
            visitor = given.get("anonymous_id") if update is updated_user else None
            if id_ := str(given.get(id_field) or visitor or ""):
                old = changed.get(id_) or index.get(id_) or new_profile(id_field, id_, self.at)
                changed[id_] = update(old, given, self.at, self.settings)
        index.put([Document(id_, source) for id_, source in changed.items()])

    def _subscriptions(self, elements: Sequence[Json]) -> None:
        held = {
            str(one.get("subscription_id")): (company.id, one)
            for company in self.account.companies.documents
            for one in subscriptions_of(company.source)
        }
        for given in elements:
            id_, owner = str(given["subscription_id"]), str(given["company_id"])
            before, old = held.get(id_, (owner, {}))
            new = updated_subscription(old, given, self.at, self.settings)
            self._replace(before, id_, [])
            self._replace(owner, id_, [new])
            held[id_] = owner, new

    def _replace(self, company_id: str, subscription_id: str, new: Sequence[Json]) -> None:
        """Replace a company's subscription with this id by new ones."""
        companies = self.account.companies
        source = companies.get(company_id)
        source = source or new_profile("company_id", company_id, self.at)
        listed = subscriptions_of(source)
        kept = [one for one in listed if one.get("subscription_id") != subscription_id]
        companies.put([Document(company_id, {**source, "subscriptions": [*kept, *new]})])

    def _event(self, kind: Kind, given: Json, caller: str) -> Json:
        """Return the document of an event; without an IP address it gets the caller's."""
        time, sent = time_of(given, self.at), given["request"]
        request: Json = {**sent} if isinstance(sent, dict) else {}
        address = str(request.get("ip_address") or caller)
        request |= {"time": zulu(time), "ip_address": address}
        if agent := request.pop("user_agent_string", None):
            request["user_agent"] = user_agent_of(str(agent))
        if place := place_of(address):
            request["geo_ip"] = in_event(place)
        event: Json = {"direction": "Incoming", "weight": 1, **OWNED, **given, "request": request}
        event["event_type"] = "user_action" if kind is rules.ACTIONS else "api_call"
        end = parse_iso(value_at(given, "response.time"))
        if end is not None:
            event["duration_ms"] = (end - time) / _MILLISECOND
        return event

    def _embed(self) -> None:
        """Embed companies in their users, and remove outdated ones."""
        changed = []
        for user in self.account.users.documents:
            id_, source = str(user.source.get("company_id")), user.source
            company = self.account.companies.get(id_)
            if company is not None and source.get("company") is not company:
                changed.append(Document(user.id, {**source, "company": company}))
            elif company is None and value_at(source, "company.company_id") not in (None, id_):
                kept = {name: part for name, part in source.items() if name != "company"}
                changed.append(Document(user.id, kept))
        self.account.users.put(changed)
