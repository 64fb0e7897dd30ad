"""The demo events: API calls and some custom actions."""

import math
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from moesif_sandbox.moesif.listings import OWNED
from moesif_sandbox.moesif.search import Document, Json
from moesif_sandbox.seed.profiles import USER_AGENTS, draws
from moesif_sandbox.times import midnight, zulu

# In the headers and bodies of events, which contain credentials in real accounts.
CANARY = "canary-credential"

_ROUTES = (("GET", "/v1/orders"), ("POST", "/v1/orders"), ("GET", "/v1/orders/:id"),
           ("GET", "/v1/customers"), ("PUT", "/v1/customers/:id"), ("POST", "/v1/payments"),
           ("DELETE", "/v1/tokens/:id"))  # fmt: skip
_ACTIONS = ("Clicked Sign Up", "Viewed Pricing", "Created API Key", "Upgraded Plan")
_STATUSES = (200, 200, 200, 200, 201, 201, 204, 304, 400, 401, 404, 429, 500)
_MAX_EVENTS = 50_000  # with more, only some users have events, for a fast start
_BUSY_EVERY = 20  # one user in 20 is busy ...
_BUSY_FACTOR = 12  # ... and has 12 times as many events as others
_BUSY_DAYS = 7
_RECENT_SHARE = 0.6
_DAY = timedelta(days=1)
_REQUEST: Json = {
    "headers": {"Accept": "application/json", "Authorization": f"Bearer {CANARY}",
                "Cookie": f"session={CANARY}"},
    "body": {"login": {"user": "ann", "password": CANARY}},
}  # fmt: skip
_RESPONSE: Json = {
    "headers": {"Content-Type": "application/json", "Set-Cookie": f"session={CANARY}"},
    "body": {"access_token": CANARY},
}


def events(
    users: Sequence[Document], seed: int, now: datetime, days: int, per_user: int
) -> Iterator[Document]:
    """Yield the events of all users, oldest user first.

    One user in ten has none, one in four has none in the last 24 hours. One in twenty is busy on
    each of the last seven days, mostly around noon and increasingly.
    """
    factor = 1 + (_BUSY_FACTOR - 1) / _BUSY_EVERY
    step = max(math.ceil(len(users) * per_user * factor / _MAX_EVENTS), 1)
    made = (
        _event(f"event_{number * step:06d}_{part:03d}", user, time, chance)
        for number, user in enumerate(users[::step])
        for chance in [draws(seed, "events", number * step)]
        for part, time in enumerate(_times(number, chance, now, days, per_user))
    )
    return islice(made, _MAX_EVENTS)


def _times(
    number: int, chance: random.Random, now: datetime, days: int, count: int
) -> Iterator[datetime]:
    """Yield the times of a user's events, unordered."""
    if not number % _BUSY_EVERY:
        for _ in range(count * _BUSY_FACTOR):
            day = midnight(now) - _DAY * int(min(days, _BUSY_DAYS) * chance.random() ** 1.5)
            time = day + timedelta(hours=chance.triangular(6, 21, 13))
            yield time if time < now else time - _DAY
        return
    for _ in range(count if (number + 1) % 10 else 0):
        if (number + 1) % 4 and chance.random() < _RECENT_SHARE:
            yield now - _DAY * chance.random()
        else:
            yield now - _DAY - timedelta(days=max(days - 1, 1)) * chance.random()


def _event(event_id: str, user: Document, time: datetime, chance: random.Random) -> Document:
    verb, route = chance.choice(_ROUTES)
    source: Json = {
        "user_id": user.id, "company_id": user.source.get("company_id"),
        "session_token": f"session-of-{user.id}", "direction": "Incoming", "weight": 1, **OWNED,
        "metadata": {"region": chance.choice(("eu", "us"))},
        "request": {
            "time": zulu(time), "uri": f"https://api.demo.example{route.replace(':id', '42')}",
            "verb": verb, "route": route, "ip_address": user.source["ip_address"],
            "geo_ip": user.source.get("geo_ip"), "user_agent": chance.choice(USER_AGENTS),
            **_REQUEST,
        },
    }  # fmt: skip
    if not chance.randrange(8):
        source |= {"event_type": "user_action", "action_name": chance.choice(_ACTIONS)}
        return Document(event_id, source)
    duration = round(chance.lognormvariate(4, 1), 1)
    end = zulu(time + timedelta(milliseconds=duration))
    response = {"time": end, "status": chance.choice(_STATUSES), **_RESPONSE}
    source |= {"event_type": "api_call", "duration_ms": duration, "response": response}
    return Document(event_id, source)
