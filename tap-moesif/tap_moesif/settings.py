"""The settings of tap-moesif, and their validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from singer_delivery.http import address_errors, key_errors
from tap_moesif.records import utc
from tap_moesif.service.page_size import MAX_PAGE_SIZE
from tap_moesif.usage import read_traits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema import ValidationError


def settings(scopes: Iterable[str]) -> dict[str, Any]:
    """Return the JSON schema of the settings.

    Args:
        scopes: The scopes of the streams that are selected by default.
    """
    needed = ", ".join(scopes)
    return th.PropertiesList(
        th.Property(
            "management_api_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Management API key",
            description=f"A key for Moesif's Management API with the scopes {needed} and, for the "
            "roll-up and events, read:events.",
        ),
        th.Property(
            "api_url",
            th.StringType(),
            default="https://api.moesif.com/v1",
            title="API address",
            description="Base URL of Moesif's Management API, or of a proxy in front of it.",
        ),
        th.Property(
            "allow_http",
            th.BooleanType(),
            default=False,
            title="Allow plain HTTP",
            description="Allow plain HTTP to hosts other than this machine; the key and the data "
            "are then sent unencrypted.",
        ),
        th.Property(
            "app_id",
            th.StringType(min_length=1),
            title="App ID",
            description="The app to read, if the key has access to several.",
        ),
        th.Property(
            "start_date",
            th.DateTimeType(),
            title="Start date",
            description="Without state, read only records modified, or events requested, at or "
            "after this time.",
        ),
        th.Property(
            "end_date",
            th.DateTimeType(),
            title="End date",
            description="Read only records modified, or events requested, before this time, for a "
            "bounded backfill.",
        ),
        th.Property(
            "page_size",
            th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE),
            default=1000,
            title="Page size",
            description="Size of the first page; it grows up to max_page_size while requests "
            "succeed.",
        ),
        th.Property(
            "max_page_size",
            th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE),
            default=MAX_PAGE_SIZE,
            title="Maximum page size",
            description="Largest page size, in documents.",
        ),
        th.Property(
            "parallel_requests",
            th.IntegerType(minimum=1, maximum=16),
            default=4,
            title="Parallel requests",
            description="Maximum number of concurrent requests, all within requests_per_minute.",
        ),
        th.Property(
            "lookback_minutes",
            th.IntegerType(minimum=0),
            default=20,
            title="Lookback",
            description="Re-read this many minutes before the bookmark, because Moesif may index "
            "changes late.",
        ),
        th.Property(
            "requests_per_minute",
            th.IntegerType(minimum=1),
            default=500,
            title="Requests per minute",
            description="Maximum number of queries in any 60 seconds; Moesif's limit is 500.",
        ),
        th.Property(
            "users_path",
            th.StringType(pattern=r"^/\S+$"),
            default="/search/~/search/users",
            title="Path of users",
            description="Path of the search for users; Moesif also documents "
            "/search/~/search/usermetrics/users.",
        ),
        th.Property(
            "companies_path",
            th.StringType(pattern=r"^/\S+$"),
            default="/search/~/search/companies",
            title="Path of companies",
            description="Path of the search for companies; Moesif also documents "
            "/search/~/search/companymetrics/companies.",
        ),
        th.Property(
            "usage_rollup",
            th.BooleanType(),
            default=True,
            title="Usage roll-up",
            description="Add last24HourAggResults to users and companies; takes a few more "
            "queries.",
        ),
        th.Property(
            "usage_traits",
            th.ObjectType(additional_properties=True),
            title="Usage traits",
            description="Custom usage figures to add to users and companies under usage, each "
            "with a window from 1h to 90d, a metric and conditions, such as {rateLimited24h: "
            "{window: 24h, count: count, status: 429}}.",
        ),
        th.Property(
            "usage_interval",
            th.StringType(allowed_values=["hour", "day"]),
            default="hour",
            title="Usage interval",
            description="In the stream usage, emit a record for each hour or day, in UTC.",
        ),
        th.Property(
            "usage_of",
            th.StringType(allowed_values=["users", "companies", "both"]),
            default="users",
            title="Usage subjects",
            description="In the stream usage, emit the usage of users, companies, or both.",
        ),
        th.Property(
            "usage_by_route",
            th.BooleanType(),
            default=False,
            title="Usage by route",
            description="In the stream usage, also emit a record for each route.",
        ),
        th.Property(
            "emit_session_tokens",
            th.BooleanType(),
            default=False,
            title="Emit session tokens",
            description="Emit users' session tokens, which are credentials, in additionalFields.",
        ),
        th.Property(
            "event_type",
            th.StringType(allowed_values=["api_call", "user_action"]),
            title="Event type",
            description="In the stream events, emit only API calls (api_call) or only custom "
            "actions (user_action).",
        ),
        th.Property(
            "emit_event_payloads",
            th.BooleanType(),
            default=False,
            title="Emit event payloads",
            description="In the stream events, also emit headers and bodies, which may contain "
            "credentials.",
        ),
        # Without a default, unlike singer-sdk's own: it depends on the stream.
        th.Property(
            "emit_activate_version_messages",
            th.BooleanType(),
            title="Emit ACTIVATE_VERSION",
            description="End full tables with ACTIVATE_VERSION, so that targets can detect removed "
            "records. If not set, only users and companies end with it.",
        ),
    ).to_dict()


def setting_errors(config: dict[str, Any], found: Iterable[ValidationError]) -> list[str]:
    """Return a sentence for each invalid setting, without its value, which may be a key.

    Args:
        config: The settings, with defaults; numbers and dates are normalised in place.
        found: Validation errors from jsonschema.
    """
    for name, value in config.items():
        if isinstance(value, float) and value.is_integer():
            config[name] = int(value)  # JSON Schema accepts 5.0 as an integer
    return [*map(_sentence, found)] or [
        *key_errors(config, ["management_api_key"]),
        *address_errors(config, ["api_url"]),
        *_date_errors(config),
        *read_traits(config.get("usage_traits"))[1],
    ]


def _sentence(error: ValidationError) -> str:
    if error.validator == "required":
        required: list[str] = error.validator_value  # type: ignore[assignment]  # of this validator
        name = next(name for name in required if f"'{name}'" in error.message)
        return f"Setting {name} is missing: set it, or TAP_MOESIF_{name.upper()}."
    setting = ".".join(str(part) for part in error.absolute_path)
    text = error.message.replace(repr(error.instance), "its value").removesuffix(", 'null'")
    return f"Setting {setting}: {text}."


def _date_errors(config: dict[str, Any]) -> Iterator[str]:
    for name in ("start_date", "end_date"):
        if name in config:
            try:
                config[name] = utc(config[name])
            except (ValueError, OverflowError):
                yield f"Setting {name}: not a date; use a form such as 2026-01-31."
                return
    start, end = config.get("start_date"), config.get("end_date")
    if start and end and end <= start:
        yield "Setting end_date: must be after start_date."
