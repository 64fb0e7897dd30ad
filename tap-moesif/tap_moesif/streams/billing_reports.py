"""The stream `billing_reports`: what usage was reported to a billing provider."""

from __future__ import annotations

from tap_moesif.records import Field, Kind
from tap_moesif.streams.base import ListStream
from tap_moesif.streams.common import APP, REST


def _balance(name: str, raw: str, description: str) -> Field:
    return Field(
        name,
        Kind.OBJECT,
        description,
        (raw,),
        (
            Field("sequenceId", Kind.INTEGER, "Its number in a row.", ("sequence_id",)),
            Field("currentBalance", Kind.NUMBER, "The balance.", ("current_balance",)),
            Field("pendingActivity", Kind.NUMBER, "What is pending.", ("pending_activity",)),
            Field("availableBalance", Kind.NUMBER, "What is left.", ("available_balance",)),
            REST,
        ),
    )


PROVIDER_REQUESTS = Field(
    "providerRequests",
    Kind.OBJECTS,
    "The requests to the billing provider.",
    ("provider_requests",),
    (
        Field("jobId", Kind.STRING, "The id of the job.", ("job_id",)),
        Field("requestTime", Kind.TIME, "When it was sent.", ("request_time",)),
        Field("success", Kind.BOOLEAN, "Whether it succeeded.", ("success",)),
        Field("statusCode", Kind.INTEGER, "The HTTP status.", ("status_code",)),
        Field("errorCode", Kind.STRING, "The provider's code of an error.", ("error_code",)),
        Field("errorMessage", Kind.STRING, "The provider's words for it.", ("error_message",)),
        REST,
    ),
)


class BillingReports(ListStream):
    """Reports of usage to billing providers."""

    name = "billing_reports"
    path = "/~/billing/reports"
    list_name = "reports"
    scopes = ("read:billing_meters", "read:billing_reports")
    contents = "the reports of usage to billing providers, all of them"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The report's unique id in Moesif.", ("_id", "id")),
        Field("type", Kind.STRING, "The report's type.", ("type",)),
        Field("companyId", Kind.REFERENCE, "The company whose usage it is.", ("company_id",)),
        Field("subscriptionId", Kind.REFERENCE, "Its subscription.", ("subscription_id",)),
        Field("billingMeterId", Kind.REFERENCE, "The meter.", ("billing_meter_id",)),
        Field("provider", Kind.STRING, "The billing provider.", ("provider",)),
        Field("success", Kind.BOOLEAN, "Whether it was delivered.", ("success",)),
        Field("status", Kind.STRING, "How far it has come.", ("status",)),
        Field("usageStartTime", Kind.TIME, "When the usage began.", ("usage_start_time",)),
        Field("usageEndTime", Kind.TIME, "When it ended.", ("usage_end_time",)),
        Field("meterUsage", Kind.INTEGER, "The usage that was metered.", ("meter_usage",)),
        Field("meterMetric", Kind.INTEGER, "The metric that was metered.", ("meter_metric",)),
        Field("reportTotalUsage", Kind.INTEGER, "What was reported.", ("report_total_usage",)),
        Field("reportVersion", Kind.INTEGER, "The report's version.", ("report_version",)),
        Field("amount", Kind.NUMBER, "The amount of money.", ("amount",)),
        Field("currency", Kind.STRING, "Its currency.", ("currency",)),
        Field("usage", Kind.FREE, "Aggregator and invoice, untouched.", ("usage",)),
        _balance("beginningBalance", "beginning_balance", "The balance of credits before it."),
        _balance("endingBalance", "ending_balance", "The balance of credits after it."),
        Field("balanceChanges", Kind.LIST, "What changed it, untouched.", ("balance_changes",)),
        PROVIDER_REQUESTS,
        Field(
            "channelRequests",
            Kind.OBJECTS,
            "The requests to channels of the account's own.",
            ("channel_requests",),
            (
                Field("channelId", Kind.STRING, "The channel's id.", ("channel_id",)),
                Field("channelName", Kind.STRING, "The channel's name.", ("channel_name",)),
                PROVIDER_REQUESTS,
                REST,
            ),
        ),
        Field(
            "subscriptionPeriodStart",
            Kind.TIME,
            "When the period being billed started.",
            ("subscription_period_start",),
        ),
        Field(
            "subscriptionPeriodEnd",
            Kind.TIME,
            "When the period being billed ends.",
            ("subscription_period_end",),
        ),
        Field("lastSuccessTime", Kind.TIME, "When one last succeeded.", ("last_success_time",)),
        Field("createdAt", Kind.TIME, "When the report was created.", ("created_at",)),
        Field("updatedAt", Kind.TIME, "When it was last updated.", ("updated_at",)),
        *APP,
        REST,
    )
