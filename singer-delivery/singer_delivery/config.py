"""Reads settings from the environment, and converts text to the type of each setting.

A setting with an empty value is unset. Numbers, booleans and objects may be written as text, as in
the environment and in Meltano's settings of the kind `string`. Other text is unchanged, and the
validation reports it.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

from dotenv import find_dotenv, load_dotenv

from singer_delivery.nested_names import members, stream_maps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_delivery.nested_names import Schema, Settings

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def environment_config(schema: Schema, prefix: str) -> dict[str, str]:
    """Read settings from the environment, and from a file `.env` in this folder or one above it.

    Args:
        schema: JSON schema of all settings.
        prefix: The prefix of the variables, such as `TARGET_SEGMENT_`.

    Returns:
        The values as text, without empty ones.
    """
    load_dotenv(find_dotenv(usecwd=True))
    found = {
        name: os.environ.get(f"{prefix}{name.upper().replace('-', '_')}", "")
        for name in schema["properties"]
    }
    return {name: text for name, text in found.items() if text.strip()}


def typed_config(config: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Convert settings to the types of their schema, without empty ones.

    Args:
        config: The settings, some of them as text.
        schema: JSON schema of all settings.
    """
    properties = schema["properties"]
    typed = {
        name: value
        for name, given in config.items()
        if not _is_unset(value := _typed(given, properties.get(name, {})), properties.get(name, {}))
    }
    return {name: _whole(name, value, properties.get(name, {})) for name, value in typed.items()}


def _whole(name: str, value: object, schema: Schema) -> object:
    """Return a setting with dotted names restored, which Meltano has split at their dots."""
    if not isinstance(value, dict):
        return value
    if name == "stream_maps":
        return stream_maps(value)
    inside = _settings_inside(schema)
    return members(value, inside) if inside else value


def _settings_inside(schema: Schema) -> Settings:
    """Return the declared settings of an object's members."""
    member = schema.get("additionalProperties")
    return member.get("properties", {}) if isinstance(member, dict) else {}


def _is_unset(value: object, schema: Schema) -> bool:
    """Return whether a value means that the setting is unset."""
    if value is None or value == "":
        return "string" not in schema.get("type", ()) or bool({"minLength", "enum"} & schema.keys())
    return False


def _typed(value: object, schema: Schema) -> object:
    types = schema.get("type", ())
    if not isinstance(value, str) or "string" in types or not types:
        return value
    text = value.strip()
    if not text:
        return None
    if "boolean" in types:
        return _BOOLEANS.get(text.lower(), value)
    if "integer" in types or "number" in types:
        return _number(text)
    try:
        return json.loads(text)
    except ValueError:
        return value


def _number(text: str) -> object:
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        return text
    return int(number) if number.is_integer() else number
