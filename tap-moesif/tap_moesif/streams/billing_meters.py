"""The stream `billing_meters`: the meters of billed usage."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import APP, REST


class BillingMeters(ListStream):
    """Billing meters."""

    name = "billing_meters"
    path = "/~/billing/meters"
    list_name = "meters"
    scopes = ("read:billing_meters",)
    contents = "all billing meters"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The meter's unique id in Moesif.", ("_id", "id")),
        Field("name", Kind.STRING, "The meter's name.", ("name",)),
        Field("slug", Kind.STRING, "The meter's URL slug.", ("slug",)),
        Field("status", Kind.STRING, "The meter's status, such as active.", ("status",)),
        Field("billingPlan", Kind.FREE, "Plan and provider, unchanged.", ("billing_plan",)),
        Field("esQuery", Kind.STRING, "The query for the metered calls.", ("es_query",)),
        Field("urlQuery", Kind.STRING, "The same query for Moesif's website.", ("url_query",)),
        Field("createdAt", Kind.TIME, "When the meter was created.", ("created_at",)),
        Field("modifiedAt", Kind.TIME, "When it was last modified.", ("modified_at",)),
        *APP,
        REST,
    )
