"""The command line: options, and one-sentence errors instead of tracebacks."""

from __future__ import annotations

import json
import sys
from abc import abstractmethod
from contextlib import contextmanager
from functools import partial
from io import StringIO
from typing import IO, TYPE_CHECKING, Any

from click import IntRange, Option
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from singer_delivery.checking import Finding, Sign, exit_code, write_table
from tap_moesif.errors import FileError
from tap_moesif.memory import tune_memory
from tap_moesif.sdk import ConfigInput, SdkTap
from tap_moesif.service import MoesifError
from tap_moesif.windows.cutting import MAX_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click import Command, Context


class CommandTap(SdkTap):
    """A tap with the options `--windows`, `--check` and `--first-contact`."""

    @abstractmethod
    def try_streams(self) -> None:
        """Read one record of each selected stream."""

    @abstractmethod
    def plan(self, windows: int) -> dict[str, Any]:
        """Split the time between `start_date` and `end_date` into windows."""

    @abstractmethod
    def check(self) -> list[Finding]:
        """Check everything that could stop a run."""

    @abstractmethod
    def first_contact(self) -> str:
        """Return a report on how the account's API behaves."""

    @override
    @classmethod
    def get_singer_command(cls) -> Command:
        command = super().get_singer_command()
        command.params += [
            Option(
                ["--windows"],
                type=IntRange(1, MAX_WINDOWS),
                help="Split the time between start_date and end_date into this many windows with "
                "about equally many users each, print them as JSON, and exit.",
            ),
            Option(
                ["--check"],
                is_flag=True,
                help="Check address, key, scopes and clock, print a table, and exit; exit code 1 "
                "if a run would fail.",
            ),
            Option(
                ["--first-contact"],
                is_flag=True,
                help="Send a few dozen queries to find out how this account's API behaves where "
                "its documentation does not say, print a report, and exit.",
            ),
        ]
        for option in command.params:
            if option.name == "catalog":
                option.is_eager = True  # `--test` needs it, even if it comes first
        return command

    @override
    @classmethod
    def invoke(
        cls,
        *,
        windows: int | None = None,
        check: bool = False,
        first_contact: bool = False,
        **kwargs: Any,
    ) -> None:
        tune_memory()
        config: ConfigInput = kwargs.get("config") or ConfigInput()
        make = partial(cls, config=config.config, parse_env_config=config.parse_env)
        with cls._plain_errors():
            if windows:
                sys.stdout.write(json.dumps(make().plan(windows)) + "\n")
            elif check:
                sys.exit(_check(partial(make, catalog=_catalog(kwargs.get("catalog")))))
            elif first_contact:
                sys.stdout.write(make().first_contact())
            else:
                for name in ("state", "catalog"):
                    if kwargs.get(name):
                        kwargs[name] = _checked(name, kwargs[name])
                super().invoke(**kwargs)

    @override
    @classmethod
    def test(cls, config: ConfigInput, context: Context) -> None:
        """Try the streams that are selected, by default or in a catalog."""
        with cls._plain_errors():
            catalog = _catalog(context.params.get("catalog"))
            tap = cls(config=config.config, parse_env_config=config.parse_env, catalog=catalog)
            tap.try_streams()

    @classmethod
    @contextmanager
    def _plain_errors(cls) -> Iterator[None]:
        """Log one sentence and exit with code 1 on an error that ends the run."""
        try:
            yield
        except ConfigValidationError as error:
            for text in error.errors:
                cls.logger.error("%s", text)  # noqa: TRY400
            sys.exit(1)
        except MoesifError as error:
            cls.logger.error("%s", error)  # noqa: TRY400, no traceback
            sys.exit(1)


def _check(make: Callable[[], CommandTap]) -> int:
    """Check a tap, print a table of the findings, and return the exit code."""
    try:
        findings = make().check()
    except ConfigValidationError as error:
        findings = [Finding(Sign.FAILED, "settings", text) for text in error.errors]
    write_table(findings)
    return exit_code(findings)


def _catalog(file: IO[str] | None) -> dict[str, Any] | None:
    """Read a catalog, if there is one."""
    return json.load(_checked("catalog", file)) if file else None


def _checked(name: str, file: IO[str]) -> IO[str]:
    """Check that a file contains a JSON object; return a copy for singer-sdk to read.

    Raises:
        FileError: It does not.
    """
    try:
        text = file.read().removeprefix("\ufeff")  # a byte order mark, as in settings
        if isinstance(json.loads(text), dict):
            return StringIO(text)
    except ValueError:
        pass
    raise FileError(name=name)
