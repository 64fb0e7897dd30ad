"""Normalises JSON schemas for singer-sdk's stream maps and flattening."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def normalized(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema in which all properties are objects, at any depth.

    JSON Schema allows true and false instead of a schema, and some taps write null or a list; these
    become an empty schema. An invalid type is removed.

    >>> normalized({"$id": "x", "properties": {"a": True, "b": {"properties": {"c": None}}}})
    {'$id': 'x', 'properties': {'a': {}, 'b': {'properties': {'c': {}}}}}
    """
    properties = schema.get("properties")
    found = properties if isinstance(properties, dict) else {}
    return {**schema, "properties": {name: _property(value) for name, value in found.items()}}


def _property(schema: object) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    if "type" in schema and not _is_type(schema["type"]):
        schema = {word: value for word, value in schema.items() if word != "type"}
    return normalized(schema) if "properties" in schema else schema


def _is_type(value: object) -> bool:
    kinds = value if isinstance(value, list) else [value]
    return bool(kinds) and all(isinstance(kind, str) for kind in kinds)
