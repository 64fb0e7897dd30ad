"""The stream `companies`: Moesif's company profiles."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from typing_extensions import override

from tap_moesif.records import Field, Kind, PartialReader
from tap_moesif.streams.common import CREATED, METADATA, REST, TIMES
from tap_moesif.streams.last_users import LastUsers
from tap_moesif.streams.profiles import ProfileStream
from tap_moesif.usage import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_moesif.records import Record
    from tap_moesif.service import Page
    from tap_moesif.sync import Scan

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
"""The fields of a company, also within a user."""

LAST_USER = "lastSeenUserId"


class Companies(ProfileStream):
    """Moesif's company profiles."""

    name = "companies"
    path_setting = "companies_path"
    scopes = ("read:companies",)
    contents = (
        "companies modified or seen since the last run, or whose usage in the last 24 hours may "
        "have changed"
    )
    fields = (
        *COMPANY,
        USAGE,
        Field(LAST_USER, Kind.REFERENCE, "Id of the company's user last seen on the API."),
        REST,
    )
    usage_field = "company_id"

    @override
    def records_of(self, page: Page, scan: Scan, now: str) -> Iterator[tuple[int, list[Record]]]:
        if not self.is_selected(LAST_USER):
            yield from super().records_of(page, scan, now)
            return
        reader = PartialReader([self.fields[0]])
        parts = [reader.read(hit.source, hit.id) for hit in page.hits]
        found = self._last_users.find([part["id"] for part in parts if part is not None])
        for count, records in super().records_of(page, scan, now):
            users = found.result()
            for record in records:
                if (user := users.get(record["id"])) is not None:
                    record[LAST_USER] = user
            yield count, records

    @cached_property
    def _last_users(self) -> LastUsers:
        return LastUsers(self._tap.moesif, self.config["users_path"], self.name)
