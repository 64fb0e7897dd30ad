"""Makes the demo's data: the same for the same numbers, seed and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_index import Document
from moesif_sandbox.seed_companies import APP_ID, ORG_ID, company
from moesif_sandbox.seed_events import events
from moesif_sandbox.seed_users import UserPlan, places, user
from moesif_sandbox.seed_values import without_zones, zulu

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from moesif_sandbox.moesif_dsl import Json


@dataclass(frozen=True)
class SeedPlan:
    """How much data to make, over which time, and which of the rarer faults it has."""

    now: datetime
    users: int = 1000
    companies: int = 100
    days: int = 30
    seed: int = 1
    events_per_user: int = 10
    wrong_types: bool = False
    without_modified_time: int = 0
    times_without_zone: bool = False


@dataclass(frozen=True)
class SeedData:
    """The documents that the sandbox starts with."""

    users: Sequence[Document] = ()
    companies: Sequence[Document] = ()
    events: Sequence[Document] = ()
    cohorts: Sequence[Json] = ()


def make_seed(plan: SeedPlan) -> SeedData:
    """Return the demo's data."""
    companies = [
        company(number, plan.seed, plan.now, plan.days) for number in range(plan.companies)
    ]
    shared = UserPlan(plan.seed, plan.now, plan.days, companies, places(), plan.wrong_types)
    users = [user(number, shared) for number in range(plan.users)]
    for number in _spread(plan.without_modified_time, plan.users):
        del users[number].source["modified_time"]
    made = list(events(users, plan.seed, plan.now, plan.days, plan.events_per_user))
    if plan.times_without_zone:
        users, companies, made = (_without_zones(part) for part in (users, companies, made))
    return SeedData(users, companies, made, _cohorts(plan.now))


def _without_zones(documents: Sequence[Document]) -> list[Document]:
    return [
        Document(
            document.id,
            {name: without_zones(value) for name, value in document.source.items()},
        )
        for document in documents
    ]


def _spread(count: int, among: int) -> list[int]:
    """Return so many numbers below `among`, evenly spread."""
    count = min(count, among)
    return [part * among // count for part in range(count)]


def _cohorts(now: datetime) -> list[Json]:
    return [
        {
            "_id": f"cohort_{kind}_{number}",
            "org_id": ORG_ID,
            "app_id": APP_ID,
            "cohort_name": name,
            "cohort_type": kind,
            "criteria": '{"bool":{}}',
            "created_at": zulu(now),
            "modified_at": zulu(now),
            "time_zone": "UTC",
        }
        for kind in ("user", "company")
        for number, name in enumerate(("Power users", "At risk", "Trial éndet"))
    ]
