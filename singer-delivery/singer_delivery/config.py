"""Settings as they are given: from the environment, and as text where they are something else.

All connectors share it. An empty value is no value, wherever it stands: a variable that is set to
nothing, or a null in a file. A number, a boolean or an object may be written as text, as it is in
the environment and in Meltano's settings of the kind `string`; a text that is none of these is left
as it is, for the validation to name.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

from dotenv import find_dotenv, load_dotenv

if TYPE_CHECKING:
    from collections.abc import Mapping

    Schema = Mapping[str, Any]

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def environment_config(schema: Schema, prefix: str) -> dict[str, str]:
    """Read the settings in the environment, or in a file `.env` in this folder or one above it.

    Args:
        schema: JSON schema of all settings.
        prefix: With which their variables begin, such as `TARGET_SEGMENT_`.

    Returns:
        Their texts; what is empty is left out.
    """
    load_dotenv(find_dotenv(usecwd=True))
    found = {
        name: os.environ.get(f"{prefix}{name.upper().replace('-', '_')}", "")
        for name in schema["properties"]
    }
    return {name: text for name, text in found.items() if text.strip()}


def typed_config(config: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Give settings the types of their schema, and leave out what is empty.

    Args:
        config: The settings, some of them perhaps as text.
        schema: JSON schema of all settings.
    """
    properties = schema["properties"]
    return {
        name: value
        for name, given in config.items()
        if not _is_unset(value := _typed(given, properties.get(name, {})), properties.get(name, {}))
    }


def _is_unset(value: object, schema: Schema) -> bool:
    """Tell whether a value is none; of a text that may be empty, null and empty say something."""
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
