"""The demo's companies, with their subscriptions, in all the shapes that Moesif's have."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_index import Document
from moesif_sandbox.seed_values import (
    INDUSTRIES,
    LAST_NAMES,
    PLANS,
    STAGES,
    address,
    bare,
    draws,
    moment_between,
    seven_digits,
    zulu,
)

if TYPE_CHECKING:
    import random

    from moesif_sandbox.moesif_dsl import Json

APP_ID = "198:3"
ORG_ID = "177:3"
_STATUSES = ("active", "active", "trialing", "cancelled", "paused", "pending")


def company(number: int, seed: int, now: datetime, days: int) -> Document:
    """Return one company; its shape follows from its number, its values from chance."""
    chance = draws(seed, "company", number)
    company_id = f"company_{number:05d}"
    created = now - timedelta(days=days + chance.randrange(400), minutes=number)
    modified = moment_between(chance, now - timedelta(days=days), now)
    domain = f"{chance.choice(INDUSTRIES).lower().replace('é', 'e')}-{number}.example"
    source: Json = {
        "company_id": company_id,
        "company_domain": domain,
        "name": f"{LAST_NAMES[number % len(LAST_NAMES)]} & Co.",
        "created": zulu(created),
        "modified_time": bare(modified),
        "first_seen_time": seven_digits(created + timedelta(hours=3)),
        "last_seen_time": seven_digits(modified),
        "ip_address": address(number),
        "ttfhw_s": chance.randrange(60, 90_000),
        "metadata": _metadata(chance),
        "session_token": [f"company-session-{number:05d}"],
        "subscriptions": [
            _subscription(chance, company_id, part, created) for part in range(number % 3)
        ],
        "app_id": APP_ID,
        "org_id": ORG_ID,
    }
    _shape(source, number, company_id)
    return Document(company_id, source)


def _shape(source: Json, number: int, company_id: str) -> None:
    if number % 3 == 1:
        source["domain_name"] = source.pop("company_domain")
    if number % 5 == 3:  # noqa: PLR2004 - one in five has never called the API
        for name in ("ttfhw_s", "first_seen_time", "last_seen_time"):
            del source[name]
    if number % 4 == 2:  # noqa: PLR2004 - custom properties under their other name
        source["body"] = source.pop("metadata")
    if number % 10 == 7:  # noqa: PLR2004 - known by the hit's `_id` alone
        del source["company_id"]
    if number % 6 == 0:
        source["campaign"] = {"utm_source": "conference", "referring_domain": "events.example"}
        source["account_manager"] = {"id": company_id[-2:], "name": "Ngozi"}


def _metadata(chance: random.Random) -> Json:
    return {
        "plan_name": chance.choice(PLANS),
        "deal_stage": chance.choice(STAGES),
        "mrr": chance.randrange(0, 50_000, 50),
        "demographics": {
            "industry": chance.choice(INDUSTRIES),
            "employee_count": chance.randrange(1, 5_000),
        },
        "regions": chance.sample(["EU", "US", "APAC", "LATAM"], 2),
    }


def _subscription(chance: random.Random, company_id: str, part: int, created: datetime) -> Json:
    status = chance.choice(_STATUSES)
    start = created + timedelta(days=part + 1)
    cancelled = zulu(start + timedelta(days=30)) if status == "cancelled" else None
    plan = f"prod_{chance.choice(PLANS)}"
    return {
        "subscription_id": f"sub_{company_id[-5:]}_{part}",
        "company_id": company_id,
        "status": status,
        "start_date": zulu(start),
        "created": zulu(start),
        "modified_time": bare(start + timedelta(days=1)),
        "trial_start": zulu(start),
        "trial_end": zulu(start + timedelta(days=14)),
        "current_period_start": zulu(start),
        "current_period_end": zulu(start + timedelta(days=30)),
        "cancel_time": cancelled,
        "payment_status": "paid",
        "provider": "stripe",
        "external_id": f"ext_{company_id[-5:]}_{part}",
        "metadata": {},
        "items": [
            {
                "subscription_item_id": f"si_{company_id[-5:]}_{part}",
                "plan_id": plan,
                "price_id": f"price_{plan}",
                "status": "active",
                "is_metered": chance.random() < 0.5,  # noqa: PLR2004 - half of them
                "unit_of_measure": "API call",
                "price": {"currency": "USD", "price_in_decimal": 50, "pricing_model": "flat"},
            }
        ],
        "type": "subscription",
        "app_id": APP_ID,
        "org_id": ORG_ID,
    }
