"""target-moesif: its settings, and which stream becomes which documents."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from typing_extensions import override

from singer_delivery import DeliveryTarget, NotKnown, NotSent, Service, delivery_settings
from singer_delivery.routing import (
    MOESIF_CALLS,
    SEGMENT_CALLS,
    Route,
    RoutedStream,
    Router,
    streams_setting,
)
from target_moesif.client import MoesifCollector, is_moesifs_own, verify_application_id
from target_moesif.documents import MISSING_IP_ADDRESS, NO_URI, DocumentBuilder, tenant_of
from target_moesif.moesif import EVENTS, KNOWN, check_action, marked
from target_moesif.rules import (
    MAX_ACTIONS_BYTES,
    MAX_BATCH_BYTES,
    MAX_BATCH_DOCUMENTS,
    keys_of_several_types,
)
from target_moesif.segment import SegmentMapper

if TYPE_CHECKING:
    from singer_delivery import Encode, InputStream

CALLS = (*SEGMENT_CALLS, *MOESIF_CALLS)


class TargetMoesif(DeliveryTarget):
    """Sends records to Moesif as users, companies, actions and subscriptions, and loses none."""

    name = "target-moesif"
    addresses = ("api_url",)
    verified = "Moesif's collector does not refuse it."

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "application_id",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Collector application id",
            description="The collector application id of the Moesif application that receives "
            "the records.",
        ),
        th.Property(
            "api_url",
            th.StringType(min_length=1),
            default="https://api.moesif.net/v1",
            title="Collector address",
            description="The address of Moesif's collector, or of a proxy before it.",
        ),
        th.Property(
            "action_uri",
            th.StringType(min_length=1),
            default=NO_URI,
            title="Address of actions",
            description="The URI of an action that has no page address; Moesif requires one.",
        ),
        th.Property(
            "missing_ip_address",
            th.StringType(),
            default=MISSING_IP_ADDRESS,
            title="Missing IP address",
            description="The IP address of an action that has none; otherwise Moesif takes that of "
            "the machine that runs this. Null leaves it out.",
        ),
        th.Property(
            "skip_late_actions",
            th.BooleanType(),
            default=False,
            title="Reject late actions",
            description="Reject actions older than 30 days before sending; Moesif refuses them "
            "unless its support has enabled backfill.",
        ),
        th.Property(
            "verify_application_id",
            th.BooleanType(),
            title="Verify the application id",
            description="Ask before the first batch whether the application id is known, which the "
            "collector may tell; where this is not set, only Moesif's own is asked.",
        ),
        streams_setting(CALLS, KNOWN),
        *delivery_settings(
            rows=MAX_BATCH_DOCUMENTS,
            size=MAX_BATCH_BYTES,
            largest=MAX_ACTIONS_BYTES,
            features=("changed_only", "compression", "null_traits"),
        ),
    ).to_dict()

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401, singer-sdk's own
        super().__init__(**kwargs)
        self._router = Router(
            self.config.get("streams"),
            known=KNOWN,
            marked=marked,
            calls=CALLS,
            warn=self.warn_once,
        )
        self._documents = DocumentBuilder(
            tenant=tenant_of(self.config.get("application_id", "")),
            action_uri=self.config.get("action_uri") or NO_URI,
            missing_ip_address=self.config.get("missing_ip_address") or None,
            null_traits=self.config.get("null_traits") == "send",
            now=time.time if self.config.get("skip_late_actions") else None,
        )

    @override
    def service(self) -> Service:
        return MoesifCollector(self.config["application_id"], self.config["api_url"])

    @override
    def check(self) -> None:
        wanted = self.config.get("verify_application_id")
        if is_moesifs_own(self.config["api_url"]) if wanted is None else wanted:
            unknown = self.verify_key()
            if unknown:
                self.logger.warning("The application id could not be verified: %s.", unknown)

    @override
    def verify_key(self) -> str | None:
        return verify_application_id(self.config["application_id"], self.config["api_url"])

    @override
    def encoder(self, stream: InputStream) -> Encode | NotSent | NotKnown:
        route = self._router.route(stream)
        if not isinstance(route, Route):
            return route
        documents = self._documents
        if self.settings.changed_only:
            documents = replace(documents, stream=stream.name)
        if route.shape not in KNOWN and (keys := ", ".join(keys_of_several_types(stream.schema))):
            self.warn_once(
                f"Stream '{stream.name}' allows values of several types for {keys}. Moesif keeps "
                "to the type of the first value it sees and refuses the others."
            )
        to_messages = partial(SegmentMapper(documents, self.warn_once), shape=route.shape)
        check = check_action if route.shape == EVENTS else None
        return RoutedStream(stream, route, to_messages, self.warn_once, check)
