"""The demo data, determined by the numbers, the seed and the time."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from moesif_sandbox.moesif.account import Contents
from moesif_sandbox.moesif.search import Document
from moesif_sandbox.seed.awkward import awkward
from moesif_sandbox.seed.events import events
from moesif_sandbox.seed.profiles import company, user
from moesif_sandbox.times import bare

__all__ = ["SeedPlan", "make_seed"]
_TIME = re.compile(r'(?<=")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)(?=")')


class SeedPlan(NamedTuple):
    """Parameters of the demo data; the command has an option for each."""

    now: datetime
    users: int = 1000
    companies: int = 100
    days: int = 30
    seed: int = 1
    events_per_user: int = 10
    awkward: bool = False
    without_modified_time: int = 0
    times_without_zone: bool = False


def make_seed(plan: SeedPlan) -> Contents:
    """Return the demo data."""
    seed, now, days = plan.seed, plan.now, plan.days
    companies = [company(number, seed, now, days) for number in range(plan.companies)]
    if plan.awkward:
        companies = [awkward(one, number) for number, one in enumerate(companies)]
    users = [user(number, seed, now, days, companies) for number in range(plan.users)]
    if plan.awkward:
        users = [awkward(one, number) for number, one in enumerate(users)]
    lacking = min(plan.without_modified_time, plan.users)
    for part in range(lacking):  # evenly spread
        del users[part * plan.users // lacking].source["modified_time"]
    made = [*events(users, seed, now, days, plan.events_per_user)]
    if plan.times_without_zone:
        users, companies, made = (_without_zones(part) for part in (users, companies, made))
    return {"users": users, "companies": companies, "events": made}


def _without_zones(documents: Sequence[Document]) -> list[Document]:
    text = msgspec.json.encode(documents).decode()
    bared = _TIME.sub(lambda found: bare(datetime.fromisoformat(found[0])), text)
    return msgspec.json.decode(bared, type=list[Document])
