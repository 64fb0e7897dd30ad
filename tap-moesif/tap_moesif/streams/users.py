"""The stream `users`: Moesif's user profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import override

from tap_moesif.records import Field, Kind, plain, with_origin
from tap_moesif.streams.common import CREATED, METADATA, PLACE, REST, TIMES
from tap_moesif.streams.companies import COMPANY
from tap_moesif.streams.profiles import ProfileStream
from tap_moesif.usage import USAGE

if TYPE_CHECKING:
    from tap_moesif.records import Document


class Users(ProfileStream):
    """Moesif's user profiles."""

    name = "users"
    path_setting = "users_path"
    scopes = ("read:users",)
    contents = (
        "users modified or seen since the last run, or whose usage in the last 24 hours may have "
        "changed"
    )
    usage_field = "user_id"
    fields = (
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
            CREATED,
        ),
        *TIMES,
        Field("name", Kind.STRING, "The user's full name.", ("name",)),
        Field("firstName", Kind.STRING, "The user's first name.", ("first_name",)),
        Field("lastName", Kind.STRING, "The user's last name.", ("last_name",)),
        Field("email", Kind.STRING, "The user's e-mail address.", ("email",)),
        Field("username", Kind.STRING, "A username such as a Twitter handle.", ("user_name",)),
        Field("phone", Kind.STRING, "The user's phone number.", ("phone",)),
        Field("avatar", Kind.STRING, "URL of the user's picture.", ("photo_url",)),
        Field(
            "company",
            Kind.OBJECT,
            "The user's company.",
            ("company",),
            (*COMPANY, REST),
            shared=True,
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
            "Results of automatic enrichment.",
            ("enrichment", "enrichments", "clearbit"),
        ),
        USAGE,
        Field("metadata", Kind.FREE, "The account's own user metadata.", METADATA),
        Field("userAgent", Kind.FREE, "Details of the user's last user agent.", ("user_agent",)),
        Field(
            "context",
            Kind.GROUP,
            "Where the user was last seen, in the form of Segment's context.",
            fields=(
                Field("ip", Kind.STRING, "The user's last IP address.", ("ip_address",)),
                PLACE,
                Field(
                    "userAgent",
                    Kind.STRING,
                    "The last user agent header, if Moesif has it as a string.",
                    ("user_agent_string",),
                ),
            ),
        ),
        REST,
    )

    @override
    @staticmethod
    def prepare(document: Document) -> Document:
        """Move the company's id into the company, and normalise the origin."""
        if (company_id := document.get("company_id")) is not None:
            company = document.get("company")
            named = _company_id(company)
            if named is None:
                company = plain(company) if isinstance(company, msgspec.Raw) else company
                if not isinstance(company, dict):
                    company = {} if company is None else {"company": company}
                document["company"] = {**company, "company_id": company_id}
            if named in (None, company_id):
                del document["company_id"]
        return with_origin(document)


class _Company(msgspec.Struct):
    company_id: Any = None


_read_company = msgspec.json.Decoder(_Company).decode


def _company_id(company: Any) -> Any:  # noqa: ANN401, JSON
    """Return the id within a company, which may be encoded."""
    if isinstance(company, msgspec.Raw):
        return _read_company(company).company_id
    return company.get("company_id") if isinstance(company, dict) else None
