"""The stream `companies`: Moesif's company profiles."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.common import CREATED, METADATA, REST, TIMES
from tap_moesif.streams.profiles import ProfileStream
from tap_moesif.usage import USAGE

COMPANY = (
    Field("id", Kind.ID, "The company's unique id in Moesif.", ("company_id", "_id")),
    Field("created", Kind.TIME, "When the company was created in Moesif.", CREATED),
    *TIMES,
    Field("ipAddress", Kind.STRING, "The company's last IP address.", ("ip_address",)),
    Field(
        "companyDomain",
        Kind.STRING,
        "The company's website domain.",
        ("company_domain", "domain_name"),
    ),
    Field("ttfhw_s", Kind.INTEGER, "Time To First Hello World in seconds.", ("ttfhw_s",)),
    Field("metadata", Kind.FREE, "The account's own company metadata.", METADATA),
)
"""A company, also inside of a user."""


class Companies(ProfileStream):
    """Moesif's company profiles."""

    name = "companies"
    path_setting = "companies_path"
    scopes = ("read:companies",)
    contents = (
        "what was modified or seen since the last run, and whose usage of the last 24 hours may "
        "have changed"
    )
    fields = (*COMPANY, USAGE, REST)
    usage_field = "company_id"
