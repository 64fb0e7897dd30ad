"""What this tap relies on inside of singer-sdk is there, and is touched in one module only."""

from __future__ import annotations

import ast
import inspect
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk import Stream, Tap, plugin_base, tap_base
from singer_sdk.mapper import SameRecordTransform, StreamMap
from singer_sdk.streams._state import StreamStateManager

import tap_moesif
from tap_moesif import TapMoesif

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK = f"singer-sdk {version('singer-sdk')}"
PACKAGE = Path(tap_moesif.__file__).parent
OURS = {"_tap", "_local", "_answered"}  # singer-sdk's own examples use `_tap`

METHODS = {
    (Stream, "_sync_records"): ["self", "context", "write_messages"],
    (Stream, "_write_state_message"): ["self"],
    (Stream, "_generate_record_messages"): ["self", "record"],
    (Stream, "_generate_schema_messages"): ["self"],
    (Stream, "_write_activate_version_message"): ["self", "full_table_version"],
    (Stream, "apply_catalog"): ["self", "catalog"],
    (Stream, "log"): ["self", "message", "args", "level", "kwargs"],
    (Tap, "_validate_config"): ["self", "raise_errors"],
    (Tap, "_handle_termination"): ["self", "signum", "frame"],
    (Tap, "setup_mapper"): ["self"],
    (Tap, "sync_all"): ["self"],
    (Tap, "cb_config"): ["ctx", "param", "value"],
    (Tap, "cb_test"): ["ctx", "param", "value"],
    (Tap, "invoke"): ["about", "about_format", "config", "state", "catalog"],
}


@pytest.mark.parametrize(
    ("owner", "name"), METHODS, ids=[f"{owner.__name__}.{name}" for owner, name in METHODS]
)
def test_a_method_of_the_sdk_is_still_called_as_it_was(owner: Any, name: str) -> None:
    method = getattr(owner, name, None)

    assert method is not None, f"{SDK} has no {owner.__name__}.{name}"
    parameters = [*inspect.signature(method).parameters]
    assert parameters == METHODS[owner, name], f"{SDK} has changed {owner.__name__}.{name}"


def test_what_is_read_of_the_sdk_is_there() -> None:
    tap = TapMoesif(config={"management_api_key": "k"})
    stream = tap.streams["users"]
    for owner, names in {
        stream: ("_stream_version", "_input_schema", "state_manager", "ABORT_AT_RECORD_COUNT"),
        stream.state_manager: ("is_flushed",),
        stream.stream_maps[0]: ("flattening_enabled", "stream_alias"),
        tap: ("_config", "_env_var_prefix"),
    }.items():
        for name in names:
            assert hasattr(owner, name), f"{SDK} has no {type(owner).__name__}.{name}"
    assert isinstance(stream.state_manager, StreamStateManager), SDK
    assert issubclass(SameRecordTransform, StreamMap), SDK
    assert hasattr(plugin_base, "JSONSchemaValidator"), SDK
    assert tap_base.CliTestOptionValue.All.value == "all", SDK


def private_names(module: Path) -> Iterator[str]:
    """Find what a module uses of others that is private."""
    tree = ast.parse(module.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("singer_sdk"):
            yield from (alias.name for alias in node.names if alias.name.startswith("_"))
            yield from (part for part in str(node.module).split(".") if part.startswith("_"))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on_super = isinstance(node.func.value, ast.Call) and "super" in ast.dump(
                node.func.value
            )
            if on_super and node.func.attr.startswith("_") and not node.func.attr.endswith("__"):
                yield node.func.attr


def test_private_parts_of_the_sdk_are_touched_in_one_module() -> None:
    found = {
        str(module.relative_to(PACKAGE)): names
        for module in PACKAGE.rglob("*.py")
        if (names := {*private_names(module)})
    }

    assert found.keys() == {"sdk.py"}
