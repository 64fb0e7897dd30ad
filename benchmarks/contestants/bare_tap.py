"""The minimum: request a page, map its documents, write them, request the next.

No command line, no settings, no catalog, no state, no retries, no checks. It supports
only this benchmark's documents. The mapping of fields is tap-moesif's.
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec

PATH = "/search/~/search/users"
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer key"}
SEARCH: dict[str, Any] = {
    "query": {"match_all": {}},
    "sort": [{"modified_time": {"order": "asc"}}, {"_id": {"order": "asc"}}],
    "size": 1_000,
}
TIMES = {
    "modified_time": "modifiedTime",
    "first_seen_time": "firstSeenTime",
    "last_seen_time": "lastSeenTime",
    "created": "createdAt",
    "created_at": "createdAt",
    "create_time": "createdAt",
}
COMPANY_TIMES = {**TIMES, "created": "created"}
NAMES = {
    "name": "name",
    "first_name": "firstName",
    "last_name": "lastName",
    "email": "email",
    "user_name": "username",
    "phone": "phone",
    "photo_url": "avatar",
    "campaign": "campaign",
}
COMPANY_NAMES = {"ip_address": "ipAddress", "ttfhw_s": "ttfhw_s"}
PLACE_NAMES = {
    "city_name": "city",
    "region_name": "region",
    "region_code": "regionCode",
    "country_name": "country",
    "country_code2": "countryCode",
    "country_code3": "countryCode3",
    "continent_code": "continentCode",
    "postal_code": "postalCode",
    "timezone": "timezone",
    "dma_code": "dmaCode",
    "latitude": "latitude",
    "longitude": "longitude",
}


def utc(time: str) -> str:
    """Return a time as UTC with milliseconds and `Z`."""
    day, clock, rest = time[:10], time[11:19], time[19:]
    if "+" in rest or "-" in rest:
        moment = datetime.fromisoformat(time).astimezone(timezone.utc).isoformat()
        day, clock = moment[:10], moment[11:19]
    fraction = rest[1:4] if rest.startswith(".") else "000"
    return f"{day}T{clock}.{fraction}Z"


def move(source: dict[str, Any], record: dict[str, Any], names: dict[str, str]) -> None:
    """Move fields from a document to a record."""
    for raw, name in names.items():
        if raw in source:
            record[name] = source.pop(raw)


def move_first(source: dict[str, Any], record: dict[str, Any], name: str, *raws: str) -> None:
    """Move the first of several fields."""
    for raw in raws:
        if raw in source:
            value = source.pop(raw)
            if name not in record:
                record[name] = value
            elif value != record[name]:
                source[raw] = value


def move_times(source: dict[str, Any], record: dict[str, Any], names: dict[str, str]) -> None:
    """Move times."""
    for raw, name in names.items():
        if raw in source:
            record[name] = utc(source.pop(raw))


def company(source: dict[str, Any]) -> dict[str, Any]:
    """Map the company in a user."""
    source.pop("session_token", None)
    record: dict[str, Any] = {}
    if "company_id" in source:
        record["id"] = source.pop("company_id")
    move_times(source, record, COMPANY_TIMES)
    move(source, record, COMPANY_NAMES)
    move_first(source, record, "companyDomain", "company_domain", "domain_name")
    move_first(source, record, "metadata", "metadata", "body")
    if source:
        record["additionalFields"] = source
    return record


def context(source: dict[str, Any]) -> dict[str, Any]:
    """Map where a user was last seen."""
    record: dict[str, Any] = {}
    place: dict[str, Any] | None = source.get("geo_ip")
    if place is not None:
        location = place.get("location")
        if isinstance(location, list):
            location = {"lat": location[1], "lon": location[0]}
        if location == {"lat": place.get("latitude"), "lon": place.get("longitude")}:
            del place["location"]
        if place.get("ip") == source.get("ip_address", place.get("ip")):
            source["ip_address"] = place.pop("ip")
        record["location"] = {}
        move(place, record["location"], PLACE_NAMES)
        if not place:
            del source["geo_ip"]
    move(source, record, {"ip_address": "ip", "user_agent_string": "userAgent"})
    return record


def user(source: dict[str, Any]) -> dict[str, Any]:
    """Map a user."""
    source.pop("session_token", None)
    record: dict[str, Any] = {}
    move_first(source, record, "id", "user_id", "identified_user_id")
    move_times(source, record, TIMES)
    move(source, record, NAMES)
    if (company_id := source.pop("company_id", None)) is not None:
        source.setdefault("company", {}).setdefault("company_id", company_id)
    if "company" in source:
        record["company"] = company(source.pop("company"))
    move_first(source, record, "enrichment", "enrichment", "enrichments", "clearbit")
    move_first(
        source,
        record,
        "last24HourAggResults",
        "last24HourAggResults",
        "last_24_hour_agg_results",
    )
    move_first(source, record, "metadata", "metadata", "body")
    if isinstance(source.get("user_agent"), dict):
        record["userAgent"] = source.pop("user_agent")
    elif "user_agent" in source:
        source.setdefault("user_agent_string", source.pop("user_agent"))
    if seen := context(source):
        record["context"] = seen
    if source:
        record["additionalFields"] = source
    return record


def main(address: str) -> None:
    """Write all users to standard output."""
    url = urlsplit(address)
    connection = HTTPConnection(str(url.hostname), url.port, timeout=30)
    encode = msgspec.json.Encoder().encode
    extracted = datetime.now(timezone.utc).isoformat()
    search = dict(SEARCH)
    while True:
        connection.request("POST", PATH, encode(search), HEADERS)
        hits = msgspec.json.decode(connection.getresponse().read())["hits"]["hits"]
        if not hits:
            return
        for hit in hits:
            line = {"type": "RECORD", "stream": "users", "record": user(hit["_source"])}
            sys.stdout.buffer.write(encode({**line, "time_extracted": extracted}) + b"\n")
        search["search_after"] = hits[-1]["sort"]


if __name__ == "__main__":
    main(sys.argv[1])
