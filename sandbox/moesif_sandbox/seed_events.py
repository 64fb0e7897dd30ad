"""The demo's events: API calls, and now and then an action of a user."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_index import Document
from moesif_sandbox.seed_companies import APP_ID, ORG_ID
from moesif_sandbox.seed_values import ACTIONS, CANARY, ROUTES, STATUSES, USER_AGENTS, draws, zulu

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from moesif_sandbox.moesif_dsl import Json

_MOST_EVENTS = 50_000  # beyond that only some of the users have events, lest the start take long
_DAY = timedelta(days=1)
_RECENT_SHARE = 0.6
# Shared by all events; what must never leave Moesif is as conspicuous as a canary.
_REQUEST: Json = {
    "headers": {
        "Accept": "application/json",
        "Authorization": f"Bearer {CANARY}",
        "Cookie": f"session={CANARY}",
    },
    "body": {"login": {"user": "ann", "password": CANARY}},
}
_RESPONSE: Json = {
    "headers": {"Content-Type": "application/json", "Set-Cookie": f"session={CANARY}"},
    "body": {"access_token": CANARY},
}


def events(
    users: Sequence[Document], seed: int, now: datetime, days: int, per_user: int
) -> Iterator[Document]:
    """Yield the events of all users, oldest user first.

    One user in ten has none, one in four none within the last 24 hours.
    """
    if not per_user:
        return
    step = max(math.ceil(len(users) * per_user / _MOST_EVENTS), 1)
    for number in range(0, len(users), step):
        if number % 10 != 9:  # noqa: PLR2004
            chance = draws(seed, "events", number)
            for part in range(per_user):
                time = _time(number, chance, now, days)
                yield _event(f"event_{number:06d}_{part:03d}", users[number], time, chance)


def _time(number: int, chance: random.Random, now: datetime, days: int) -> datetime:
    recent = number % 4 != 3 and chance.random() < _RECENT_SHARE  # noqa: PLR2004
    if recent:
        return now - _DAY * chance.random()
    return now - _DAY - timedelta(days=max(days - 1, 1)) * chance.random()


def _event(event_id: str, user: Document, time: datetime, chance: random.Random) -> Document:
    verb, route = chance.choice(ROUTES)
    source: Json = {
        "user_id": user.id,
        "company_id": user.source.get("company_id"),
        "session_token": f"session-of-{user.id}",
        "direction": "Incoming",
        "weight": 1,
        "metadata": {"region": chance.choice(("eu", "us"))},
        "request": {
            "time": zulu(time),
            "uri": f"https://api.demo.example{route.replace(':id', '42')}",
            "verb": verb,
            "route": route,
            "ip_address": user.source["ip_address"],
            "geo_ip": user.source.get("geo_ip"),
            "user_agent": USER_AGENTS[chance.randrange(len(USER_AGENTS))],
            **_REQUEST,
        },
        "app_id": APP_ID,
        "org_id": ORG_ID,
    }
    if chance.randrange(8) == 0:
        source |= {"event_type": "user_action", "action_name": chance.choice(ACTIONS)}
    else:
        duration = round(chance.lognormvariate(4, 1), 1)
        source |= {"event_type": "api_call", "duration_ms": duration}
        source["response"] = {
            "time": zulu(time + timedelta(milliseconds=duration)),
            "status": chance.choice(STATUSES),
            **_RESPONSE,
        }
    return Document(event_id, source)
