"""Fields shared by several streams."""

from __future__ import annotations

from tap_moesif.records import Field, Kind

CREATED = ("created", "created_at", "create_time")
METADATA = ("metadata", "body")
"""Raw names of a field that differ between Moesif's sources, in order of preference."""

REST = Field(
    "additionalFields",
    Kind.REST,
    "Other fields of the Moesif document, under their raw names, and values of an unexpected type.",
)

TIMES = (
    Field("modifiedTime", Kind.TIME, "When it was last modified.", ("modified_time",)),
    Field("firstSeenTime", Kind.TIME, "When it was first seen on the API.", ("first_seen_time",)),
    Field("lastSeenTime", Kind.TIME, "When it was last seen on the API.", ("last_seen_time",)),
)
APP = (
    Field("appId", Kind.STRING, "The app it belongs to in Moesif.", ("app_id",)),
    Field("orgId", Kind.STRING, "The organisation it belongs to in Moesif.", ("org_id",)),
)
PLACE = Field(
    "location",
    Kind.OBJECT,
    "Location of the IP address.",
    ("geo_ip",),
    (
        Field("city", Kind.STRING, "City.", ("city_name",)),
        Field("region", Kind.STRING, "Region or state.", ("region_name",)),
        Field("regionCode", Kind.STRING, "Region code.", ("region_code",)),
        Field("country", Kind.STRING, "Country.", ("country_name",)),
        Field("countryCode", Kind.STRING, "ISO 3166-1 alpha-2.", ("country_code2",)),
        Field("countryCode3", Kind.STRING, "ISO 3166-1 alpha-3.", ("country_code3",)),
        Field("continentCode", Kind.STRING, "Continent.", ("continent_code",)),
        Field("postalCode", Kind.STRING, "Postal code.", ("postal_code",)),
        Field("timezone", Kind.STRING, "IANA time zone.", ("timezone",)),
        Field("dmaCode", Kind.INTEGER, "Nielsen market area.", ("dma_code",)),
        Field("latitude", Kind.NUMBER, "Degrees north.", ("latitude",)),
        Field("longitude", Kind.NUMBER, "Degrees east.", ("longitude",)),
    ),
)
