"""Writes what the collector has taken into the documents that the search reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_collector import COMPANIES, SUBSCRIPTIONS, USERS
from moesif_sandbox.moesif_events import event_document, event_time, has_no_address
from moesif_sandbox.moesif_index import Document
from moesif_sandbox.moesif_profiles import (
    Readings,
    new_profile,
    seen,
    subscriptions_of,
    updated_profile,
    updated_subscription,
    updated_user,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from moesif_sandbox.moesif_collector import Kind
    from moesif_sandbox.moesif_dsl import Json
    from moesif_sandbox.moesif_index import Index
    from moesif_sandbox.store import Store


@dataclass(frozen=True)
class Writer:
    """Changes the store by elements that were held against the rules before."""

    store: Store
    readings: Readings
    new_id: Callable[[], str]

    def write(self, kind: Kind, elements: Sequence[Json], caller: str, at: datetime) -> None:
        """Write the elements of one request.

        Args:
            kind: Of all of them.
            elements: As they came; they are left so.
            caller: The address that the request came from.
            at: The time now.
        """
        if kind is USERS:
            self._users(elements, at)
        elif kind is COMPANIES:
            self._companies(elements, at)
        elif kind is SUBSCRIPTIONS:
            self._subscriptions(elements, at)
        else:
            self._events(kind, elements, caller, at)

    def _users(self, elements: Sequence[Json], at: datetime) -> None:
        changes = [
            (str(given.get("user_id") or given.get("anonymous_id")), given) for given in elements
        ]

        def update(old: Json, given: Json) -> Json:
            user = self._with_company(updated_user(old, given, at, self.readings))
            if not given.get("user_id"):  # an anonymous visitor, who has no such id
                user.pop("user_id", None)
            return user

        self._change(self.store.users, "user_id", changes, update, at)

    def _companies(self, elements: Sequence[Json], at: datetime) -> None:
        changes = [(str(given["company_id"]), given) for given in elements]

        def update(old: Json, given: Json) -> Json:
            return updated_profile(old, given, at, self.readings)

        changed = self._change(self.store.companies, "company_id", changes, update, at)
        self._embed(changed)

    def _subscriptions(self, elements: Sequence[Json], at: datetime) -> None:
        companies = self.store.companies
        owners = {
            str(subscription.get("subscription_id")): company.id
            for company in companies.documents
            for subscription in subscriptions_of(company.source)
        }
        changed = set()
        for given in elements:
            subscription_id, company_id = str(given["subscription_id"]), str(given["company_id"])
            old: Json = {}
            if subscription_id in owners:
                changed.add(owners[subscription_id])
                old = self._taken_out(owners[subscription_id], subscription_id)
            company = _source(companies, company_id) or new_profile("company_id", company_id, at)
            new = updated_subscription(old, given, at, self.readings)
            listed = [*subscriptions_of(company), new]
            companies.put([Document(company_id, {**company, "subscriptions": listed})])
            owners[subscription_id] = company_id
            changed.add(company_id)
        self._embed(changed)

    def _taken_out(self, company_id: str, subscription_id: str) -> Json:
        """Take a subscription out of its company's, where its next version may not go."""
        company = _source(self.store.companies, company_id) or {}
        taken: Json = {}
        kept = []
        for subscription in subscriptions_of(company):
            if subscription.get("subscription_id") == subscription_id:
                taken = subscription
            else:
                kept.append(subscription)
        self.store.companies.put([Document(company_id, {**company, "subscriptions": kept})])
        return taken

    def _events(self, kind: Kind, elements: Sequence[Json], caller: str, at: datetime) -> None:
        documents = []
        for given in elements:
            event_id = str(given.get("transaction_id") or self.new_id())
            documents.append(Document(event_id, event_document(kind, given, caller, at)))
            if has_no_address(given):
                self.store.collector.callers_address.append(event_id)
        self.store.events.put(documents)
        self._seen(self.store.users, "user_id", elements, at)
        self._embed(self._seen(self.store.companies, "company_id", elements, at))

    def _seen(
        self, index: Index, id_field: str, events: Sequence[Json], at: datetime
    ) -> Collection[str]:
        """Note on profiles that they were active; who is seen for the first time gets one."""
        changes = [(str(given[id_field]), given) for given in events if given.get(id_field)]

        def update(old: Json, given: Json) -> Json:
            return seen(old, event_time(given, at), at, self.readings)

        return self._change(index, id_field, changes, update, at)

    def _change(
        self,
        index: Index,
        id_field: str,
        changes: Sequence[tuple[str, Json]],
        update: Callable[[Json, Json], Json],
        at: datetime,
    ) -> Collection[str]:
        """Apply changes to profiles, each of which may be named more than once.

        Returns:
            The ids of those that have changed.
        """
        changed: dict[str, Json] = {}
        for profile_id, change in changes:
            old = changed.get(profile_id) or _source(index, profile_id)
            changed[profile_id] = update(old or new_profile(id_field, profile_id, at), change)
        index.put([Document(profile_id, source) for profile_id, source in changed.items()])
        return changed

    def _embed(self, company_ids: Collection[str]) -> None:
        """Renew companies within their users."""
        if company_ids:
            users = self.store.users
            users.put(
                [
                    Document(user.id, self._with_company(user.source))
                    for user in users.documents
                    if str(user.source.get("company_id")) in company_ids
                ]
            )

    def _with_company(self, user: Json) -> Json:
        """Return a user with the company that the user's `company_id` names, if there is one."""
        company_id = user.get("company_id")
        known = _source(self.store.companies, str(company_id))
        if known is not None:
            return {**user, "company": known}
        embedded = user.get("company")
        if isinstance(embedded, dict) and embedded.get("company_id") == company_id:
            return user
        return {name: value for name, value in user.items() if name != "company"}


def _source(index: Index, document_id: str) -> Json | None:
    document = index.get(document_id)
    return None if document is None else document.source
