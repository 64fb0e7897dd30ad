"""The command line of a target: the options beside those of singer-sdk."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from click import File, IntRange, Option
from singer_sdk.exceptions import ConfigValidationError

from singer_delivery.checking import Finding, Sign, exit_code, write_table
from singer_delivery.checking.target import check_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.target import DeliveryTarget


class Options(NamedTuple):
    """The options of a command.

    Attributes:
        check: Check everything instead of running.
        catalog: A Singer catalog to check routes against.
        send_only: Send so many records, and end.
        send_id: Send only records with one of these ids.
        first_contact: Find out how the service behaves instead of running.
        send: With `first_contact`, the id of a user to send one call for.
    """

    check: bool = False
    catalog: IO[str] | None = None
    send_only: int | None = None
    send_id: tuple[str, ...] = ()
    first_contact: bool = False
    send: str | None = None


def options(*, first_contact: bool) -> list[Option]:
    """Declare the options; each is a member of `Options`.

    Args:
        first_contact: Whether the target has a first contact.
    """
    return [*_of_all(), *(_first_contact() if first_contact else [])]


def _of_all() -> list[Option]:
    return [
        Option(
            ["--check"],
            is_flag=True,
            help="Send nothing, but check key, address, clock and files, and print a table. Exit "
            "code 1 if a run would fail.",
        ),
        Option(
            ["--catalog"],
            type=File("r"),
            help="With --check: a tap's catalog, whose selected streams are checked for routes.",
        ),
        Option(
            ["--send-only"],
            type=IntRange(min=1),
            help="Send so many records for real, then end; no state is written. The ids to look "
            "for are printed.",
        ),
        Option(
            ["--send-id"],
            multiple=True,
            help="Send only records with this key, or of this user or company; otherwise like "
            "--send-only. May be repeated.",
        ),
    ]


def _first_contact() -> list[Option]:
    return [
        Option(
            ["--first-contact"],
            is_flag=True,
            help="Send no record, but find out by a few requests without content how the service "
            "behaves where its documentation does not say, and print a report.",
        ),
        Option(
            ["--send"],
            metavar="USER",
            help="With --first-contact: also send one call for the user with this id.",
        ),
    ]


def check(target: Callable[[], DeliveryTarget], catalog: IO[str] | None) -> int:
    """Check a target and print a table of what was found.

    Args:
        target: Makes the target of its settings.
        catalog: A Singer catalog.

    Returns:
        The exit code.
    """
    findings: list[Finding] = []
    try:
        found = _catalog(catalog)
        findings += check_target(target(), found)
    except ConfigValidationError as error:
        findings += [Finding(Sign.FAILED, "settings", text) for text in error.errors]
    except ValueError:
        findings.append(Finding(Sign.FAILED, "catalog", "--catalog names a file without streams."))
    write_table(findings)
    return exit_code(findings)


def _catalog(file: IO[str] | None) -> dict[str, Any] | None:
    """Read a catalog.

    Raises:
        ValueError: It is none.
    """
    if file is None:
        return None
    found = json.load(file)
    if not isinstance(found, dict) or not isinstance(found.get("streams"), list):
        raise ValueError("no streams")  # noqa: TRY004, as `json` raises for what it cannot read
    return found
