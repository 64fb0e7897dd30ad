"""tap-moesif: its settings and its streams."""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import time
from contextlib import contextmanager
from functools import cached_property
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, ClassVar

from click import IntRange, Option
from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_moesif.addresses import leaves_in_the_clear, session_to
from tap_moesif.client import BearerAuth, Moesif
from tap_moesif.errors import MoesifError, NotAllowedError
from tap_moesif.pace import MAX_PAGE_SIZE, Pace
from tap_moesif.planning import plan
from tap_moesif.streams import STREAMS
from tap_moesif.times import utc
from tap_moesif.windows import MAX_WINDOWS
from tap_moesif.writer import UntornWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from click import Command, Context
    from singer_sdk.plugin_base import _ConfigInput

    from tap_moesif.sync import MoesifStream

GARBAGE_COLLECTED_EVERY = 100_000
"""New objects, in place of Python's 700: documents hold no cycles, and are many objects each."""

KEY_CHARACTERS = re.compile(r"[!-~]+")
"""What an HTTP header takes and a blank does not end: visible ASCII."""


PLAIN_HTTP = (
    "Wrong setting: api_url is plain http to another machine, which carries the key and the data "
    "unencrypted; make it https, or set allow_http: true."
)


class TapMoesif(Tap):
    """Emits Moesif's users and companies with a roll-up of their API usage, and more streams."""

    name = "tap-moesif"
    message_writer_class = UntornWriter
    message_writer: UntornWriter

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "management_api_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Management API key",
            description="A key for Moesif's Management API with the scopes read:users, "
            "read:companies, read:cohorts and, for the roll-up and events, read:events.",
        ),
        th.Property(
            "api_url",
            th.StringType(pattern=r"^https?://\S+$"),
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
            description="Documents in one answer; fewer for a while where that is too much.",
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
            description="Add last24HourAggResults, for one more query a page.",
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
    ).to_dict()

    @cached_property
    def _left_out(self) -> dict[str, NotAllowedError]:
        """The streams that the key may not read, by name."""
        return {}

    @cached_property
    def moesif(self) -> Moesif:
        """The connection, one for all streams, as the limit of queries is."""
        url = self.config["api_url"].rstrip("/")
        return Moesif(
            url,
            BearerAuth(self.config["management_api_key"]),
            Pace(self.config["requests_per_minute"], time.monotonic, time.sleep),
            self.config.get("app_id"),
            session_to(url),
        )

    @override
    def discover_streams(self) -> Sequence[MoesifStream]:
        return [stream(self) for stream in STREAMS]

    @override
    def setup_mapper(self) -> None:
        _ = self.streams  # which complete the catalog that the mapper takes its schemas from
        super().setup_mapper()

    @override  # type: ignore[misc]  # it is final, and has no hook at its end
    def sync_all(self) -> None:
        """Sync the selected streams.

        Raises:
            MoesifError: A stream could not be read. Where the key lacks its scope, the others
                were read all the same.
        """
        super().sync_all()
        self.check_all_read()

    def try_streams(self) -> None:
        """Read one record of each selected stream; raises likewise."""
        for stream in self.streams.values():
            if stream.selected:
                stream.ABORT_AT_RECORD_COUNT = 1
                stream.sync()
        self.check_all_read()

    def leave_out(self, stream: MoesifStream, error: NotAllowedError) -> None:
        """Note that the key may not read a stream, and go on with the others."""
        self.logger.warning("The stream '%s' is left out. %s", stream.name, error)
        self._left_out[stream.name] = error

    def check_all_read(self) -> None:
        """See that no stream was left out.

        Raises:
            NotAllowedError: Some were.
        """
        if not (errors := [*self._left_out.values()]):
            return
        scopes = ", ".join(sorted({error.scope for error in errors}))
        selected = [stream for stream in self.streams.values() if stream.selected]
        if len(errors) == len(selected) > 1:
            raise NotAllowedError(
                "Moesif refuses the key for every selected stream: management_api_key is wrong or "
                f"expired, or lacks the scopes {scopes}. Make a key with these scopes in Moesif "
                "under Settings > API Keys > Management API.",
                scopes,
            )
        raise NotAllowedError(" ".join(map(str, errors)), scopes)

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        bookmarks = state.get("bookmarks")
        if state and not (
            isinstance(bookmarks, dict) and all(isinstance(b, dict) for b in bookmarks.values())
        ):
            raise MoesifError(
                'The state is no object with "bookmarks" for each stream, so not one of this tap. '
                "Run without it, or with --full-refresh, to read everything again."
            )
        super().load_state(state)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        errors = self._setting_errors()
        if errors and raise_errors:
            raise ConfigValidationError(
                "Wrong settings", errors=errors, schema=self.config_jsonschema
            )
        return errors

    def _setting_errors(self) -> list[str]:
        """Check the settings, without repeating a value that may be a key; normalise dates."""
        self._config = {name: value for name, value in self._config.items() if value is not None}
        try:
            super()._validate_config()
        except ConfigValidationError as error:
            key = repr(self._config.get("management_api_key"))
            return [f"Wrong setting: {text.replace(key, 'its value')}" for text in error.errors]
        if not KEY_CHARACTERS.fullmatch(self._config["management_api_key"]):
            return ["Wrong setting: management_api_key holds a blank, a line break or the like."]
        if leaves_in_the_clear(self._config["api_url"]) and not self._config["allow_http"]:
            return [PLAIN_HTTP]
        return self._date_errors()

    def _date_errors(self) -> list[str]:
        for name in ("start_date", "end_date"):
            if name in self._config:
                try:
                    self._config[name] = utc(self._config[name])
                except (ValueError, OverflowError):
                    return [f"Wrong setting: {name} is no date; write it as 2026-01-31."]
        start, end = self._config.get("start_date"), self._config.get("end_date")
        if start and end and end <= start:
            return ["Wrong setting: end_date is not after start_date."]
        return []

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        # The last STATE line stands.
        self.logger.warning("Stopped by signal %d", signum)
        self.message_writer.leave(128 + signum)

    @override
    @classmethod
    def cb_config(cls, ctx: Context, param: Option, value: tuple[str, ...]) -> _ConfigInput:
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError):
            cls.logger.error("--config names no file that holds a JSON object")  # noqa: TRY400
            sys.exit(1)

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
                config: _ConfigInput = kwargs["config"]
                tap = cls(config=config.config, parse_env_config=config.parse_env)
                sys.stdout.write(json.dumps(plan(tap.moesif, tap.config, windows)) + "\n")
            else:
                for name in ("state", "catalog"):
                    if kwargs.get(name):
                        kwargs[name] = _checked(name, kwargs[name])
                super().invoke(**kwargs)

    @override
    @classmethod
    def cb_test(cls, ctx: Context, param: Option, value: str) -> None:
        """Try the streams that are selected, by default or in a catalog."""
        with cls._plain_errors():
            if value != CliTestOptionValue.All.value:
                super().cb_test(ctx, param, value)
                return
            config: _ConfigInput = ctx.params["config"]
            catalog: IO[str] | None = ctx.params.get("catalog")
            tap = cls(
                config=config.config,
                parse_env_config=config.parse_env,
                catalog=json.load(_checked("catalog", catalog)) if catalog else None,
            )
            tap.try_streams()
        ctx.exit()

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
            cls.logger.error("Whoever reads the records has gone")  # noqa: TRY400
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(1)


def _checked(name: str, file: IO[str]) -> IO[str]:
    """Read a file that must hold a JSON object, for singer-sdk to read it again.

    Raises:
        MoesifError: It holds none.
    """
    text = file.read()
    try:
        if isinstance(json.loads(text), dict):
            return StringIO(text)
    except ValueError:
        pass
    raise MoesifError(f"--{name} names a file that holds no JSON object.")
