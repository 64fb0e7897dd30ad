"""The command line: its options, and one sentence for each error that ends a run."""

from __future__ import annotations

import gc
import json
import os
import sys
from abc import abstractmethod
from contextlib import contextmanager
from io import StringIO
from typing import IO, TYPE_CHECKING, Any

from click import IntRange, Option
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from tap_moesif.sdk import ConfigInput, SdkTap
from tap_moesif.service import MoesifError
from tap_moesif.service.errors import FileError
from tap_moesif.windows.cutting import MAX_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click import Command, Context

GARBAGE_COLLECTED_EVERY = 100_000
"""New objects, in place of Python's 700: documents hold no cycles, and are many objects each."""


class CommandTap(SdkTap):
    """A tap as a command."""

    @abstractmethod
    def try_streams(self) -> None:
        """Read one record of each selected stream."""

    @abstractmethod
    def plan(self, windows: int) -> dict[str, Any]:
        """Cut the time between `start_date` and `end_date` into windows."""

    @override
    @classmethod
    def get_singer_command(cls) -> Command:
        command = super().get_singer_command()
        command.params.append(
            Option(
                ["--windows"],
                type=IntRange(1, MAX_WINDOWS),
                help="Read nothing, but cut the time between start_date and end_date into so many "
                "windows with about equally many users each, and print them as JSON.",
            )
        )
        for option in command.params:
            if option.name == "catalog":
                option.is_eager = True  # `--test`, which wants it, may stand before it
        return command

    @override
    @classmethod
    def invoke(cls, *, windows: int | None = None, **kwargs: Any) -> None:
        gc.freeze()  # what was imported stays
        gc.set_threshold(GARBAGE_COLLECTED_EVERY)
        with cls._plain_errors():
            if windows:
                config: ConfigInput = kwargs["config"]
                tap = cls(config=config.config, parse_env_config=config.parse_env)
                sys.stdout.write(json.dumps(tap.plan(windows)) + "\n")
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
            file: IO[str] | None = context.params.get("catalog")
            catalog = json.load(_checked("catalog", file)) if file else None
            tap = cls(config=config.config, parse_env_config=config.parse_env, catalog=catalog)
            tap.try_streams()

    @classmethod
    @contextmanager
    def _plain_errors(cls) -> Iterator[None]:
        """End with one sentence and exit code 1 where the sync cannot go on."""
        try:
            yield
        except ConfigValidationError as error:
            for text in error.errors:
                cls.logger.error("%s", text)  # noqa: TRY400
            sys.exit(1)
        except MoesifError as error:
            cls.logger.error("%s", error)  # noqa: TRY400, the sentence is all there is to say
            sys.exit(1)
        except BrokenPipeError:
            cls.logger.error("The target closed the pipe; stopping")  # noqa: TRY400
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(1)


def _checked(name: str, file: IO[str]) -> IO[str]:
    """Read a file that must hold a JSON object, for singer-sdk to read it again.

    Raises:
        MoesifError: It does not.
    """
    text = file.read()
    try:
        if isinstance(json.loads(text), dict):
            return StringIO(text)
    except ValueError:
        pass
    raise FileError(name=name)
