"""The stream `cohorts`: cohorts of users and of companies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from typing_extensions import override

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import APP, REST

if TYPE_CHECKING:
    from tap_moesif.records import Document


class Cohorts(ListStream):
    """Cohorts of users and of companies."""

    name = "cohorts"
    path = "/~/cohorts"
    list_name = "cohorts"
    variants = ({"cohort_type": "user"}, {"cohort_type": "company"})
    scopes = ("read:cohorts",)
    contents = "the cohorts of users and of companies, all of them"
    fields = (
        Field("id", Kind.ID, "The cohort's unique id in Moesif.", ("_id", "id")),
        Field("cohortName", Kind.STRING, "The cohort's name.", ("cohort_name",)),
        Field("cohortType", Kind.STRING, "What it is made of: user or company.", ("cohort_type",)),
        Field("criteria", Kind.STRING, "Who belongs to it, as the text of a query.", ("criteria",)),
        Field("urlQuery", Kind.STRING, "The same as Moesif's website writes it.", ("url_query",)),
        Field("from", Kind.STRING, "Where the time looked at begins, such as -7d.", ("from",)),
        Field("to", Kind.STRING, "Where the time looked at ends, such as now.", ("to",)),
        Field("timeZone", Kind.STRING, "The time zone of both.", ("time_zone",)),
        Field(
            "weekStartsOn",
            Kind.INTEGER,
            "On which day a week starts, as a number.",
            ("week_starts_on",),
        ),
        Field("sampleRate", Kind.INTEGER, "The cohort's sample rate.", ("sample_rate",)),
        Field("priority", Kind.INTEGER, "The cohort's priority.", ("priority",)),
        Field("channels", Kind.LIST, "Ids of the channels that are notified.", ("channels",)),
        Field("notificationRule", Kind.FREE, "When they are, untouched.", ("notification_rule",)),
        Field("lockedBy", Kind.STRING, "What has locked the cohort.", ("locked_by",)),
        Field("createdAt", Kind.TIME, "When the cohort was created.", ("created_at",)),
        Field("modifiedAt", Kind.TIME, "When it was last modified.", ("modified_at",)),
        *APP,
        REST,
    )

    @override
    @staticmethod
    def prepare(document: Document) -> Document:
        """Write a cohort's criteria as the text that they are documented to be read as."""
        if isinstance(document.get("criteria"), dict | list):
            document["criteria"] = json.dumps(
                document["criteria"], ensure_ascii=False, separators=(",", ":")
            )
        return document
