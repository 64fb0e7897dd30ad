"""Writes what the collector has taken into the documents that the search reads."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from moesif_sandbox.moesif.account import Account, subscriptions_of
from moesif_sandbox.moesif.collector import profiles, rules
from moesif_sandbox.moesif.collector.rules import Kind, value_at
from moesif_sandbox.moesif.listings import OWNED
from moesif_sandbox.moesif.places import in_event, place_of
from moesif_sandbox.moesif.search import Document, Index, Json
from moesif_sandbox.settings import Settings
from moesif_sandbox.times import parse_iso, zulu

_MILLISECOND = timedelta(milliseconds=1)
_Update = Callable[[Json, Json, datetime, Settings], Json]


@dataclass(frozen=True)
class Writer:
    """Changes an account by the elements of one request, which keep all rules."""

    account: Account
    settings: Settings
    at: datetime

    def write(self, kind: Kind, elements: Sequence[Json], caller: str) -> list[str]:
        """Write elements; return the ids of events that got the caller's address as theirs."""
        users, companies = self.account.users, self.account.companies
        changed_users: Collection[str] = ()
        changed_companies: Collection[str] = ()
        named: list[tuple[str, Json]] = []
        if kind is rules.USERS:
            changed_users = self._change(users, "user_id", elements, profiles.updated_user)
        elif kind is rules.COMPANIES:
            update = profiles.updated_profile
            changed_companies = self._change(companies, "company_id", elements, update)
        elif kind is rules.SUBSCRIPTIONS:
            changed_companies = self._subscriptions(elements)
        else:
            named = [(str(given.get("transaction_id") or uuid4()), given) for given in elements]
            self.account.events.put(
                [Document(id_, self._event(kind, given, caller)) for id_, given in named]
            )
            changed_users = self._change(users, "user_id", elements, profiles.seen)
            changed_companies = self._change(companies, "company_id", elements, profiles.seen)
        self._embed(changed_users, changed_companies)
        return [id_ for id_, given in named if not value_at(given, "request.ip_address")]

    def _change(
        self, index: Index, id_field: str, elements: Sequence[Json], update: _Update
    ) -> Collection[str]:
        """Update profiles, each of which may be named more than once; return their ids."""
        changed: dict[str, Json] = {}
        for given in elements:
            is_visitor = update is profiles.updated_user and not given.get(id_field)
            id_ = given.get("anonymous_id" if is_visitor else id_field)
            if isinstance(id_, str) and id_:
                known = changed.get(id_) or index.get(id_)
                old = known or profiles.new_profile("" if is_visitor else id_field, id_, self.at)
                changed[id_] = update(old, given, self.at, self.settings)
        index.put([Document(id_, source) for id_, source in changed.items()])
        return changed

    def _subscriptions(self, elements: Sequence[Json]) -> Collection[str]:
        held = {
            str(one.get("subscription_id")): (company.id, one)
            for company in self.account.companies.documents
            for one in subscriptions_of(company.source)
        }
        changed = set()
        for given in elements:
            id_, owner = str(given["subscription_id"]), str(given["company_id"])
            before, old = held.get(id_, (owner, {}))
            new = profiles.updated_subscription(old, given, self.at, self.settings)
            self._replace(before, id_, [])
            self._replace(owner, id_, [new])
            held[id_] = owner, new
            changed |= {before, owner}
        return changed

    def _replace(self, company_id: str, subscription_id: str, new: Sequence[Json]) -> None:
        """Put subscriptions into a company, in the place of the one of this id."""
        companies = self.account.companies
        source = companies.get(company_id)
        source = source or profiles.new_profile("company_id", company_id, self.at)
        listed = subscriptions_of(source)
        kept = [one for one in listed if one.get("subscription_id") != subscription_id]
        companies.put([Document(company_id, {**source, "subscriptions": [*kept, *new]})])

    def _event(self, kind: Kind, given: Json, caller: str) -> Json:
        """Return the document of an event; one that names no address gets the caller's."""
        time, sent = profiles.time_of(given, self.at), given["request"]
        request: Json = {**sent} if isinstance(sent, dict) else {}
        address = str(request.get("ip_address") or caller)
        request |= {"time": zulu(time), "ip_address": address}
        if agent := request.pop("user_agent_string", None):
            request["user_agent"] = profiles.user_agent_of(str(agent))
        if place := place_of(address):
            request["geo_ip"] = in_event(place)
        event: Json = {"direction": "Incoming", "weight": 1, **OWNED, **given, "request": request}
        event["event_type"] = "user_action" if kind is rules.ACTIONS else "api_call"
        answered = parse_iso(value_at(given, "response.time"))
        if answered is not None:
            event["duration_ms"] = (answered - time) / _MILLISECOND
        return event

    def _embed(self, user_ids: Collection[str], company_ids: Collection[str]) -> None:
        """Put companies into their users, in the place of what these users held of a company."""
        changed = []
        for user in self.account.users.documents if user_ids or company_ids else ():
            company_id = str(user.source.get("company_id"))
            company = self.account.companies.get(company_id)
            if company is not None and (user.id in user_ids or company_id in company_ids):
                changed.append(Document(user.id, {**user.source, "company": company}))
            elif user.id in user_ids and value_at(user.source, "company.company_id") != company_id:
                kept = {name: part for name, part in user.source.items() if name != "company"}
                changed.append(Document(user.id, kept))
        self.account.users.put(changed)
