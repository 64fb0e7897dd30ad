"""The target: settings, and the encoding of each stream."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from typing_extensions import override

from singer_delivery import DeliveryTarget, NotKnown, NotSent, Service, delivery_settings
from singer_delivery.reporting.run import utc_now
from singer_delivery.routing import (
    MOESIF_CALLS,
    SEGMENT_CALLS,
    DeletedRows,
    Route,
    RoutedStream,
    Router,
    streams_setting,
)
from singer_delivery.settings import DELETE, EVENT, NULL_TRAITS
from target_moesif.client import MoesifCollector, is_moesifs_own, verify_application_id
from target_moesif.documents import MISSING_IP_ADDRESS, NO_URI, DocumentBuilder, tenant_of
from target_moesif.moesif import EVENTS, KNOWN, check_action, marked
from target_moesif.removals import Remover as EventOrNulls
from target_moesif.removals import deletion
from target_moesif.rules import (
    MAX_ACTIONS_BYTES,
    MAX_BATCH_BYTES,
    MAX_BATCH_DOCUMENTS,
    keys_of_several_types,
)
from target_moesif.segment import SegmentMapper

if TYPE_CHECKING:
    from singer_delivery import Encode, InputStream
    from singer_delivery.removals.messages import Remover

CALLS = (*SEGMENT_CALLS, *MOESIF_CALLS)

_NO_MANAGEMENT_KEY = (
    "Setting management_api_key is missing, which on_removed: delete and hard_delete need. Create "
    "a key in Moesif with the scopes delete:users and delete:companies."
)


class TargetMoesif(DeliveryTarget):
    """Sends records to Moesif as users, companies, actions and subscriptions."""

    name = "target-moesif"
    addresses = ("api_url", "management_api_url")
    located_by = ("api_url",)
    other_keys = ("management_api_key",)
    verified = "Moesif's collector does not refuse it."

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "application_id",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Collector application ID",
            description="The collector application id of the Moesif application that receives "
            "the records.",
        ),
        th.Property(
            "api_url",
            th.StringType(min_length=1),
            default="https://api.moesif.net/v1",
            title="Collector address",
            description="Base URL of Moesif's collector, or of a proxy in front of it.",
        ),
        th.Property(
            "action_uri",
            th.StringType(min_length=1),
            default=NO_URI,
            title="URI of actions",
            description="URI for actions without a page URL, because Moesif requires one.",
        ),
        th.Property(
            "missing_ip_address",
            th.StringType(),
            default=MISSING_IP_ADDRESS,
            title="Missing IP address",
            description="IP address for actions without one. With null, Moesif uses the address of "
            "the machine that runs this target.",
        ),
        th.Property(
            "skip_late_actions",
            th.BooleanType(),
            default=False,
            title="Reject late actions",
            description="Reject actions older than 30 days before sending. Moesif refuses them, "
            "unless its support has enabled backfill.",
        ),
        th.Property(
            "verify_application_id",
            th.BooleanType(),
            title="Verify the application ID",
            description="Check the application id with the collector before the first batch. By "
            "default this applies to Moesif's own collector only.",
        ),
        th.Property(
            "management_api_key",
            th.StringType(min_length=1),
            secret=True,
            title="Management API key",
            description="A key for Moesif's Management API with the scopes delete:users and "
            "delete:companies, for on_removed: delete and hard_delete.",
        ),
        th.Property(
            "management_api_url",
            th.StringType(min_length=1),
            default="https://api.moesif.com/v1",
            title="Management API address",
            description="Base URL of Moesif's Management API, for deleting users and companies.",
        ),
        th.Property(
            "hard_delete",
            th.BooleanType(),
            default=False,
            title="Hard delete",
            description="Delete the user or company of a row marked as deleted, for example by "
            "_sdc_deleted_at, regardless of on_removed.",
        ),
        streams_setting(CALLS, KNOWN),
        *delivery_settings(
            rows=MAX_BATCH_DOCUMENTS,
            size=MAX_BATCH_BYTES,
            largest=MAX_ACTIONS_BYTES,
            features=("changed_only", "compression", "null_traits", "on_removed"),
            removals=(EVENT, NULL_TRAITS, DELETE),
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
        key, address = self.config.get("management_api_key"), self.config["management_api_url"]
        deletes = key and (self.config["hard_delete"] or self.config["on_removed"] == DELETE)
        return MoesifCollector(
            self.config["application_id"],
            self.config["api_url"],
            (key, address) if key and deletes else None,
        )

    @override
    @classmethod
    def checked_config(cls, config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        config, errors = super().checked_config(config)
        deletes = config.get("hard_delete") or config.get("on_removed") == DELETE
        if not errors and deletes and not config.get("management_api_key"):
            errors = [_NO_MANAGEMENT_KEY]
        return config, errors

    @override
    def tenant(self) -> bytes:
        return self._documents.tenant

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
        named = replace(
            documents,
            names_subjects=True,
            names_traits=self.config["on_removed"] == NULL_TRAITS,
        )
        if self.settings.removes:
            documents = named
        if route.shape not in KNOWN and (keys := ", ".join(keys_of_several_types(stream.schema))):
            self.warn_once(
                f"Stream '{stream.name}' allows several types for {keys}. Moesif accepts only the "
                "type of the first value it receives."
            )
        to_messages = partial(SegmentMapper(documents, self.warn_once), shape=route.shape)
        check = check_action if route.shape == EVENTS else None
        rows = None
        if (of_rows := self._remover_of_rows) is not None:
            with_nulls = SegmentMapper(replace(named, null_traits=True), self.warn_once)
            rows = DeletedRows(partial(with_nulls, shape=route.shape), of_rows)
        return RoutedStream(stream, route, to_messages, self.warn_once, check, self._remover, rows)

    @property
    def _remover(self) -> Remover | None:
        """Makes the messages for users and companies missing from a complete read."""
        match self.config["on_removed"]:
            case "event":
                return EventOrNulls(self._documents, self.config["removed_event"], utc_now)
            case "null_traits":
                return EventOrNulls(self._documents, None, utc_now)
            case "delete":
                return deletion
        return None

    @property
    def _remover_of_rows(self) -> Remover | None:
        """Makes the messages for rows marked as deleted; these delete only with `hard_delete`."""
        if self.config["hard_delete"]:
            return deletion
        return None if self.config["on_removed"] == DELETE else self._remover
