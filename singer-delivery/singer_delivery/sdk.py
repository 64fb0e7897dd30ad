"""The private parts of singer-sdk that a target relies on, each once, under a public name.

| part of singer-sdk                    | why its public interface does not do                     |
|---------------------------------------|----------------------------------------------------------|
| `Target._process_*_message`           | no hook gets a message before a `Sink` is created for it |
| `Target.listen`, which is final       | it abandons the requests in flight when a line fails     |
| `Target._handle_termination`          | it writes STATE for unsent records, and exits with 0     |
| `Target.invoke`                       | it exits with 0 or 1 only                                |
| `Target.append_builtin_config`        | it adds `load_method` and `add_record_metadata`          |
| `Target.cb_config`, `_ConfigInput`    | a missing file is a traceback                            |
| `Target._validate_config`, `_config`  | its errors contain values, which may be keys             |
| `Target._env_var_config`              | an empty or a fractional number is a traceback           |
| `Target._env_var_prefix`              | errors name the variable of a missing setting            |
| `plugin_base.JSONSchemaValidator`     | fills in the defaults of settings                        |
| `sinks.core.JSONSchemaValidator`      | the checks of `validate_records`, without a `Sink`       |
| `AnyOf` in the schema of stream maps  | it contains the text "null" instead of a schema          |

`reading/stream_maps` reads the details of a failed stream map.

`tests/singer_delivery/test_sdk.py` checks each of them, and names the version of singer-sdk in
which one is missing or different.
"""

from __future__ import annotations

import abc
import sys
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import JSONSchemaValidator, _ConfigInput
from singer_sdk.sinks.core import JSONSchemaValidator as RecordValidator
from typing_extensions import override

from singer_delivery.config import environment_config
from singer_delivery.options import Options, options
from singer_delivery.reading.stream_maps import fix_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from click import Command, Context, Option
    from jsonschema import ValidationError

__all__ = ["RecordValidator", "SdkTarget", "iter_setting_errors"]


class SdkTarget(Target, abc.ABC):
    """A Singer target that processes messages, settings and signals itself.

    Attributes:
        has_first_contact: Whether it has the option `--first-contact`.
    """

    has_first_contact: ClassVar[bool] = False

    @abc.abstractmethod
    def read_schema(self, message: dict[str, Any]) -> None:
        """Process a SCHEMA message."""

    @abc.abstractmethod
    def read_record(self, message: dict[str, Any]) -> None:
        """Process a RECORD message."""

    @abc.abstractmethod
    def read_activate_version(self, message: dict[str, Any]) -> None:
        """Process an ACTIVATE_VERSION message."""

    @abc.abstractmethod
    def read_state(self, message: dict[str, Any]) -> None:
        """Process a STATE message."""

    @abc.abstractmethod
    def read_batch(self, message: dict[str, Any]) -> None:
        """Process a BATCH message."""

    @abc.abstractmethod
    def finish(self) -> None:
        """Process the end of the input."""

    @abc.abstractmethod
    def deliver(self, file_input: IO[str] | None) -> None:
        """Process a whole input, by `read_input`."""

    @abc.abstractmethod
    def stop(self, signum: int) -> None:
        """Note that a signal ends the run; called by the signal handler."""

    @classmethod
    @abc.abstractmethod
    def checked_config(cls, config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Check the settings.

        Args:
            config: The settings from files or the environment.

        Returns:
            The settings, converted and with defaults, and a sentence for each wrong one.
        """

    @classmethod
    @abc.abstractmethod
    def main(
        cls,
        config: dict[str, Any],
        *,
        parse_env: bool,
        file_input: IO[str] | None,
        options: Options,
    ) -> int:
        """Run the command and return its exit code.

        Args:
            config: The settings of the `--config` files.
            parse_env: Whether to read settings from the environment too.
            file_input: The file of `--input`, else None.
            options: The options besides those of singer-sdk.
        """

    @classmethod
    def env_prefix(cls) -> str:
        """Return the prefix of the environment variables."""
        prefix: str = cls._env_var_prefix
        return prefix

    def read_input(self, file_input: IO[str] | None) -> None:
        """Process the messages of an input, then its end."""
        super().listen(file_input)

    @override  # type: ignore[misc]  # it is final
    def listen(self, file_input: IO[str] | None = None) -> None:
        self.deliver(file_input)

    @override
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        self.read_schema(message_dict)

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self.read_record(message_dict)

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        self.read_state(message_dict)

    @override
    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        self.read_activate_version(message_dict)

    @override
    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self.read_batch(message_dict)

    @override
    def process_endofpipe(self) -> None:
        self.finish()

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self.stop(signum)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        self._config, errors = self.checked_config(self._config)
        if errors and raise_errors:
            raise ConfigValidationError("Wrong settings", errors=errors, schema=schema)
        return errors

    @override
    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805, as singer-sdk has it
        cls.append_builtin_config(cls.config_jsonschema)
        return dict(environment_config(cls.config_jsonschema, cls.env_prefix()))

    @override
    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        super(Target, cls).append_builtin_config(config_jsonschema)
        fix_schema(config_jsonschema)

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
    def invoke(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
        **more: Any,
    ) -> None:
        if about:
            cls.print_about(about_format)
            sys.exit(0)
        cls.print_version(print_fn=cls.logger.info)
        config = config or _ConfigInput()
        code = cls.main(
            config.config,
            parse_env=config.parse_env,
            file_input=file_input,
            options=Options(**more),
        )
        sys.exit(code)

    @override
    @classmethod
    def get_singer_command(cls) -> Command:
        command = super().get_singer_command()
        command.params.extend(options(first_contact=cls.has_first_contact))
        return command


def iter_setting_errors(
    schema: dict[str, Any], config: dict[str, Any]
) -> Iterator[ValidationError]:
    """Fill in the defaults of settings, and yield the errors of the others."""
    yield from JSONSchemaValidator(schema).iter_errors(config)
