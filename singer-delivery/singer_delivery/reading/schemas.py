"""A stream's JSON schema, in the form that singer-sdk's stream maps and flattening can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def readable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give a schema whose properties are objects, at any depth.

    JSON Schema allows true and false in place of a schema, and taps write null or a list: each
    says nothing of its values.

    >>> readable({"$id": "x", "properties": {"a": True, "b": {"properties": {"c": None}}}})
    {'$id': 'x', 'properties': {'a': {}, 'b': {'properties': {'c': {}}}}}
    """
    properties = schema.get("properties")
    found = properties if isinstance(properties, dict) else {}
    return {**schema, "properties": {name: _property(value) for name, value in found.items()}}


def _property(schema: object) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    return readable(schema) if "properties" in schema else schema
