"""The settings of tap-moesif, and what is wrong with given ones."""

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
            description="Where Moesif's Management API is, for instance behind a secure proxy.",
        ),
        th.Property(
            "allow_http",
            th.BooleanType(),
            default=False,
            title="Allow plain http",
            description="Also ask another machine over plain http, which carries the key and the "
            "data unencrypted.",
        ),
        th.Property(
            "app_id",
            th.StringType(min_length=1),
            title="App id",
            description="Which app to read, where the key serves several.",
        ),
        th.Property(
            "start_date",
            th.DateTimeType(),
            title="Start date",
            description="In a run without state, read only what was modified from then on; events, "
            "what was requested from then on.",
        ),
        th.Property(
            "end_date",
            th.DateTimeType(),
            title="End date",
            description="Read only what was modified or requested before then: a bounded backfill.",
        ),
        th.Property(
            "page_size",
            th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE),
            default=1000,
            title="Page size",
            description="Documents in the first answer; it grows to max_page_size while answers "
            "come well.",
        ),
        th.Property(
            "max_page_size",
            th.IntegerType(minimum=1, maximum=MAX_PAGE_SIZE),
            default=MAX_PAGE_SIZE,
            title="Largest page size",
            description="No answer is to hold more documents than this.",
        ),
        th.Property(
            "parallel_requests",
            th.IntegerType(minimum=1, maximum=16),
            default=4,
            title="Parallel requests",
            description="Requests under way at once, all within requests_per_minute.",
        ),
        th.Property(
            "lookback_minutes",
            th.IntegerType(minimum=0),
            default=20,
            title="Look back",
            description="Begin this long before the bookmark, since Moesif may make a change "
            "searchable that much later.",
        ),
        th.Property(
            "requests_per_minute",
            th.IntegerType(minimum=1),
            default=500,
            title="Requests per minute",
            description="Send no more queries than this in any minute; 500 is Moesif's limit.",
        ),
        th.Property(
            "users_path",
            th.StringType(pattern=r"^/\S+$"),
            default="/search/~/search/users",
            title="Path of users",
            description="Where users are searched; /search/~/search/usermetrics/users is the "
            "alternative that Moesif documents.",
        ),
        th.Property(
            "companies_path",
            th.StringType(pattern=r"^/\S+$"),
            default="/search/~/search/companies",
            title="Path of companies",
            description="Where companies are searched; "
            "/search/~/search/companymetrics/companies is the alternative that Moesif documents.",
        ),
        th.Property(
            "usage_rollup",
            th.BooleanType(),
            default=True,
            title="Usage roll-up",
            description="Add last24HourAggResults, for a few more queries.",
        ),
        th.Property(
            "usage_traits",
            th.ObjectType(additional_properties=True),
            title="Usage traits",
            description="What to add in usage to each user and company: for a name, a window from "
            "1h to 90d, what to count in it, and of which calls, such as {rateLimited24h: {window: "
            "24h, count: count, status: 429}}.",
        ),
        th.Property(
            "usage_interval",
            th.StringType(allowed_values=["hour", "day"]),
            default="hour",
            title="Interval of usage",
            description="Of the stream usage, emit a record for each hour, or day, in UTC.",
        ),
        th.Property(
            "usage_of",
            th.StringType(allowed_values=["users", "companies", "both"]),
            default="users",
            title="Subjects of usage",
            description="Of the stream usage, emit what users did, what companies did, or both.",
        ),
        th.Property(
            "usage_by_route",
            th.BooleanType(),
            default=False,
            title="Usage by route",
            description="Of the stream usage, also emit a record for each route.",
        ),
        th.Property(
            "emit_session_tokens",
            th.BooleanType(),
            default=False,
            title="Emit session tokens",
            description="Emit the users' session tokens, which are credentials of theirs, under "
            "additionalFields.",
        ),
        th.Property(
            "event_type",
            th.StringType(allowed_values=["api_call", "user_action"]),
            title="Type of events",
            description="Of the stream events, emit API calls only (api_call), or custom actions "
            "only (user_action).",
        ),
        th.Property(
            "emit_event_payloads",
            th.BooleanType(),
            default=False,
            title="Emit event payloads",
            description="Of the stream events, also emit the headers and bodies, which hold "
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
    """Return a sentence for each wrong setting, without its value: it may be a key.

    Args:
        config: The settings, defaults filled in; numbers and dates in it are normalised.
        found: What jsonschema says of them.
    """
    for name, value in config.items():
        if isinstance(value, float) and value.is_integer():
            config[name] = int(value)  # which the schema of a whole number lets pass
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
                yield f"Setting {name}: it is no date; write it as 2026-01-31."
                return
    start, end = config.get("start_date"), config.get("end_date")
    if start and end and end <= start:
        yield "Setting end_date: it is not after start_date."
