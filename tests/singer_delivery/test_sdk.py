"""The private parts of singer-sdk that `singer_delivery.sdk` relies on are as they were."""

from __future__ import annotations

import inspect
import io
import json
from importlib import import_module
from importlib.metadata import version
from typing import IO, TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from singer_delivery.options import Options
from singer_delivery.sdk import SdkTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = {
    "target_base:Target._process_schema_message": "self, message_dict",
    "target_base:Target._process_record_message": "self, message_dict",
    "target_base:Target._process_state_message": "self, message_dict",
    "target_base:Target._process_activate_version_message": "self, message_dict",
    "target_base:Target._process_batch_message": "self, message_dict",
    "target_base:Target.process_endofpipe": "self",
    "target_base:Target.listen": "self, file_input",
    "target_base:Target._handle_termination": "self, signum, frame",
    "target_base:Target.invoke": "about, about_format, config, file_input",
    "target_base:Target.append_builtin_config": "config_jsonschema",
    "plugin_base:PluginBase.append_builtin_config": "config_jsonschema",
    "plugin_base:BaseSingerIO._validate_config": "self, raise_errors",
    "plugin_base:BaseSingerIO.cb_config": "ctx, param, value",
    "plugin_base:BaseSingerIO._env_var_config": None,
    "plugin_base:BaseSingerIO._env_var_prefix": None,
    "plugin_base:_ConfigInput": "config, parse_env",
    "plugin_base:JSONSchemaValidator": None,
    "sinks.core:JSONSchemaValidator": "schema, validate_formats, format_checker",
    "helpers._classproperty:classproperty": None,
}
"""Where each part is, and the names of its parameters where it has any."""


def differences(parts: dict[str, str | None]) -> Iterator[str]:
    """Say which of some parts the installed singer-sdk lacks, or has with other parameters."""
    installed = f"singer-sdk {version('singer-sdk')}"
    for part, parameters in parts.items():
        module, _, path = part.partition(":")
        found: Any = import_module(f"singer_sdk.{module}")
        for name in path.split("."):
            found = inspect.getattr_static(found, name, None)
        if found is None:
            yield f"{installed} has no singer_sdk.{module}.{path}"
            continue
        if isinstance(found, classmethod):
            found = found.__get__(None, object)
        if parameters is not None:
            now = ", ".join(name for name in inspect.signature(found).parameters if name != "cls")
            if now != parameters:
                yield f"{installed}: singer_sdk.{module}.{path} takes {now}, not {parameters}"


def test_each_part_is_there_and_takes_what_it_did() -> None:
    assert [*differences(PARTS)] == []


def test_what_is_missing_or_different_is_named_with_the_version() -> None:
    parts = {"target_base:Target._gone": None, "target_base:Target.listen": "self, lines"}
    missing, other = differences(parts)
    assert (
        missing == f"singer-sdk {version('singer-sdk')} has no singer_sdk.target_base.Target._gone"
    )
    assert other.endswith("Target.listen takes self, file_input, not self, lines")


class Recorder(SdkTarget):
    """Notes which public methods singer-sdk's private ones lead to."""

    name = "target-recorder"
    addresses = ()

    def __init__(self, **options: Any) -> None:
        self.calls: list[str] = []
        super().__init__(**options)

    @override
    def read_schema(self, message: dict[str, Any]) -> None:
        self.calls.append("schema")

    @override
    def read_record(self, message: dict[str, Any]) -> None:
        self.calls.append("record")

    @override
    def read_state(self, message: dict[str, Any]) -> None:
        self.calls.append("state")

    @override
    def read_activate_version(self, message: dict[str, Any]) -> None:
        self.calls.append("version")

    @override
    def read_batch(self, message: dict[str, Any]) -> None:
        self.calls.append("batch")

    @override
    def finish(self) -> None:
        self.calls.append("finish")

    @override
    def deliver(self, file_input: IO[str] | None) -> None:
        self.calls.append("deliver")
        self.read_input(file_input)

    @override
    def stop(self, signum: int) -> None:
        self.calls.append(f"stop {signum}")

    @override
    @classmethod
    def checked_config(cls, config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        return {**config, "checked": True}, config.get("errors", [])

    @override
    @classmethod
    def main(
        cls,
        config: dict[str, Any],
        *,
        parse_env: bool,
        file_input: IO[str] | None,
        options: Options,
    ) -> int:
        given = (config, parse_env, file_input, options)
        return 7 if given == ({}, False, None, Options(send_only=3)) else 1


def test_every_message_reaches_its_method() -> None:
    target = Recorder()
    kinds = ("SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION", "BATCH")
    target.listen(io.StringIO("".join(json.dumps({"type": kind}) + "\n" for kind in kinds)))
    assert target.calls == [*("deliver", "schema", "record", "state", "version", "batch", "finish")]


def test_a_signal_reaches_the_target() -> None:
    target = Recorder()
    target._handle_termination(15, None)
    assert target.calls == ["stop 15"]


def test_settings_are_checked_by_the_target() -> None:
    assert Recorder(config={}).config["checked"]
    with pytest.raises(ConfigValidationError) as caught:
        Recorder(config={"errors": ["so"]})
    assert caught.value.errors == ["so"]


def test_the_command_ends_with_the_code_of_main() -> None:
    with pytest.raises(SystemExit) as ended:
        Recorder.invoke(send_only=3)
    assert ended.value.code == 7


def test_no_setting_is_offered_that_means_nothing_here() -> None:
    schema: dict[str, Any] = {"properties": {}}
    Recorder.append_builtin_config(schema)
    assert "stream_maps" in schema["properties"]
    assert not {"load_method", "add_record_metadata", "batch_size_rows"} & {*schema["properties"]}
