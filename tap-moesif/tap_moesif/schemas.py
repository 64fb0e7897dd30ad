"""The fields of each stream: name, type, what they mean, and their names in a Moesif document.

A field's type says both what the catalog promises and how a raw value becomes it. Moesif's
own names are in its Management API reference; where sources differ on one, all are listed and
the first that holds a fitting value is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a field holds."""

    ID = "a non-empty string; a number is written as one"
    STRING = "a string"
    TIME = "UTC, ISO 8601 with milliseconds and Z"
    INTEGER = "a whole number"
    NUMBER = "a number"
    FREE = "an object of the account's own, untouched"
    LIST = "a list, untouched"
    OBJECT = "an object with fields of its own, under one name in the document"
    GROUP = "an object made of fields that stand beside each other in the document"
    REST = "an object of everything in the document that has no place of its own"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record.

    Attributes:
        name: In the record.
        kind: What it holds.
        description: What it means.
        raw: Its names in a document, the first choice first.
        fields: The fields inside, of an object.
        open: Whether an object keeps what is not among `fields`.
    """

    name: str
    kind: Kind
    description: str
    raw: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    open: bool = False


_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.ID: {"type": ["string"]},
    Kind.STRING: {"type": ["string", "null"]},
    Kind.TIME: {"type": ["string", "null"], "format": "date-time"},
    Kind.INTEGER: {"type": ["integer", "null"]},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.LIST: {"type": ["array", "null"], "items": {}},
    Kind.FREE: {"type": ["object", "null"], "additionalProperties": True},
    Kind.REST: {"type": ["object", "null"], "additionalProperties": True},
}


def json_schema(fields: tuple[Field, ...], *, additional: bool = False) -> dict[str, Any]:
    """Write fields as a JSON schema."""
    return {
        "type": ["object", "null"],
        "properties": {field.name: _property(field) for field in fields},
        "additionalProperties": additional,
    }


def _property(field: Field) -> dict[str, Any]:
    if field.fields:
        schema = json_schema(field.fields, additional=field.open)
    else:
        schema = _TYPES[field.kind]
    return {**schema, "description": field.description}


REST = Field(
    "additionalFields",
    Kind.REST,
    "Every field of the Moesif document that has no place of its own, under its raw name; "
    "so are values of another type than their field's.",
)

USAGE = Field(
    "last24HourAggResults",
    Kind.OBJECT,
    "Roll-up of the API activity over the 24 hours before the sync.",
    ("last24HourAggResults", "last_24_hour_agg_results"),
    (
        Field("count", Kind.INTEGER, "API calls.", ("count",)),
        Field("errorCount", Kind.INTEGER, "API calls with status 400 or more.", ("errorCount",)),
        Field(
            "statusCounts",
            Kind.OBJECT,
            "API calls by class of status.",
            ("statusCounts",),
            tuple(
                Field(
                    f"{digit}xx",
                    Kind.INTEGER,
                    f"API calls with a {digit}xx status.",
                    (f"{digit}xx",),
                )
                for digit in (2, 3, 4, 5)
            ),
            open=True,
        ),
        Field("avgDurationMs", Kind.NUMBER, "Mean duration in milliseconds.", ("avgDurationMs",)),
        Field(
            "p90DurationMs",
            Kind.NUMBER,
            "Duration in milliseconds that nine of ten calls stay below.",
            ("p90DurationMs",),
        ),
        Field(
            "topRoutes",
            Kind.LIST,
            "Up to five routes with the most calls, as `{route, count}`.",
            ("topRoutes",),
        ),
        Field("lastEventTime", Kind.TIME, "When the last of them was made.", ("lastEventTime",)),
    ),
    open=True,
)

_TIMES = (
    Field("modifiedTime", Kind.TIME, "When it was last modified.", ("modified_time",)),
    Field("firstSeenTime", Kind.TIME, "When it was first seen on the API.", ("first_seen_time",)),
    Field("lastSeenTime", Kind.TIME, "When it was last seen on the API.", ("last_seen_time",)),
)
_METADATA = ("metadata", "body")

_COMPANY = (
    Field("id", Kind.ID, "The company's unique id in Moesif.", ("company_id", "_id")),
    Field("created", Kind.TIME, "When the company was created in Moesif.", ("created",)),
    *_TIMES,
    Field("ipAddress", Kind.STRING, "The company's last IP address.", ("ip_address",)),
    Field(
        "companyDomain",
        Kind.STRING,
        "The company's website domain.",
        ("company_domain", "domain_name"),
    ),
    Field("ttfhw_s", Kind.INTEGER, "Time To First Hello World in seconds.", ("ttfhw_s",)),
    Field("metadata", Kind.FREE, "The account's own company metadata.", _METADATA),
)

COMPANY = (*_COMPANY, USAGE, REST)

USER = (
    Field(
        "id",
        Kind.ID,
        "The user's unique id in Moesif.",
        ("user_id", "identified_user_id", "_id"),
    ),
    Field(
        "createdAt",
        Kind.TIME,
        "When the user was created in Moesif.",
        ("created", "created_at", "create_time"),
    ),
    *_TIMES,
    Field("name", Kind.STRING, "The user's full name.", ("name",)),
    Field("firstName", Kind.STRING, "The user's first name.", ("first_name",)),
    Field("lastName", Kind.STRING, "The user's last name.", ("last_name",)),
    Field("email", Kind.STRING, "The user's e-mail address.", ("email",)),
    Field("username", Kind.STRING, "A username such as a Twitter handle.", ("user_name",)),
    Field("phone", Kind.STRING, "The user's phone number.", ("phone",)),
    Field("avatar", Kind.STRING, "Address of the user's picture.", ("photo_url",)),
    Field(
        "company",
        Kind.OBJECT,
        "The company the user belongs to.",
        ("company",),
        (*_COMPANY, REST),
    ),
    Field(
        "campaign",
        Kind.FREE,
        "Marketing attribution such as UTM parameters.",
        ("campaign",),
    ),
    Field(
        "enrichment",
        Kind.FREE,
        "Results of the automatic enrichment.",
        ("enrichment", "enrichments", "clearbit"),
    ),
    USAGE,
    Field("metadata", Kind.FREE, "The account's own user metadata.", _METADATA),
    Field("userAgent", Kind.FREE, "Details of the user's last user agent.", ("user_agent",)),
    Field(
        "context",
        Kind.GROUP,
        "Where the user was last seen, in the terms of Segment's context.",
        fields=(
            Field("ip", Kind.STRING, "The user's last IP address.", ("ip_address",)),
            Field(
                "location",
                Kind.OBJECT,
                "Where that address is.",
                ("geo_ip",),
                (
                    Field("city", Kind.STRING, "City.", ("city_name",)),
                    Field("region", Kind.STRING, "Region or state.", ("region_name",)),
                    Field("regionCode", Kind.STRING, "Code of the region.", ("region_code",)),
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
            ),
            Field(
                "userAgent",
                Kind.STRING,
                "The last user agent as it was sent, where Moesif has it as a string.",
                ("user_agent_string",),
            ),
        ),
    ),
    REST,
)
