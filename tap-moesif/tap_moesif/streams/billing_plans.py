"""The stream `billing_plans`: the plans in Moesif's product catalog, with prices."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import REST


class BillingPlans(ListStream):
    """Billing plans."""

    name = "billing_plans"
    path = "/~/billing/catalog/plans"
    list_name = "plans"
    scopes = ("read:plans",)
    contents = "all plans of all billing providers, with prices if Moesif includes them"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The plan's id at its provider.", ("id", "_id")),
        Field("name", Kind.STRING, "The plan's name.", ("name",)),
        Field("description", Kind.STRING, "The plan's description.", ("description",)),
        Field("provider", Kind.STRING, "The billing provider.", ("provider",)),
        Field("productId", Kind.REFERENCE, "Id of the plan's product.", ("product_id",)),
        Field("status", Kind.STRING, "The plan's status, such as active.", ("status",)),
        Field("unit", Kind.STRING, "The unit that is billed.", ("unit",)),
        Field(
            "prices",
            Kind.OBJECTS,
            "The plan's prices.",
            ("prices",),
            (
                Field("id", Kind.REFERENCE, "The price's id.", ("id",)),
                Field("name", Kind.STRING, "The price's name.", ("name",)),
                Field("planId", Kind.REFERENCE, "Id of the price's plan.", ("plan_id",)),
                Field("provider", Kind.STRING, "The billing provider.", ("provider",)),
                Field("status", Kind.STRING, "The price's status, such as active.", ("status",)),
                Field("pricingModel", Kind.STRING, "The pricing model.", ("pricing_model",)),
                Field("currency", Kind.STRING, "The currency.", ("currency",)),
                Field("priceInDecimal", Kind.STRING, "The amount.", ("price_in_decimal",)),
                Field("tiers", Kind.LIST, "Tiers by quantity, unchanged.", ("tiers",)),
                Field("period", Kind.INTEGER, "Length of a period, in units.", ("period",)),
                Field("periodUnits", Kind.STRING, "The unit of a period.", ("period_units",)),
                Field("unit", Kind.STRING, "The unit that is billed.", ("unit",)),
                Field("usageAggregator", Kind.STRING, "How usage is added.", ("usage_aggregator",)),
                Field(
                    "transformQuantity",
                    Kind.FREE,
                    "How quantities are divided and rounded, unchanged.",
                    ("transform_quantity",),
                ),
                Field("taxBehavior", Kind.STRING, "Whether tax is included.", ("tax_behavior",)),
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
