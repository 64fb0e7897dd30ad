"""Made-up locations of IP addresses, the same in every run."""

import ipaddress
import zlib
from functools import lru_cache
from typing import Any

from moesif_sandbox.moesif.search import Json

_FIELDS = ("city_name", "region_name", "region_code", "country_name", "country_code2",
           "country_code3", "continent_code", "postal_code", "timezone", "latitude",
           "longitude")  # fmt: skip
_PLACES: tuple[tuple[Any, ...], ...] = (
    ("Mt. Pleasant", "South Carolina", "SC", "United States", "US", "USA", "NA", "29464",
     "America/New_York", 32.822898864746094, -79.85489654541016),
    ("São Paulo", "São Paulo", "SP", "Brazil", "BR", "BRA", "SA", "01000",
     "America/Sao_Paulo", -23.5475, -46.6361),
    ("東京", "Tokyo", "13", "Japan", "JP", "JPN", "AS", "101-8656",
     "Asia/Tokyo", 35.6895, 139.6917),
)  # fmt: skip


@lru_cache
def place_of(address: str) -> Json | None:
    """Return the location of an IP address, or None if it is not a public one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if found.is_unspecified or found.is_loopback:
        return None
    place = dict(zip(_FIELDS, _PLACES[zlib.crc32(found.packed) % len(_PLACES)], strict=True))
    location = {"lat": place["latitude"], "lon": place["longitude"]}
    return {"ip": address, **place, "dma_code": 519, "location": location}


def in_event(place: Json) -> Json:
    """Return a location in the form of events, with the longitude first."""
    return place | {"location": [place["longitude"], place["latitude"]]}
