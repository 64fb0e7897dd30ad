"""The demo companies, with subscriptions, and users."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from moesif_sandbox.moesif.listings import OWNED
from moesif_sandbox.moesif.places import place_of
from moesif_sandbox.moesif.search import Document, Json
from moesif_sandbox.times import bare, seven_digits, zulu

# Various scripts: accents, combining marks, right to left, CJK, emoji outside the basic plane.
_FIRST_NAMES = ("Ada", "Grace", "Zoë", "Rene\u0301", "شيرين", "Łukasz", "美咲", "Nguyễn", "יעל",
               "Sophie 🚀", "Mary", "John", "Anjali", "Øyvind", "Ọlá", "Chloe")  # fmt: skip
_LAST_NAMES = ("Lovelace", "Hopper", "O'Connor", "Müller-Lüdenscheidt", "حداد", "Wałęsa", "田中",
              "Văn", "לוי", "Smith", "García Márquez", "Åström", "D'Souza", "Null")  # fmt: skip
_INDUSTRIES = ("FinTech", "Logistics", "Health", "Games", "Énergie", "E-commerce")
_PLANS = ("free", "starter", "growth", "enterprise")
_STAGES = ("Lead", "Trial", "Customer", "Churned")
USER_AGENTS: tuple[Json, ...] = (
    {"name": "Chrome", "os_major": "10", "os": "Mac OS X 10.15.7", "os_name": "Mac OS X",
     "os_minor": "15", "major": "113", "device": "Other", "minor": "0"},
    {"name": "Python Requests", "os": "Other", "os_name": "Other", "major": "2",
     "device": "Spider", "minor": "31"},
    {"name": "Firefox", "os_major": "11", "os": "Windows 11", "os_name": "Windows",
     "major": "124", "device": "Other", "minor": "0", "patch": "1"},
)  # fmt: skip
_STATUSES = ("active", "active", "trialing", "cancelled", "paused", "pending")
_CALLED = ("ttfhw_s", "first_seen_time", "last_seen_time")


def draws(seed: int, kind: str, number: int) -> random.Random:
    """Return a document's random generator, independent of the number of documents."""
    return random.Random(f"{seed}:{kind}:{number}")  # noqa: S311 - demo data, no secret


def company(number: int, seed: int, now: datetime, days: int) -> Document:
    """Return one company; one in five has never called the API."""
    chance = draws(seed, "company", number)
    company_id = f"company_{number:05d}"
    created = now - timedelta(days=days + chance.randrange(400), minutes=number)
    modified = now - timedelta(days=days) * chance.random()
    domain = f"{chance.choice(_INDUSTRIES).lower().replace('é', 'e')}-{number}.example"
    source: Json = {
        "company_id": company_id, "company_domain": domain, **OWNED,
        "name": f"{_LAST_NAMES[number % len(_LAST_NAMES)]} & Co.",
        "created": zulu(created), "modified_time": bare(modified),
        "first_seen_time": seven_digits(created + timedelta(hours=3)),
        "last_seen_time": seven_digits(modified),
        "ip_address": f"203.0.113.{number % 254 + 1}", "ttfhw_s": chance.randrange(60, 90_000),
        "metadata": {
            "plan_name": chance.choice(_PLANS), "deal_stage": chance.choice(_STAGES),
            "mrr": chance.randrange(0, 50_000, 50),
            "demographics": {"industry": chance.choice(_INDUSTRIES),
                             "employee_count": chance.randrange(1, 5_000)},
            "regions": chance.sample(["EU", "US", "APAC", "LATAM"], 2),
        },
        "session_token": [f"company-session-{number:05d}"],
        "subscriptions": [_subscription(chance, company_id, part, created)
                          for part in range(number % 3)],
    }  # fmt: skip
    if not number % 6:
        source["campaign"] = {"utm_source": "conference", "referring_domain": "events.example"}
    if not (number + 2) % 5:
        source = {name: value for name, value in source.items() if name not in _CALLED}
    return Document(company_id, source)


def _subscription(chance: random.Random, company_id: str, part: int, created: datetime) -> Json:
    status = chance.choice(_STATUSES)
    number, plan = f"{company_id[-5:]}_{part}", f"prod_{chance.choice(_PLANS)}"
    start = created + timedelta(days=part + 1)
    began, in_a_month = zulu(start), zulu(start + timedelta(days=30))
    return {
        "subscription_id": f"sub_{number}", "company_id": company_id, "status": status, **OWNED,
        "start_date": began, "created": began, "modified_time": bare(start + timedelta(days=1)),
        "trial_start": began, "trial_end": zulu(start + timedelta(days=14)),
        "current_period_start": began, "current_period_end": in_a_month,
        "cancel_time": in_a_month if status == "cancelled" else None, "payment_status": "paid",
        "provider": "stripe", "external_id": f"ext_{number}", "metadata": {},
        "items": [{
            "subscription_item_id": f"si_{number}", "plan_id": plan, "price_id": f"price_{plan}",
            "status": "active", "is_metered": chance.choice((True, False)),
            "unit_of_measure": "API call",
            "price": {"currency": "USD", "price_in_decimal": 50, "pricing_model": "flat"},
        }],
        "type": "subscription",
    }  # fmt: skip


def user(
    number: int, seed: int, now: datetime, days: int, companies: Sequence[Document]
) -> Document:
    """Return one user; some ids are digits, as in accounts that number their users."""
    chance = draws(seed, "user", number)
    user_id = f"user_{number:06d}" if (number + 7) % 13 else f"{100_000 + number}"
    first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    last = _LAST_NAMES[number // 3 % len(_LAST_NAMES)]
    shared = {0: "batch", 1: "batch", 2: "batch", 3: "import"}.get(number % 10)  # equal times
    of_times = draws(seed, shared, shared == "batch" and number // 10) if shared else chance
    modified = now - timedelta(days=days) * of_times.random()
    created = now - timedelta(days=days + chance.randrange(300), seconds=number)
    where = f"198.51.100.{chance.randrange(1, 255)}"  # reserved for documentation
    source: Json = {
        "user_id": user_id, **OWNED, "name": f"{first} {last}", "first_name": first,
        "last_name": last, "email": f"{user_id}@mail{number % 7}.example",
        "user_name": f"@{user_id}", "phone": f"+1555{number:07d}",
        "photo_url": f"https://cdn.example/{user_id}.png",
        "session_token": [f"session-{number:06d}-a", f"session-{number:06d}-b"],
        "created": zulu(created), "modified_time": bare(modified),
        "first_seen_time": seven_digits(created + timedelta(minutes=5)),
        "last_seen_time": seven_digits(modified), "metadata": _metadata(chance),
        "ip_address": where, "geo_ip": place_of(where),
    }  # fmt: skip
    if number % 3:
        source["user_agent"] = USER_AGENTS[number % len(USER_AGENTS)]
    if companies and (number + 1) % 5:
        company = companies[number * 7 % len(companies)]
        source |= {"company_id": company.id, "company": company.source}
    if not (number + 3) % 4:
        source["campaign"] = {
            "utm_source": "newsletter", "utm_medium": "email", "utm_term": "api analytics",
            "utm_campaign": f"launch-{number % 4}", "utm_content": "footer link",
            "referrer": "https://search.example/?q=api", "gclid": f"gclid-{number}",
            "referring_domain": "search.example",
        }  # fmt: skip
    if not (number + 4) % 6:
        source["crm_segment"] = "mid-market"  # a custom field
    if not (number + 6) % 10:
        source["enrichment"] = enrichment(number)
    return Document(user_id, source)


def _metadata(chance: random.Random) -> Json:
    return {
        "title": chance.choice(("Software Engineer", "CTO", "Ingénieure", "Bäcker:in 🥐")),
        "tags": chance.sample(["beta", "vip", "api", "mobile", "日本語"], 2),
        "logins": chance.randrange(500), "score": round(chance.random() * 100, 2),
        "subscribed": chance.choice((True, False)),
        "sales_info": {
            "stage": chance.choice(_STAGES), "lifetime_value": chance.randrange(0, 100_000, 500),
            "contacts": [{"name": "Ann", "role": "buyer"}, {"name": "Bob", "role": None}],
        },
    }  # fmt: skip


def enrichment(number: int) -> Json:
    """Return a user's data from an enrichment service."""
    person = {"employment": {"title": "Engineer"}, "id": f"person-{number}"}
    return {"person": person, "company": {"metrics": {"employees": number % 900, "raised": None}}}
