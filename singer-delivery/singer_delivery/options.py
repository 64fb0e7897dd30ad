"""The options of a target's command, besides those of singer-sdk."""

from __future__ import annotations

from typing import IO, NamedTuple

from click import File, IntRange, Option


class Options(NamedTuple):
    """The options of a command.

    Attributes:
        check: Check everything instead of running.
        catalog: A Singer catalog to check routes against.
        send_only: Send this many records, then stop.
        send_id: Send only records with one of these ids.
        replay: The file or URL of rejects to read instead of the input.
        first_contact: Find out how the service behaves instead of running.
        send: With `first_contact`, the id of a user to send one call for.
    """

    check: bool = False
    catalog: IO[str] | None = None
    send_only: int | None = None
    send_id: tuple[str, ...] = ()
    replay: str | None = None
    first_contact: bool = False
    send: str | None = None


def options(*, first_contact: bool) -> list[Option]:
    """Declare the options; each is a member of `Options`.

    Args:
        first_contact: Whether the target has the option `--first-contact`.
    """
    return [*_of_all(), *(_first_contact() if first_contact else [])]


def _of_all() -> list[Option]:
    return [
        Option(
            ["--check"],
            is_flag=True,
            help="Send nothing; check key, address, clock and files, and print a table. The exit "
            "code is 1 if a run would fail.",
        ),
        Option(
            ["--catalog"],
            type=File("r"),
            help="With --check: the catalog of a tap; its selected streams are checked for routes.",
        ),
        Option(
            ["--send-only"],
            type=IntRange(min=1),
            help="Really send this many records, then stop. No state is written. The ids of the "
            "messages are printed.",
        ),
        Option(
            ["--send-id"],
            multiple=True,
            help="Send only records with this key, or of this user or company; otherwise like "
            "--send-only. May be repeated.",
        ),
        Option(
            ["--replay"],
            metavar="PATH",
            help="Read rejects instead of standard input: a file, or the objects below a URL "
            "(s3:// or gs://).",
        ),
    ]


def _first_contact() -> list[Option]:
    return [
        Option(
            ["--first-contact"],
            is_flag=True,
            help="Send no records; find out by a few requests without content how the service "
            "behaves where its documentation is silent, and print a report.",
        ),
        Option(
            ["--send"],
            metavar="USER",
            help="With --first-contact: also send one call for the user with this id.",
        ),
    ]
