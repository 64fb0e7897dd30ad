"""What the demo's documents are made of: names, places, agents, and times in every notation."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

# Scripts on purpose: accents, combining marks, right to left, CJK, emoji outside the basic plane.
FIRST_NAMES = (
    "Ada", "Grace", "Zoë", "Rene\u0301", "شيرين", "Łukasz", "美咲", "Nguyễn", "יעל", "Sophie 🚀",
    "Mary", "John", "Anjali", "Øyvind", "Ọlá", "Chloe",
)  # fmt: skip
LAST_NAMES = (
    "Lovelace", "Hopper", "O'Connor", "Müller-Lüdenscheidt", "حداد", "Wałęsa", "田中", "Văn",
    "לוי", "Smith", "García Márquez", "Åström", "Iyer", "D\u0027Souza", "Null", "Doe",
)  # fmt: skip
INDUSTRIES = ("FinTech", "Logistics", "Health", "Games", "Énergie", "E-commerce")
PLANS = ("free", "starter", "growth", "enterprise")
STAGES = ("Lead", "Trial", "Customer", "Churned")
ROUTES = (
    ("GET", "/v1/orders"),
    ("POST", "/v1/orders"),
    ("GET", "/v1/orders/:id"),
    ("GET", "/v1/customers"),
    ("PUT", "/v1/customers/:id"),
    ("POST", "/v1/payments"),
    ("DELETE", "/v1/tokens/:id"),
)
ACTIONS = ("Clicked Sign Up", "Viewed Pricing", "Created API Key", "Upgraded Plan")
# In the headers and bodies of events, where accounts have their customers' real ones.
CANARY = "canary-credential"
STATUSES = (200, 200, 200, 200, 201, 201, 204, 304, 400, 401, 404, 429, 500)
USER_AGENTS: tuple[dict[str, object], ...] = (
    {"name": "Android", "os_major": "7", "os": "Android 7.0", "os_name": "Android",
     "os_minor": "0", "major": "7", "device": "Samsung SM-G955U", "minor": "0"},
    {"name": "Chrome", "os_major": "10", "os": "Mac OS X 10.15.7", "os_name": "Mac OS X",
     "os_minor": "15", "major": "113", "device": "Other", "minor": "0"},
    {"name": "Python Requests", "os": "Other", "os_name": "Other", "major": "2",
     "device": "Spider", "minor": "31"},
    {"name": "Firefox", "os_major": "11", "os": "Windows 11", "os_name": "Windows",
     "major": "124", "device": "Other", "minor": "0", "patch": "1"},
)  # fmt: skip


class Place(NamedTuple):
    """A city, with what Moesif's lookup of an address says about it."""

    city: str
    region: str
    region_code: str
    country: str
    code2: str
    code3: str
    continent: str
    postal_code: str
    timezone: str
    latitude: float
    longitude: float


PLACES = (
    Place("Mt. Pleasant", "South Carolina", "SC", "United States", "US", "USA", "NA", "29464",
          "America/New_York", 32.822898864746094, -79.85489654541016),
    Place("São Paulo", "São Paulo", "SP", "Brazil", "BR", "BRA", "SA", "01000",
          "America/Sao_Paulo", -23.5475, -46.6361),
    Place("東京", "Tokyo", "13", "Japan", "JP", "JPN", "AS", "101-8656",
          "Asia/Tokyo", 35.6895, 139.6917),
    Place("Zürich", "Zurich", "ZH", "Switzerland", "CH", "CHE", "EU", "8048",
          "Europe/Zurich", 47.3667, 8.55),
    Place("Nairobi", "Nairobi Area", "30", "Kenya", "KE", "KEN", "AF", "00100",
          "Africa/Nairobi", -1.2833, 36.8167),
)  # fmt: skip


def draws(seed: int, kind: str, number: int) -> random.Random:
    """Return the source of chance of one document: the same however many others there are."""
    return random.Random(f"{seed}:{kind}:{number}")  # noqa: S311 - the demo's data, no secret


def moment_between(chance: random.Random, start: datetime, end: datetime) -> datetime:
    """Return a time within a span, to the millisecond."""
    span = int((end - start) / timedelta(milliseconds=1))
    return start + timedelta(milliseconds=chance.randrange(max(span, 1)))


def bare(moment: datetime) -> str:
    """Return `2023-07-27T21:55:19.464`: UTC without saying so, as `modified_time` has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def zulu(moment: datetime) -> str:
    """Return `2024-01-02T23:18:03.000Z`."""
    return bare(moment) + "Z"


def seven_digits(moment: datetime) -> str:
    """Return `2023-07-27T21:52:58.0990000Z`, as `last_seen_time` has it."""
    return bare(moment) + "0000Z"


def with_offset(moment: datetime) -> str:
    """Return the same instant on another clock: `2023-07-27T23:52:58.099+02:00`."""
    return bare(moment.astimezone(timezone(timedelta(hours=2)))) + "+02:00"


_ZONED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\d*(Z|[+-]\d\d:\d\d)")


def without_zones(value: object) -> object:
    """Return a value whose times, however deep, are all bare."""
    if isinstance(value, dict):
        return {name: without_zones(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_zones(part) for part in value]
    if isinstance(value, str) and (match := _ZONED.fullmatch(value)):
        zone = match[2].replace("Z", "+00:00")
        return bare(datetime.fromisoformat(match[1] + zone).astimezone(timezone.utc))
    return value


def address(number: int) -> str:
    """Return an IP address from the blocks that are reserved for documentation."""
    block = ("192.0.2", "198.51.100", "203.0.113")[number % 3]
    return f"{block}.{number // 3 % 254 + 1}"


def geo_ip(number: int) -> dict[str, object]:
    """Return what Moesif's lookup says about `address(number)`."""
    place = PLACES[number % len(PLACES)]
    return {
        "ip": address(number),
        "city_name": place.city,
        "region_name": place.region,
        "region_code": place.region_code,
        "country_name": place.country,
        "country_code2": place.code2,
        "country_code3": place.code3,
        "continent_code": place.continent,
        "postal_code": place.postal_code,
        "timezone": place.timezone,
        "dma_code": 519,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "location": {"lat": place.latitude, "lon": place.longitude},
    }
