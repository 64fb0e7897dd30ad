"""The target: settings, and the encoding of each stream."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from typing_extensions import override

from singer_delivery import DeliveryTarget, NotKnown, NotSent, Service, delivery_settings
from singer_delivery.routing import (
    SEGMENT_CALLS,
    DeletedRows,
    Route,
    RoutedStream,
    Router,
    streams_setting,
)
from singer_delivery.settings import EVENT, NULL_TRAITS
from singer_delivery.values import encode
from target_segment.client import (
    CDN,
    DEFAULT_REGION,
    HOSTS,
    SegmentApi,
    region_of,
    verify_write_key,
    versioned,
)
from target_segment.contact import Contact, default_cdn
from target_segment.messages import Messages, tenant_of
from target_segment.moesif import (
    EVENTS,
    KNOWN,
    LAST_USER,
    check_action,
    known_with,
    lacks_user,
    marked,
)
from target_segment.removals import Remover
from target_segment.rules import MAX_BATCH_BYTES, MAX_BATCH_MESSAGES

if TYPE_CHECKING:
    from singer_delivery import Encode, InputStream


def now() -> str:
    """Return the current time in UTC as ISO 8601, with milliseconds and `Z`."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TargetSegment(DeliveryTarget):
    """Sends records to Segment as identify, group, track and other calls."""

    name = "target-segment"
    addresses = ("host", "cdn_url")
    located_by = ("region", "host")
    has_first_contact = True
    verified = "It is valid, and belongs to the configured region."

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "write_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Write key",
            description="The write key of the Segment source that receives the calls.",
        ),
        th.Property(
            "region",
            th.StringType(),
            allowed_values=list(HOSTS),
            default=DEFAULT_REGION,
            title="Region",
            description="Region of the Segment workspace: us (Oregon) or eu (Dublin).",
        ),
        th.Property(
            "host",
            th.StringType(min_length=1),
            title="Host",
            description="Base URL to use instead of the region's, such as that of a proxy or of "
            "RudderStack; with or without /v1.",
        ),
        th.Property(
            "integrations",
            th.ObjectType(additional_properties=True),
            title="Integrations",
            description="Segment's integrations object, which selects destinations, for every "
            "call; overrides the calls' own.",
        ),
        th.Property(
            "company_groups",
            th.BooleanType(),
            default=False,
            title="Company groups",
            description="Also send a group call for each Moesif company, with its last seen user, "
            "and for the company of each Moesif user.",
        ),
        th.Property(
            "verify_write_key",
            th.BooleanType(),
            default=True,
            title="Verify the write key",
            description="Check before the first batch that the key exists and belongs to the "
            "region, because Segment would silently discard everything. Applies to Segment's own "
            "hosts, or with cdn_url.",
        ),
        th.Property(
            "cdn_url",
            th.StringType(min_length=1),
            title="CDN address",
            description="Base URL for verifying write keys, instead of Segment's CDN.",
        ),
        streams_setting(SEGMENT_CALLS, KNOWN),
        *delivery_settings(
            rows=MAX_BATCH_MESSAGES,
            size=MAX_BATCH_BYTES,
            features=("changed_only", "compression", "null_traits", "on_removed"),
            removals=(EVENT, NULL_TRAITS),
        ),
    ).to_dict()

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401, singer-sdk's own
        super().__init__(**kwargs)
        company_groups = bool(self.config.get("company_groups"))
        known = known_with(company_groups=company_groups)
        self._router = Router(
            self.config.get("streams"),
            known=known,
            marked=partial(marked, known=known),
            calls=SEGMENT_CALLS,
            warn=self.warn_once,
        )
        self._messages = Messages(
            tenant=tenant_of(self.config.get("write_key", "")),
            integrations=self.config.get("integrations"),
            null_traits=self.config.get("null_traits") == "send",
            company_groups=company_groups,
            library=encode({"name": self.name, "version": self.plugin_version}),
        )

    @override
    def service(self) -> Service:
        return SegmentApi(self.config["write_key"], self._address, now)

    @property
    def _address(self) -> str:
        return versioned(self.config.get("host") or HOSTS[self.config["region"]])

    @override
    def tenant(self) -> bytes:
        return self._messages.tenant

    @override
    def first_contact(self, send: str | None) -> str:
        address = self._address
        cdn = default_cdn(address, self.config.get("cdn_url"))
        contact = Contact(self.config["write_key"], address, cdn, now)
        identify = None
        if send is not None:
            call = {"type": "identify", "userId": send, "traits": {}, "timestamp": now()}
            identify = self._messages.message({**call, "context": {"active": False}})
        return contact.report(self.plugin_version, identify)

    @override
    def check(self) -> None:
        if self.config["verify_write_key"] and self._is_verifiable:
            unknown = self.verify_key()
            if unknown:
                self.logger.warning("The write key could not be verified: %s.", unknown)

    @property
    def _is_verifiable(self) -> bool:
        """Whether there is a service to verify the write key."""
        return bool(region_of(self._address) or self.config.get("cdn_url"))

    @override
    def verify_key(self) -> str | None:
        if not self._is_verifiable:
            return "host is not one of Segment's, and cdn_url is not set"
        region = region_of(self._address) or self.config["region"]
        cdn = versioned(self.config.get("cdn_url") or CDN)
        return verify_write_key(self.config["write_key"], region, cdn)

    @override
    def encoder(self, stream: InputStream) -> Encode | NotSent | NotKnown:
        route = self._router.route(stream)
        if not isinstance(route, Route):
            return route
        if lacks_user(route, stream.fields):
            self.warn_once(
                f"Stream '{stream.name}' has no field {LAST_USER}, so its companies cannot be "
                "sent. Select that field in the tap, and keep it in stream maps."
            )
        messages, remover, rows = self._messages, None, None
        if self.settings.changed_only:
            messages = replace(messages, stream=stream.name)
        with_nulls = replace(messages, null_traits=True)
        if self.settings.removes:
            on_removed = self.config["on_removed"]
            event = self.config["removed_event"] if on_removed == EVENT else None
            named = {"names_subjects": True, "names_traits": on_removed == NULL_TRAITS}
            messages, with_nulls = replace(messages, **named), replace(with_nulls, **named)
            remover = Remover(replace(self._messages, null_traits=True), event, route.shape)
            rows = DeletedRows(partial(with_nulls.of_call, shape=route.shape), remover)
        return RoutedStream(
            stream,
            route,
            partial(messages.of_call, shape=route.shape),
            self.warn_once,
            check_action if route.shape == EVENTS else None,
            remover,
            rows,
        )
