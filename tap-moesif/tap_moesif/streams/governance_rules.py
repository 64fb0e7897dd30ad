"""The stream `governance_rules`: rules by which Moesif blocks or changes API calls."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import APP, REST


class GovernanceRules(ListStream):
    """Governance rules."""

    name = "governance_rules"
    path = "/~/governance/rules"
    list_name = "rules"
    scopes = ("read:governance_rules",)
    contents = "all rules by which Moesif blocks or changes API calls"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The rule's unique id in Moesif.", ("_id", "id")),
        Field("name", Kind.STRING, "The rule's name.", ("name",)),
        Field("type", Kind.STRING, "Subject of the rule, such as user or company.", ("type",)),
        Field("state", Kind.INTEGER, "State of the rule, as a number.", ("state",)),
        Field("block", Kind.BOOLEAN, "Whether calls are blocked.", ("block",)),
        Field("priority", Kind.INTEGER, "The rule's priority.", ("priority",)),
        Field("model", Kind.STRING, "Where the rule takes effect.", ("model",)),
        Field("appliedTo", Kind.STRING, "Users or companies it applies to.", ("applied_to",)),
        Field(
            "appliedToUnidentified",
            Kind.BOOLEAN,
            "Whether it applies to calls of unidentified users.",
            ("applied_to_unidentified",),
        ),
        Field("cohorts", Kind.LIST, "Cohorts it applies to, unchanged.", ("cohorts",)),
        Field("plans", Kind.LIST, "Plans it applies to, unchanged.", ("plans",)),
        Field("variables", Kind.LIST, "Variables of the response, unchanged.", ("variables",)),
        Field("regexConfig", Kind.LIST, "Conditions on calls, unchanged.", ("regex_config",)),
        Field("response", Kind.FREE, "The response sent instead of the API's.", ("response",)),
        Field("createdAt", Kind.TIME, "When the rule was created.", ("created_at",)),
        *APP,
        REST,
    )
