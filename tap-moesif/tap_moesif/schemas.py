"""The fields of each stream: name, kind, what they mean, and their names in a Moesif document.

Moesif's own names are in its Management API reference; where sources differ on one, all are
listed and the first that holds a fitting value is taken. They stand here and nowhere else, but
for the few that `documents` brings into one form beforehand.
"""

from __future__ import annotations

from tap_moesif.fields import Field, Kind, json_schema, nested_paths

__all__ = [
    "COHORT",
    "COMPANY",
    "EVENT",
    "SUBSCRIPTION",
    "USAGE",
    "USER",
    "Field",
    "Kind",
    "json_schema",
    "nested_paths",
]

REQUEST_TIME = "request.time"
"""The raw name of an event's time; `documents.event_document` puts it there."""

REST = Field(
    "additionalFields",
    Kind.REST,
    "Every field of the Moesif document that has no place of its own, under its raw name; "
    "so are values of another type than their field's.",
)

USAGE = Field(
    "last24HourAggResults",
    Kind.OBJECT,
    "Roll-up of the API activity over the 24 hours before the sync.",
    ("last24HourAggResults", "last_24_hour_agg_results"),
    (
        Field("count", Kind.INTEGER, "API calls.", ("count",)),
        Field("errorCount", Kind.INTEGER, "API calls with status 400 or more.", ("errorCount",)),
        Field(
            "statusCounts",
            Kind.OBJECT,
            "API calls by class of status.",
            ("statusCounts",),
            (
                Field("2xx", Kind.INTEGER, "Status 200 to 299.", ("2xx",)),
                Field("3xx", Kind.INTEGER, "Status 300 to 399.", ("3xx",)),
                Field("4xx", Kind.INTEGER, "Status 400 to 499.", ("4xx",)),
                Field("5xx", Kind.INTEGER, "Status 500 or more.", ("5xx",)),
            ),
            open=True,
        ),
        Field("avgDurationMs", Kind.NUMBER, "Mean duration in milliseconds.", ("avgDurationMs",)),
        Field(
            "p90DurationMs",
            Kind.NUMBER,
            "Duration in milliseconds that nine of ten calls stay below.",
            ("p90DurationMs",),
        ),
        Field(
            "topRoutes",
            Kind.OBJECTS,
            "Up to five routes with the most calls, the most first.",
            ("topRoutes",),
            (
                Field("route", Kind.STRING, "The route.", ("route",)),
                Field("count", Kind.INTEGER, "API calls of it.", ("count",)),
            ),
            open=True,
        ),
        Field("lastEventTime", Kind.TIME, "When the last of them was made.", ("lastEventTime",)),
    ),
    open=True,
)

_TIMES = (
    Field("modifiedTime", Kind.TIME, "When it was last modified.", ("modified_time",)),
    Field("firstSeenTime", Kind.TIME, "When it was first seen on the API.", ("first_seen_time",)),
    Field("lastSeenTime", Kind.TIME, "When it was last seen on the API.", ("last_seen_time",)),
)
_CREATED = ("created", "created_at", "create_time")
_METADATA = ("metadata", "body")
_APP = (
    Field("appId", Kind.STRING, "The app it belongs to in Moesif.", ("app_id",)),
    Field("orgId", Kind.STRING, "The organisation it belongs to in Moesif.", ("org_id",)),
)
_PLACE = Field(
    "location",
    Kind.OBJECT,
    "Where the IP address is.",
    ("geo_ip",),
    (
        Field("city", Kind.STRING, "City.", ("city_name",)),
        Field("region", Kind.STRING, "Region or state.", ("region_name",)),
        Field("regionCode", Kind.STRING, "Code of the region.", ("region_code",)),
        Field("country", Kind.STRING, "Country.", ("country_name",)),
        Field("countryCode", Kind.STRING, "ISO 3166-1 alpha-2.", ("country_code2",)),
        Field("countryCode3", Kind.STRING, "ISO 3166-1 alpha-3.", ("country_code3",)),
        Field("continentCode", Kind.STRING, "Continent.", ("continent_code",)),
        Field("postalCode", Kind.STRING, "Postal code.", ("postal_code",)),
        Field("timezone", Kind.STRING, "IANA time zone.", ("timezone",)),
        Field("dmaCode", Kind.INTEGER, "Nielsen market area.", ("dma_code",)),
        Field("latitude", Kind.NUMBER, "Degrees north.", ("latitude",)),
        Field("longitude", Kind.NUMBER, "Degrees east.", ("longitude",)),
    ),
)

_COMPANY = (
    Field("id", Kind.ID, "The company's unique id in Moesif.", ("company_id", "_id")),
    Field("created", Kind.TIME, "When the company was created in Moesif.", _CREATED),
    *_TIMES,
    Field("ipAddress", Kind.STRING, "The company's last IP address.", ("ip_address",)),
    Field(
        "companyDomain",
        Kind.STRING,
        "The company's website domain.",
        ("company_domain", "domain_name"),
    ),
    Field("ttfhw_s", Kind.INTEGER, "Time To First Hello World in seconds.", ("ttfhw_s",)),
    Field("metadata", Kind.FREE, "The account's own company metadata.", _METADATA),
)

COMPANY = (*_COMPANY, USAGE, REST)

USER = (
    Field(
        "id",
        Kind.ID,
        "The user's unique id in Moesif.",
        ("user_id", "identified_user_id", "_id"),
    ),
    Field(
        "createdAt",
        Kind.TIME,
        "When the user was created in Moesif.",
        _CREATED,
    ),
    *_TIMES,
    Field("name", Kind.STRING, "The user's full name.", ("name",)),
    Field("firstName", Kind.STRING, "The user's first name.", ("first_name",)),
    Field("lastName", Kind.STRING, "The user's last name.", ("last_name",)),
    Field("email", Kind.STRING, "The user's e-mail address.", ("email",)),
    Field("username", Kind.STRING, "A username such as a Twitter handle.", ("user_name",)),
    Field("phone", Kind.STRING, "The user's phone number.", ("phone",)),
    Field("avatar", Kind.STRING, "Address of the user's picture.", ("photo_url",)),
    Field(
        "company",
        Kind.OBJECT,
        "The company the user belongs to.",
        ("company",),
        (*_COMPANY, REST),
    ),
    Field(
        "campaign",
        Kind.FREE,
        "Marketing attribution such as UTM parameters.",
        ("campaign",),
    ),
    Field(
        "enrichment",
        Kind.FREE,
        "Results of the automatic enrichment.",
        ("enrichment", "enrichments", "clearbit"),
    ),
    USAGE,
    Field("metadata", Kind.FREE, "The account's own user metadata.", _METADATA),
    Field("userAgent", Kind.FREE, "Details of the user's last user agent.", ("user_agent",)),
    Field(
        "context",
        Kind.GROUP,
        "Where the user was last seen, in the terms of Segment's context.",
        fields=(
            Field("ip", Kind.STRING, "The user's last IP address.", ("ip_address",)),
            _PLACE,
            Field(
                "userAgent",
                Kind.STRING,
                "The last user agent as it was sent, where Moesif has it as a string.",
                ("user_agent_string",),
            ),
        ),
    ),
    REST,
)

SUBSCRIPTION = (
    Field(
        "id", Kind.ID, "The subscription's unique id in Moesif.", ("subscription_id", "_id", "id")
    ),
    Field(
        "companyId",
        Kind.REFERENCE,
        "The company that has subscribed.",
        ("company_id",),
        automatic=True,
    ),
    Field(
        "status",
        Kind.STRING,
        "active, cancelled, paused, trialing, pending, draft or future.",
        ("status",),
        automatic=True,
    ),
    Field("type", Kind.STRING, "The document's type in Moesif.", ("type",)),
    Field("startDate", Kind.TIME, "When the subscription started.", ("start_date",)),
    Field("created", Kind.TIME, "When it was created.", ("created", "created_at")),
    Field("modifiedTime", Kind.TIME, "When it was last modified.", ("modified_time",)),
    Field("trialStart", Kind.TIME, "When its trial started.", ("trial_start",)),
    Field("trialEnd", Kind.TIME, "When its trial ends.", ("trial_end",)),
    Field(
        "currentPeriodStart",
        Kind.TIME,
        "When the period being billed started.",
        ("current_period_start",),
    ),
    Field(
        "currentPeriodEnd", Kind.TIME, "When the period being billed ends.", ("current_period_end",)
    ),
    Field("cancelTime", Kind.TIME, "When it was or will be cancelled.", ("cancel_time",)),
    Field("paymentStatus", Kind.STRING, "How its payment stands.", ("payment_status",)),
    Field("collectionMethod", Kind.STRING, "How payments are collected.", ("collection_method",)),
    Field("provider", Kind.STRING, "The billing provider, such as stripe.", ("provider",)),
    Field("externalId", Kind.STRING, "Its id at the billing provider.", ("external_id",)),
    Field(
        "companyExternalId",
        Kind.STRING,
        "The company's id at the billing provider.",
        ("company_external_id",),
    ),
    Field("versionId", Kind.STRING, "Which version of it this is.", ("version_id",)),
    Field(
        "items",
        Kind.OBJECTS,
        "What is subscribed to.",
        ("items",),
        (
            Field(
                "subscriptionItemId",
                Kind.STRING,
                "The item's unique id.",
                ("subscription_item_id",),
            ),
            Field("planId", Kind.STRING, "Its plan.", ("plan_id",)),
            Field("priceId", Kind.STRING, "Its price.", ("price_id",)),
            Field(
                "itemPriceId",
                Kind.STRING,
                "Its price, as some billing providers call it.",
                ("item_price_id",),
            ),
            Field("status", Kind.STRING, "Whether the item is active.", ("status",)),
            Field("isMetered", Kind.BOOLEAN, "Whether usage is billed.", ("is_metered",)),
            Field("unitOfMeasure", Kind.STRING, "What is counted.", ("unit_of_measure",)),
            Field("createdAt", Kind.TIME, "When the item was created.", ("created_at",)),
            Field("plan", Kind.FREE, "The plan itself, untouched.", ("plan",)),
            Field("price", Kind.FREE, "The price itself, untouched.", ("price",)),
            REST,
        ),
    ),
    Field("metadata", Kind.FREE, "The account's own subscription metadata.", _METADATA),
    *_APP,
    REST,
)

COHORT = (
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
    *_APP,
    REST,
)

_HEADERS = Field("headers", Kind.FREE, "Headers, untouched; only where wanted.", ("headers",))
_BODY = (
    Field("body", Kind.ANY, "The body, untouched; only where wanted.", ("body",)),
    Field(
        "transferEncoding",
        Kind.STRING,
        "How the body is written: json or base64.",
        ("transfer_encoding",),
    ),
)

EVENT = (
    Field("id", Kind.ID, "The event's unique id in Moesif.", ("_id", "id")),
    Field(
        "requestTime",
        Kind.TIME,
        "When the call or action was made.",
        (REQUEST_TIME,),
        automatic=True,
    ),
    Field("eventType", Kind.STRING, "api_call or user_action.", ("event_type",), automatic=True),
    Field("actionName", Kind.STRING, "The custom action's name.", ("action_name",), automatic=True),
    Field("userId", Kind.REFERENCE, "The user who made it.", ("user_id",), automatic=True),
    Field(
        "companyId",
        Kind.REFERENCE,
        "The company that user belongs to.",
        ("company_id",),
        automatic=True,
    ),
    Field(
        "subscriptionId", Kind.REFERENCE, "The subscription it counts for.", ("subscription_id",)
    ),
    Field("transactionId", Kind.STRING, "The id it was sent to Moesif with.", ("transaction_id",)),
    Field("durationMs", Kind.NUMBER, "How long the call took, in milliseconds.", ("duration_ms",)),
    Field("direction", Kind.STRING, "Incoming or Outgoing, for the API.", ("direction",)),
    Field(
        "weight",
        Kind.INTEGER,
        "How many calls it stands for, where Moesif keeps a sample.",
        ("weight",),
    ),
    Field("metadata", Kind.FREE, "The account's own event metadata.", ("metadata",)),
    Field(
        "request",
        Kind.OBJECT,
        "What was asked.",
        ("request",),
        (
            Field("time", Kind.TIME, "When it was asked.", ("time",)),
            Field("uri", Kind.STRING, "The URI; for an action, that of the page.", ("uri",)),
            Field("verb", Kind.STRING, "The HTTP method.", ("verb",)),
            Field("route", Kind.STRING, "The route that the URI falls under.", ("route",)),
            Field("ipAddress", Kind.STRING, "From which IP address.", ("ip_address",)),
            _PLACE,
            Field("userAgent", Kind.FREE, "Details of the user agent.", ("user_agent",)),
            Field(
                "userAgentString",
                Kind.STRING,
                "The user agent as it was sent, where Moesif has it as a string.",
                ("user_agent_string",),
            ),
            _HEADERS,
            *_BODY,
            REST,
        ),
    ),
    Field(
        "response",
        Kind.OBJECT,
        "What was answered.",
        ("response",),
        (
            Field("time", Kind.TIME, "When it was answered.", ("time",)),
            Field("status", Kind.INTEGER, "The HTTP status.", ("status",)),
            Field("ipAddress", Kind.STRING, "From which IP address.", ("ip_address",)),
            _HEADERS,
            *_BODY,
            REST,
        ),
    ),
    *_APP,
    REST,
)
