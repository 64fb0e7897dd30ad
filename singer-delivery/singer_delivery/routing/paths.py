"""Dotted paths into records whose values are still encoded.

A name is first looked for as it is written, dots and all, then step by step into objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.errors import RecordRejected
from singer_delivery.values import as_object, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_delivery.values import Record


def take(record: Record, path: str) -> msgspec.Raw | None:
    """Take the value at a path out of a record, and the objects that get empty by it."""
    if path in record:
        return record.pop(path)
    name, inner, rest = _step(record, path)
    if inner is None:
        return None
    value = take(inner, rest)
    if value is not None:
        if inner:
            record[name] = msgspec.Raw(encode(inner))
        else:
            del record[name]
    return value


def get(record: Record, path: str) -> msgspec.Raw | None:
    """Give the value at a path of a record, None where there is none."""
    if path in record:
        return record[path]
    _, inner, rest = _step(record, path)
    return None if inner is None else get(inner, rest)


def put(record: Record, path: str, value: msgspec.Raw) -> None:
    """Put a value at a path of a record; objects on the way are made.

    Raises:
        RecordRejected: What stands on the way is no object.
    """
    name, dot, rest = path.partition(".")
    if not dot:
        record[name] = value
        return
    inner = as_object(record[name]) if name in record else {}
    if inner is None:
        raise RecordRejected("path_blocked", f"Its '{name}' is no object to put '{rest}' into.")
    put(inner, rest, value)
    record[name] = msgspec.Raw(encode(inner))


def declared(schema: Mapping[str, Any], path: str) -> bool:
    """Tell whether records of a schema may have a value at a path.

    Only what a schema lists counts, but an object whose fields it does not list may have any.
    """
    properties = schema.get("properties")
    if not isinstance(properties, dict) or path in properties:
        return True
    name, dot, rest = path.partition(".")
    return bool(dot) and name in properties and declared(properties[name], rest)


def _step(record: Record, path: str) -> tuple[str, Record | None, str]:
    name, dot, rest = path.partition(".")
    inner = as_object(record[name]) if dot and name in record else None
    return name, inner, rest
