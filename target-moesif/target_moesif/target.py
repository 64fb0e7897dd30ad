"""target-moesif: its settings, and which stream becomes which documents."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from typing_extensions import override

from singer_delivery import DeliveryTarget, NotSent, Service, delivery_settings
from singer_delivery.routing.calls import MOESIF_CALLS, SEGMENT_CALLS
from singer_delivery.routing.router import Router
from singer_delivery.routing.settings import streams_setting
from singer_delivery.routing.shapes import MoesifStream
from target_moesif.calls import Calls
from target_moesif.client import MoesifCollector, is_moesifs_own, verify_application_id
from target_moesif.copies import Copies
from target_moesif.models import MISSING_IP_ADDRESS, NO_URI, Models, tenant_of
from target_moesif.rules import (
    MAX_ACTIONS_BYTES,
    MAX_BATCH_BYTES,
    MAX_BATCH_DOCUMENTS,
    keys_of_several_types,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_delivery.reading.mapped import Encode


class TargetMoesif(DeliveryTarget):
    """Sends records to Moesif as users, companies, actions and subscriptions, and loses none."""

    name = "target-moesif"
    addresses = ("api_url",)

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
            description="Where Moesif's collector is, for instance behind a secure proxy.",
        ),
        th.Property(
            "action_uri",
            th.StringType(min_length=1),
            default=NO_URI,
            title="Address of actions",
            description="Where an action was done that has no page address; Moesif needs one.",
        ),
        th.Property(
            "missing_ip_address",
            th.StringType(),
            default=MISSING_IP_ADDRESS,
            title="Missing IP address",
            description="What an action without an IP address is sent with, lest Moesif take the "
            "address of the machine that runs this; null leaves it out.",
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
        streams_setting((*SEGMENT_CALLS, *MOESIF_CALLS)),
        *delivery_settings(
            rows=MAX_BATCH_DOCUMENTS, size=MAX_BATCH_BYTES, largest=MAX_ACTIONS_BYTES
        ),
    ).to_dict()

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401, singer-sdk's own
        super().__init__(**kwargs)
        self._router = Router(self.config.get("streams"), self.warn_once)
        self._models = Models(
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
        application_id, address = self.config["application_id"], self.config["api_url"]
        wanted = self.config.get("verify_application_id")
        if is_moesifs_own(address) if wanted is None else wanted:
            unknown = verify_application_id(application_id, address)
            if unknown:
                self.logger.warning("The application id could not be verified: %s.", unknown)

    @override
    def encoder(self, stream: str, schema: Mapping[str, Any]) -> Encode | NotSent:
        route = self._router.route(stream, schema)
        if route is MoesifStream.COHORTS:
            return NotSent("Moesif's collector takes no cohorts. Deselect it in the tap.")
        if isinstance(route, NotSent):
            return route
        changed_only = self.settings.changed_only
        models = replace(self._models, stream=stream) if changed_only else self._models
        if isinstance(route, MoesifStream):
            return _copy(Copies(models), route)
        if keys := ", ".join(keys_of_several_types(schema)):
            self.warn_once(
                f"Stream '{stream}' allows values of several types for {keys}. Moesif keeps to the "
                "type of the first value it sees and refuses the others."
            )
        to_messages = Calls(models)
        return lambda record, extracted: (
            [] if (call := route(record)) is None else to_messages(call, extracted)
        )


def _copy(copies: Copies, stream: MoesifStream) -> Encode:
    return {
        MoesifStream.USERS: copies.user,
        MoesifStream.COMPANIES: copies.company,
        MoesifStream.SUBSCRIPTIONS: copies.subscription,
        MoesifStream.EVENTS: copies.action,
    }[stream]
