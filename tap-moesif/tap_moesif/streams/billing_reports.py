"""The stream `billing_reports`: the usage reported to billing providers."""

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
            Field("sequenceId", Kind.INTEGER, "Sequence number.", ("sequence_id",)),
            Field("currentBalance", Kind.NUMBER, "Current balance.", ("current_balance",)),
            Field("pendingActivity", Kind.NUMBER, "Pending amount.", ("pending_activity",)),
            Field("availableBalance", Kind.NUMBER, "Available balance.", ("available_balance",)),
            REST,
        ),
    )


PROVIDER_REQUESTS = Field(
    "providerRequests",
    Kind.OBJECTS,
    "The requests to the billing provider.",
    ("provider_requests",),
    (
        Field("jobId", Kind.STRING, "The job's id.", ("job_id",)),
        Field("requestTime", Kind.TIME, "When it was sent.", ("request_time",)),
        Field("success", Kind.BOOLEAN, "Whether it succeeded.", ("success",)),
        Field("statusCode", Kind.INTEGER, "The HTTP status.", ("status_code",)),
        Field("errorCode", Kind.STRING, "The provider's error code.", ("error_code",)),
        Field("errorMessage", Kind.STRING, "The provider's error message.", ("error_message",)),
        REST,
    ),
)


class BillingReports(ListStream):
    """Reports of usage to billing providers."""

    name = "billing_reports"
    path = "/~/billing/reports"
    list_name = "reports"
    scopes = ("read:billing_meters", "read:billing_reports")
    contents = "all reports of usage to billing providers"
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The report's unique id in Moesif.", ("_id", "id")),
        Field("type", Kind.STRING, "The report's type.", ("type",)),
        Field("companyId", Kind.REFERENCE, "The company's id.", ("company_id",)),
        Field("subscriptionId", Kind.REFERENCE, "The subscription's id.", ("subscription_id",)),
        Field("billingMeterId", Kind.REFERENCE, "The meter's id.", ("billing_meter_id",)),
        Field("provider", Kind.STRING, "The billing provider.", ("provider",)),
        Field("success", Kind.BOOLEAN, "Whether it was delivered.", ("success",)),
        Field("status", Kind.STRING, "The report's status.", ("status",)),
        Field("usageStartTime", Kind.TIME, "Start of the usage.", ("usage_start_time",)),
        Field("usageEndTime", Kind.TIME, "End of the usage.", ("usage_end_time",)),
        Field("meterUsage", Kind.INTEGER, "The metered usage.", ("meter_usage",)),
        Field("meterMetric", Kind.INTEGER, "The metered metric.", ("meter_metric",)),
        Field("reportTotalUsage", Kind.INTEGER, "The reported usage.", ("report_total_usage",)),
        Field("reportVersion", Kind.INTEGER, "The report's version.", ("report_version",)),
        Field("amount", Kind.NUMBER, "The amount of money.", ("amount",)),
        Field("currency", Kind.STRING, "The currency of the amount.", ("currency",)),
        Field("usage", Kind.FREE, "Aggregator and invoice, unchanged.", ("usage",)),
        _balance("beginningBalance", "beginning_balance", "Credit balance before the report."),
        _balance("endingBalance", "ending_balance", "Credit balance after the report."),
        Field("balanceChanges", Kind.LIST, "Balance changes, unchanged.", ("balance_changes",)),
        PROVIDER_REQUESTS,
        Field(
            "channelRequests",
            Kind.OBJECTS,
            "The requests to the account's own channels.",
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
            "Start of the billing period.",
            ("subscription_period_start",),
        ),
        Field(
            "subscriptionPeriodEnd",
            Kind.TIME,
            "End of the billing period.",
            ("subscription_period_end",),
        ),
        Field("lastSuccessTime", Kind.TIME, "When it last succeeded.", ("last_success_time",)),
        Field("createdAt", Kind.TIME, "When the report was created.", ("created_at",)),
        Field("updatedAt", Kind.TIME, "When it was last updated.", ("updated_at",)),
        *APP,
        REST,
    )
