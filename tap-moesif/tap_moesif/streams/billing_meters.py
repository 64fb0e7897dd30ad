"""The stream `billing_meters`: what usage is metered for a billing provider."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import APP, REST


class BillingMeters(ListStream):
    """Meters of usage that is billed."""

    name = "billing_meters"
    path = "/~/billing/meters"
    list_name = "meters"
    scopes = ("read:billing_meters",)
    contents = "the meters of usage that is billed, all of them"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The meter's unique id in Moesif.", ("_id", "id")),
        Field("name", Kind.STRING, "The meter's name.", ("name",)),
        Field("slug", Kind.STRING, "Its name in addresses.", ("slug",)),
        Field("status", Kind.STRING, "Whether it is active.", ("status",)),
        Field("billingPlan", Kind.FREE, "Plan and provider, untouched.", ("billing_plan",)),
        Field("esQuery", Kind.STRING, "What it counts, as the text of a query.", ("es_query",)),
        Field("urlQuery", Kind.STRING, "The same as Moesif's website writes it.", ("url_query",)),
        Field("createdAt", Kind.TIME, "When the meter was created.", ("created_at",)),
        Field("modifiedAt", Kind.TIME, "When it was last modified.", ("modified_at",)),
        *APP,
        REST,
    )
