"""The stream `events`: API calls and custom actions, in the order of their request time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tap_moesif.records import Field, Kind, utc, with_origin
from tap_moesif.service import ID, Search
from tap_moesif.service.queries import REQUEST_TIME, events_between
from tap_moesif.streams.base import SearchStream
from tap_moesif.streams.common import APP, PLACE, REST
from tap_moesif.usage import EVENTS_BEGAN, EVENTS_PATH, EVENTS_SCOPE, clock

if TYPE_CHECKING:
    from tap_moesif.records import Document
    from tap_moesif.sync import Scan

REQUESTED = "requestTime"

PAYLOADS = tuple(
    f"{side}.{part}"
    for side in ("request", "response")
    for part in ("headers", "body", "original_encoded_body")
)
"""Raw paths of headers and bodies, which may contain credentials."""

_HEADERS = Field("headers", Kind.FREE, "Headers; only with emit_event_payloads.", ("headers",))
_BODY = (
    Field("body", Kind.ANY, "Body; only with emit_event_payloads.", ("body",)),
    Field(
        "transferEncoding",
        Kind.STRING,
        "Encoding of the body: json or base64.",
        ("transfer_encoding",),
    ),
)


class Events(SearchStream):
    """API calls and custom actions."""

    name = "events"
    scopes = (EVENTS_SCOPE,)
    contents = "API calls and custom actions since the last run"
    replication_key = REQUESTED
    times = (REQUESTED,)
    selected_by_default = False
    fields = (
        Field("id", Kind.ID, "The event's unique id in Moesif.", ("_id", "id")),
        Field(
            "requestTime",
            Kind.TIME,
            "Time of the call or action.",
            (REQUEST_TIME,),
            automatic=True,
        ),
        Field(
            "eventType", Kind.STRING, "api_call or user_action.", ("event_type",), automatic=True
        ),
        Field(
            "actionName", Kind.STRING, "The custom action's name.", ("action_name",), automatic=True
        ),
        Field("userId", Kind.REFERENCE, "The user's id.", ("user_id",), automatic=True),
        Field("companyId", Kind.REFERENCE, "The company's id.", ("company_id",), automatic=True),
        Field("subscriptionId", Kind.REFERENCE, "The subscription's id.", ("subscription_id",)),
        Field("transactionId", Kind.STRING, "The id assigned by the sender.", ("transaction_id",)),
        Field("durationMs", Kind.NUMBER, "Duration of the call in milliseconds.", ("duration_ms",)),
        Field("direction", Kind.STRING, "Incoming or Outgoing.", ("direction",)),
        Field(
            "weight",
            Kind.INTEGER,
            "Number of calls that it represents, if Moesif samples.",
            ("weight",),
        ),
        Field("metadata", Kind.FREE, "The account's own event metadata.", ("metadata",)),
        Field(
            "request",
            Kind.OBJECT,
            "The request.",
            ("request",),
            (
                Field("time", Kind.TIME, "Time of the request.", ("time",)),
                Field("uri", Kind.STRING, "The URI; for an action, that of the page.", ("uri",)),
                Field("verb", Kind.STRING, "The HTTP method.", ("verb",)),
                Field("route", Kind.STRING, "The route that matches the URI.", ("route",)),
                Field("ipAddress", Kind.STRING, "The client's IP address.", ("ip_address",)),
                PLACE,
                Field("userAgent", Kind.FREE, "Details of the user agent.", ("user_agent",)),
                Field(
                    "userAgentString",
                    Kind.STRING,
                    "The user agent header, if Moesif has it as a string.",
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
            "The response.",
            ("response",),
            (
                Field("time", Kind.TIME, "Time of the response.", ("time",)),
                Field("status", Kind.INTEGER, "The HTTP status.", ("status",)),
                Field("ipAddress", Kind.STRING, "The server's IP address.", ("ip_address",)),
                _HEADERS,
                *_BODY,
                REST,
            ),
        ),
        *APP,
        REST,
    )

    @override
    @staticmethod
    def prepare(document: Document) -> Document:
        """Copy the request's time to the top level, and normalise the request's origin."""
        request = document.get("request")
        if isinstance(request, dict):
            with_origin(request)
            if "time" in request:
                document[REQUEST_TIME] = request["time"]
        return document

    @override
    def search(self, scan: Scan) -> Search:
        if not scan.started_at:
            scan.started_at = utc(self._tap.moesif.now(clock(self.required)) * 1000)
        since = scan.since.get(REQUESTED) or scan.start or EVENTS_BEGAN
        until = max(since, min(scan.started_at, scan.end or scan.started_at))
        return Search(
            EVENTS_PATH,
            self.required,
            events_between(since, until, self.config.get("event_type")),
            sort=(REQUEST_TIME, ID),
            params={"from": since, "to": until},
            excludes=() if self.config["emit_event_payloads"] else PAYLOADS,
        )

    @property
    @override
    def excluded_fields(self) -> tuple[str, ...]:
        return super().excluded_fields + (() if self.config["emit_event_payloads"] else PAYLOADS)
