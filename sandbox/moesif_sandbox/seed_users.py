"""The demo's users, in all the shapes that Moesif's documents are known to have.

A user's shape follows from its number alone, so that any sixty users in a row show every shape.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from moesif_sandbox.moesif_index import Document
from moesif_sandbox.seed_companies import APP_ID, ORG_ID
from moesif_sandbox.seed_values import (
    FIRST_NAMES,
    LAST_NAMES,
    STAGES,
    USER_AGENTS,
    address,
    bare,
    draws,
    geo_ip,
    moment_between,
    seven_digits,
    with_offset,
    zulu,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from moesif_sandbox.moesif_dsl import Json

_ADDRESSES = 759  # as many as the reserved blocks hold, so users share them


class UserPlan(NamedTuple):
    """What all users have in common."""

    seed: int
    now: datetime
    days: int
    companies: Sequence[Document]
    places: Sequence[Json]  # the lookups of the shared addresses, by number
    wrong_types: bool


def places() -> list[Json]:
    """Return the lookups of all addresses, made once and shared by the documents."""
    return [geo_ip(number) for number in range(_ADDRESSES)]


def user_id(number: int) -> str:
    """Return a user's id: some are digits, as accounts that count their users have them."""
    return f"{100_000 + number}" if number % 13 == 6 else f"user_{number:06d}"  # noqa: PLR2004


def user(number: int, plan: UserPlan) -> Document:
    """Return one user."""
    chance = draws(plan.seed, "user", number)
    document_id = user_id(number)
    modified = _modified(number, chance, plan)
    created = plan.now - timedelta(days=plan.days + chance.randrange(300), seconds=number)
    source = _profile(number, document_id)
    source.update(_times(number, created, modified))
    source["metadata"] = _metadata(chance)
    _seen_from(source, number, chance, plan)
    _belongs_to(source, number, plan)
    for remainder, divisor, shape in _SHAPES:
        if number % divisor == remainder:
            shape(source, number)
    if plan.wrong_types and number in _WRONG_TYPES:
        source.update(_WRONG_TYPES[number])
    return Document(document_id, source)


def _modified(number: int, chance: random.Random, plan: UserPlan) -> datetime:
    """Return when a user was last changed: one in ten by one import, three in ten in threes."""
    start = plan.now - timedelta(days=plan.days)
    if number % 10 == 3:  # noqa: PLR2004 - more ties than a page has hits
        chance = draws(plan.seed, "import", 0)
    elif number % 10 < 3:  # noqa: PLR2004
        chance = draws(plan.seed, "batch", number // 10)
    return moment_between(chance, start, plan.now)


def _profile(number: int, document_id: str) -> Json:
    first = FIRST_NAMES[number % len(FIRST_NAMES)]
    last = LAST_NAMES[number // 3 % len(LAST_NAMES)]
    return {
        "user_id": document_id,
        "name": f"{first} {last}",
        "first_name": first,
        "last_name": last,
        "email": f"{document_id}@mail{number % 7}.example",
        "user_name": f"@{document_id}",
        "phone": f"+1555{number:07d}",
        "photo_url": f"https://cdn.example/{document_id}.png",
        "session_token": [f"session-{number:06d}-a", f"session-{number:06d}-b"],
        "app_id": APP_ID,
        "org_id": ORG_ID,
    }


def _times(number: int, created: datetime, modified: datetime) -> Json:
    """Return a user's times, in the notations that are met: bare, `Z`, seven digits, offset."""
    created_name = ("created_at", "create_time", None, "created")[min(number % 7, 3)]
    seen = {3: bare, 5: with_offset}.get(number % 8, seven_digits)
    changed = {6: seven_digits, 13: with_offset, 18: zulu}.get(number % 20, bare)
    times: Json = {
        "modified_time": changed(modified),
        "first_seen_time": seen(created + timedelta(minutes=5)),
        "last_seen_time": seen(modified),
    }
    return times if created_name is None else {created_name: zulu(created)} | times


def _metadata(chance: random.Random) -> Json:
    return {
        "title": chance.choice(("Software Engineer", "CTO", "Ingénieure", "Bäcker:in 🥐")),
        "tags": chance.sample(["beta", "vip", "api", "mobile", "日本語"], 2),
        "logins": chance.randrange(500),
        "score": round(chance.random() * 100, 2),
        "subscribed": chance.random() < 0.5,  # noqa: PLR2004 - half of them
        "sales_info": {
            "stage": chance.choice(STAGES),
            "lifetime_value": chance.randrange(0, 100_000, 500),
            "contacts": [{"name": "Ann", "role": "buyer"}, {"name": "Bob", "role": None}],
        },
    }


def _seen_from(source: Json, number: int, chance: random.Random, plan: UserPlan) -> None:
    place = chance.randrange(_ADDRESSES)
    source["ip_address"] = address(place)
    kind = number % 10
    if kind == 8:  # noqa: PLR2004 - as in events: longitude first
        found = plan.places[place]
        source["geo_ip"] = found | {"location": [found["longitude"], found["latitude"]]}
    elif kind == 9:  # noqa: PLR2004 - an address of which little is known
        source["geo_ip"] = {"ip": source["ip_address"], "country_code2": "US"}
    elif kind != 6:  # noqa: PLR2004 - never looked up
        source["geo_ip"] = plan.places[place]
    if number % 3 != 2:  # noqa: PLR2004
        source["user_agent"] = USER_AGENTS[number % len(USER_AGENTS)]


def _belongs_to(source: Json, number: int, plan: UserPlan) -> None:
    """Tie a user to a company: not at all, by id, by subscriptions alone, or in full."""
    if number % 5 == 4 or not plan.companies:  # noqa: PLR2004
        return
    company = plan.companies[number * 7 % len(plan.companies)]
    source["company_id"] = company.id
    if number % 15 == 7:  # noqa: PLR2004 - as in the answer that Moesif's portal recorded
        source["company"] = {"subscriptions": company.source["subscriptions"]}
    elif number % 9 != 5:  # noqa: PLR2004
        source["company"] = company.source


def _identified_only(source: Json, _number: int) -> None:
    source["identified_user_id"] = source.pop("user_id")


def _body_for_metadata(source: Json, _number: int) -> None:
    source["body"] = source.pop("metadata", {})


def _body_and_metadata(source: Json, number: int) -> None:
    source["body"] = {"imported_from": "crm", "row": number}


def _empty_body(source: Json, _number: int) -> None:
    source.pop("metadata", None)
    source["body"] = {}


def _campaign(source: Json, number: int) -> None:
    source["campaign"] = {
        "utm_source": "newsletter",
        "utm_medium": "email",
        "utm_campaign": f"launch-{number % 4}",
        "utm_term": "api analytics",
        "utm_content": "footer link",
        "referrer": "https://search.example/?q=api",
        "referring_domain": "search.example",
        "gclid": f"gclid-{number}",
    }


def _unknown_fields(source: Json, number: int) -> None:
    source["crm_segment"] = "mid-market"
    source["customFlags"] = [True, number, {"deep": ["er"]}]
    source["naïve field"] = {"with space": 1, "with.dot": 2}


def _nulls(source: Json, _number: int) -> None:
    source.update(phone=None, photo_url=None, campaign=None)


def _enriched(name: str) -> Callable[[Json, int], None]:
    def shape(source: Json, number: int) -> None:
        source[name] = {
            "person": {"employment": {"title": "Engineer"}, "id": f"person-{number}"},
            "company": {"metrics": {"employees": number % 900, "raised": None}},
        }

    return shape


def _rolled_up(name: str) -> Callable[[Json, int], None]:
    def shape(source: Json, number: int) -> None:
        source[name] = {"count": number, "errors": number % 3, "routes": {"/v1/orders": number}}

    return shape


def _unicode_everywhere(source: Json, _number: int) -> None:
    source["name"] = (
        "\u202e\u0645\u0631\u062d\u0628\u0627\u202c e\u0301 "  # right to left, combining
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u0000end"  # joined emoji, a null character
    )
    source["metadata"] = {"ключ": "значение", "👍": ["👎", "\u2028"]}


_SHAPES: Sequence[tuple[int, int, Callable[[Json, int], None]]] = (
    (11, 30, _unicode_everywhere),
    (1, 12, _identified_only),
    (2, 10, _body_for_metadata),
    (3, 30, _body_and_metadata),
    (18, 30, _empty_body),
    (1, 4, _campaign),
    (2, 6, _unknown_fields),
    (4, 14, _nulls),
    (4, 10, _enriched("enrichment")),
    (7, 10, _enriched("clearbit")),
    (9, 10, _enriched("enrichments")),
    (10, 25, _rolled_up("last24HourAggResults")),
    (20, 25, _rolled_up("last_24_hour_agg_results")),
)

_WRONG_TYPES: Mapping[int, Json] = {
    5: {"email": 12345},
    10: {"metadata": "not an object"},
    15: {"created": "yesterday", "first_seen_time": "n/a"},
    20: {"geo_ip": "192.0.2.1", "user_agent": "curl/8.0"},
    25: {"company": "Initech", "company_id": 42},
    30: {"name": ["Ada", "Lovelace"], "phone": {"home": "+1555"}},
    35: {"session_token": "a-single-token", "campaign": ["utm"]},
}
