"""The options of the command line: what each one is for, and how its value is read."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

import click
from typing_extensions import TypedDict

from moesif_sandbox.faults import Fault, read_faults
from moesif_sandbox.moesif_access import SCOPES
from moesif_sandbox.moesif_profiles import LISTS, NULLS
from moesif_sandbox.segment_api import API_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MANAGEMENT_KEY = "sandbox-management-key"
PORT = 8700
WRITE_KEY = "sandbox-write-key"
APPLICATION_ID = "sandbox-application-id"


class Options(TypedDict):
    """The command line, read."""

    port: int
    open: bool
    users: int
    companies: int
    events_per_user: int
    days: int
    seed: int
    now: datetime | None
    wrong_types: bool
    without_modified_time: int
    times_without_zone: bool
    without_embedded_subscriptions: bool
    max_page_bytes: int | None
    clock_offset_seconds: int
    management_key: str
    management_scopes: list[str]
    write_key: str
    application_id: str
    null_in_upsert: Literal["keep", "overwrite", "delete"]
    list_in_upsert: Literal["replace", "append"]
    anonymous_users: bool
    activity_moves_modified_time: bool
    allow_backfill: bool
    region: str
    moesif_requests_per_minute: int | None
    latency_ms: float
    hits_total: str
    faults: list[list[Fault]]


def _read_moment(_context: object, _option: object, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise click.BadParameter(f"{value} is no ISO 8601 time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _read_scopes(_context: object, _option: object, value: str) -> list[str]:
    scopes = [scope.strip() for scope in value.split(",") if scope.strip()]
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise click.BadParameter(f"{unknown[0]} is none of {', '.join(SCOPES)}")
    return scopes


def _read_faults(_context: object, _option: object, values: tuple[str, ...]) -> list[list[Fault]]:
    try:
        return [read_faults(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_COUNT = click.IntRange(min=0)
_YEAR_SECONDS = 366 * 24 * 3_600
_OPTIONS: Sequence[Callable[[Any], Any]] = (
    click.option(
        "--port",
        type=click.IntRange(0, 65_535),
        default=PORT,
        help="Port on 127.0.0.1; 0 is any free.",
    ),
    click.option(
        "--open/--no-open",
        default=False,
        help="Open the page in the desktop's browser, where there is one.",
    ),
    click.option("--users", type=_COUNT, default=1000, help="How many users Moesif has."),
    click.option("--companies", type=_COUNT, default=100, help="How many companies Moesif has."),
    click.option(
        "--events-per-user",
        type=_COUNT,
        default=10,
        help="API calls and actions a user; above 50,000 in all, only some of the users have any.",
    ),
    click.option(
        "--days",
        type=click.IntRange(min=1),
        default=30,
        help="The days over which changes are spread.",
    ),
    click.option("--seed", default=1, help="Same seed, same --now, same numbers: same data."),
    click.option(
        "--now",
        metavar="ISO",
        callback=_read_moment,
        help="The time at which the data ends (default: the current time).",
    ),
    click.option(
        "--wrong-types", is_flag=True, help="A handful of users have fields of wrong types."
    ),
    click.option(
        "--without-modified-time", type=_COUNT, default=0, help="So many users lack modified_time."
    ),
    click.option(
        "--times-without-zone", is_flag=True, help="All times of the data are UTC without a zone."
    ),
    click.option(
        "--without-embedded-subscriptions",
        is_flag=True,
        help="Companies come without their subscriptions, which must be asked for by themselves.",
    ),
    click.option(
        "--max-page-bytes",
        type=click.IntRange(min=1),
        help="A search whose answer is larger is a 413 (default: off).",
    ),
    click.option(
        "--clock-offset-seconds",
        type=click.IntRange(-_YEAR_SECONDS, _YEAR_SECONDS),
        default=0,
        help="So much is the sandbox's clock fast, or slow where it is negative.",
    ),
    click.option("--management-key", default=MANAGEMENT_KEY, help="Moesif's management API key."),
    click.option(
        "--management-scopes",
        default=",".join(SCOPES),
        callback=_read_scopes,
        help="The key's scopes; what needs another is answered with 401.",
    ),
    click.option("--write-key", default=WRITE_KEY, help="Segment's write key."),
    click.option(
        "--application-id", default=APPLICATION_ID, help="Moesif's collector application id."
    ),
    click.option(
        "--null-in-upsert",
        type=click.Choice(NULLS),
        default=NULLS[0],
        help="What a null in an update of a profile does to the value that is there.",
    ),
    click.option(
        "--list-in-upsert",
        type=click.Choice(LISTS),
        default=LISTS[0],
        help="What a list in an update of a profile does to the list that is there.",
    ),
    click.option(
        "--anonymous-users",
        is_flag=True,
        help="Take users that have an anonymous_id and no user_id (default: 400).",
    ),
    click.option(
        "--activity-moves-modified-time",
        is_flag=True,
        help="A profile's modified_time moves with its last_seen_time.",
    ),
    click.option(
        "--allow-backfill",
        is_flag=True,
        help="Take actions and events that are older than 30 days (default: 400).",
    ),
    click.option(
        "--region",
        type=click.Choice(sorted(API_HOSTS)),
        default="us",
        help="Where the Segment workspace is; the other region's host drops messages in silence.",
    ),
    click.option(
        "--moesif-requests-per-minute",
        type=click.IntRange(min=1),
        help="Above it in a calendar minute, Moesif answers 429 (its own is 500; default: off).",
    ),
    click.option(
        "--latency-ms",
        type=click.FloatRange(min=0),
        default=0.0,
        help="How long both services take for every answer.",
    ),
    click.option(
        "--hits-total",
        type=click.Choice(["integer", "object"]),
        default="integer",
        help="The form of hits.total: a number, or {value, relation} as newer engines have it.",
    ),
    click.option(
        "--fault",
        "faults",
        metavar="JSON",
        multiple=True,
        callback=_read_faults,
        help='A fault to begin with, such as {"path": "/segment/v1/batch", "kind": "status", '
        '"status": 503, "times": 3}; may be repeated. POST /sandbox/faults takes the same.',
    ),
)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options; it takes them by name, as `Options` has them."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)
