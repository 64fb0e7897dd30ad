"""The stream `billing_plans`: the plans in Moesif's product catalog, with their prices."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import REST


class BillingPlans(ListStream):
    """Plans that can be subscribed to."""

    name = "billing_plans"
    path = "/~/billing/catalog/plans"
    list_name = "plans"
    scopes = ("read:plans",)
    contents = "the plans of all billing providers, with their prices where Moesif sends them"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The plan's id at its provider.", ("id", "_id")),
        Field("name", Kind.STRING, "The plan's name.", ("name",)),
        Field("description", Kind.STRING, "What it is.", ("description",)),
        Field("provider", Kind.STRING, "The billing provider.", ("provider",)),
        Field("productId", Kind.REFERENCE, "The product it belongs to.", ("product_id",)),
        Field("status", Kind.STRING, "Whether it is active.", ("status",)),
        Field("unit", Kind.STRING, "What is counted.", ("unit",)),
        Field(
            "prices",
            Kind.OBJECTS,
            "Its prices.",
            ("prices",),
            (
                Field("id", Kind.REFERENCE, "The price's id.", ("id",)),
                Field("name", Kind.STRING, "The price's name.", ("name",)),
                Field("planId", Kind.REFERENCE, "Its plan.", ("plan_id",)),
                Field("provider", Kind.STRING, "The billing provider.", ("provider",)),
                Field("status", Kind.STRING, "Whether it is active.", ("status",)),
                Field("pricingModel", Kind.STRING, "How it is reckoned.", ("pricing_model",)),
                Field("currency", Kind.STRING, "Its currency.", ("currency",)),
                Field("priceInDecimal", Kind.STRING, "The price itself.", ("price_in_decimal",)),
                Field("tiers", Kind.LIST, "Prices by amount, untouched.", ("tiers",)),
                Field("period", Kind.INTEGER, "How many units a period has.", ("period",)),
                Field("periodUnits", Kind.STRING, "The unit of a period.", ("period_units",)),
                Field("unit", Kind.STRING, "What is counted.", ("unit",)),
                Field("usageAggregator", Kind.STRING, "How it is summed.", ("usage_aggregator",)),
                Field(
                    "transformQuantity",
                    Kind.FREE,
                    "How a quantity is divided and rounded, untouched.",
                    ("transform_quantity",),
                ),
                Field("taxBehavior", Kind.STRING, "Whether tax is within.", ("tax_behavior",)),
                Field("metadata", Kind.FREE, "The account's own metadata.", ("metadata",)),
                Field("createdAt", Kind.TIME, "When it was created.", ("created_at",)),
                REST,
            ),
        ),
        Field("metadata", Kind.FREE, "The account's own plan metadata.", ("metadata",)),
        Field("createdAt", Kind.TIME, "When the plan was created.", ("created_at",)),
        Field("updatedAt", Kind.TIME, "When it was last updated.", ("updated_at",)),
        REST,
    )
