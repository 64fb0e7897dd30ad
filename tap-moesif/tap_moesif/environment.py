"""Settings from environment variables. Unreadable values are left to the settings' validation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
from dotenv import find_dotenv, load_dotenv

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})


def read_environment(properties: Mapping[str, Mapping[str, Any]], prefix: str) -> dict[str, Any]:
    """Read settings from the environment, and from a `.env` file in this folder or above.

    Args:
        properties: JSON schemas of the settings, by name.
        prefix: Prefix of the variables' names.

    Returns:
        The values. Empty variables are ignored.
    """
    load_dotenv(find_dotenv(usecwd=True))
    found = {name: os.environ.get(f"{prefix}{name.upper()}", "") for name in properties}
    return {name: parse(text, properties[name]) for name, text in found.items() if text.strip()}


def parse(text: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401, what the schema says
    """Parse a variable as its setting's type; return the text unchanged if it cannot be parsed.

    >>> parse("5", {"type": ["integer"]}), parse("no", {"type": "boolean"})
    (5, False)
    """
    types = {*_types(schema)}
    if "string" in types:
        return text
    word = text.strip().lower()
    if "boolean" in types and word in TRUE | FALSE:
        return word in TRUE
    try:
        return msgspec.json.decode(text)  # a number, a list or an object
    except msgspec.DecodeError:
        return text


def _types(schema: Mapping[str, Any]) -> list[str]:
    types: str | list[str] = schema.get("type", [])
    alternatives = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    inner = [name for alternative in alternatives for name in _types(alternative)]
    return [*([types] if isinstance(types, str) else types), *inner]
