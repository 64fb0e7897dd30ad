"""The stream `governance_rules`: which calls Moesif blocks or changes, and for whom."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import APP, REST


class GovernanceRules(ListStream):
    """Rules by which Moesif blocks or changes calls."""

    name = "governance_rules"
    path = "/~/governance/rules"
    list_name = "rules"
    scopes = ("read:governance_rules",)
    contents = "the rules by which calls are blocked or changed, all of them"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The rule's unique id in Moesif.", ("_id", "id")),
        Field("name", Kind.STRING, "The rule's name.", ("name",)),
        Field("type", Kind.STRING, "Whom it is about, such as user or company.", ("type",)),
        Field("state", Kind.INTEGER, "Whether it is in force, as a number.", ("state",)),
        Field("block", Kind.BOOLEAN, "Whether calls are blocked.", ("block",)),
        Field("priority", Kind.INTEGER, "Its rank among the rules.", ("priority",)),
        Field("model", Kind.STRING, "Where it takes effect.", ("model",)),
        Field("appliedTo", Kind.STRING, "To which users or companies it applies.", ("applied_to",)),
        Field(
            "appliedToUnidentified",
            Kind.BOOLEAN,
            "Whether it applies to calls of unidentified users.",
            ("applied_to_unidentified",),
        ),
        Field("cohorts", Kind.LIST, "The cohorts it applies to, untouched.", ("cohorts",)),
        Field("plans", Kind.LIST, "The plans it applies to, untouched.", ("plans",)),
        Field("variables", Kind.LIST, "Values it puts in, untouched.", ("variables",)),
        Field("regexConfig", Kind.LIST, "Which calls it matches, untouched.", ("regex_config",)),
        Field("response", Kind.FREE, "What is answered in place of the API.", ("response",)),
        Field("createdAt", Kind.TIME, "When the rule was created.", ("created_at",)),
        *APP,
        REST,
    )
