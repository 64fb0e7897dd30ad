"""The stream `cohorts`: cohorts of users and companies."""

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
    """Cohorts of users and companies."""

    name = "cohorts"
    path = "/~/cohorts"
    list_name = "cohorts"
    variants = ({"cohort_type": "user"}, {"cohort_type": "company"})
    scopes = ("read:cohorts",)
    contents = "all cohorts of users and companies"
    fields = (
        Field("id", Kind.ID, "The cohort's unique id in Moesif.", ("_id", "id")),
        Field("cohortName", Kind.STRING, "The cohort's name.", ("cohort_name",)),
        Field("cohortType", Kind.STRING, "user or company.", ("cohort_type",)),
        Field("criteria", Kind.STRING, "The query for its members, as JSON text.", ("criteria",)),
        Field("urlQuery", Kind.STRING, "The same query for Moesif's website.", ("url_query",)),
        Field("from", Kind.STRING, "Start of the time range, such as -7d.", ("from",)),
        Field("to", Kind.STRING, "End of the time range, such as now.", ("to",)),
        Field("timeZone", Kind.STRING, "Time zone of the time range.", ("time_zone",)),
        Field("weekStartsOn", Kind.INTEGER, "First day of the week.", ("week_starts_on",)),
        Field("sampleRate", Kind.INTEGER, "The cohort's sample rate.", ("sample_rate",)),
        Field("priority", Kind.INTEGER, "The cohort's priority.", ("priority",)),
        Field("channels", Kind.LIST, "Ids of the channels to notify.", ("channels",)),
        Field(
            "notificationRule", Kind.FREE, "When to notify them, unchanged.", ("notification_rule",)
        ),
        Field("lockedBy", Kind.STRING, "What locks the cohort.", ("locked_by",)),
        Field("createdAt", Kind.TIME, "When the cohort was created.", ("created_at",)),
        Field("modifiedAt", Kind.TIME, "When it was last modified.", ("modified_at",)),
        *APP,
        REST,
    )

    @override
    @staticmethod
    def prepare(document: Document) -> Document:
        """Encode the criteria as JSON text, the documented form, if they are an object."""
        if isinstance(document.get("criteria"), dict | list):
            document["criteria"] = json.dumps(
                document["criteria"], ensure_ascii=False, separators=(",", ":")
            )
        return document
