"""Dotted paths into records whose values are still encoded.

A path is first looked up as one name, dots included, then step by step in objects. Letter case does
not matter if only one field matches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.errors import RecordRejected
from singer_delivery.values import as_object, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from singer_delivery.values import Record


def find(names: Iterable[str], name: str) -> str | None:
    """Find a name: the same one, or else the only one that differs in letter case."""
    names = [*names]
    if name in names:
        return name
    lower = name.lower()
    fitting = [each for each in names if each.lower() == lower]
    return fitting[0] if len(fitting) == 1 else None


def resolve(names: Iterable[str], path: str) -> str | None:
    """Return a path with the names as in the records, or None if there is no such field."""
    names = [*names]
    if (found := find(names, path)) is not None:
        return found
    name, dot, rest = path.partition(".")
    if not dot or (found := find(names, name)) is None:
        return None
    return f"{found}.{rest}"


def pop(record: Record, path: str) -> msgspec.Raw | None:
    """Remove and return the value at a path, and remove objects that become empty."""
    if path in record:
        return record.pop(path)
    name, inner, rest = _step(record, path)
    if inner is None:
        found = None if "." in path else find(record, path)
        return None if found is None else record.pop(found)
    value = pop(inner, rest)
    if value is not None:
        if inner:
            record[name] = msgspec.Raw(encode(inner))
        else:
            del record[name]
    return value


def get(record: Record, path: str) -> msgspec.Raw | None:
    """Return the value at a path of a record, or None."""
    if path in record:
        return record[path]
    _, inner, rest = _step(record, path)
    if inner is None:
        found = None if "." in path else find(record, path)
        return None if found is None else record[found]
    return get(inner, rest)


def put(record: Record, path: str, value: msgspec.Raw) -> None:
    """Set the value at a path of a record; missing objects are created.

    Raises:
        RecordRejected: A parent is not an object.
    """
    name, dot, rest = path.partition(".")
    if not dot:
        record[name] = value
        return
    inner = as_object(record[name]) if name in record else {}
    if inner is None:
        raise RecordRejected(
            "path_blocked", f"Its '{name}' is not an object, so '{rest}' cannot be set."
        )
    put(inner, rest, value)
    record[name] = msgspec.Raw(encode(inner))


def is_declared(schema: Mapping[str, Any], path: str) -> bool:
    """Return whether records of a schema may have a value at a path.

    An object whose fields a schema does not list may have any.
    """
    properties = schema.get("properties")
    if not isinstance(properties, dict) or find(properties, path) is not None:
        return True
    name, dot, rest = path.partition(".")
    found = find(properties, name) if dot else None
    if found is None:
        return False
    inner = properties[found]
    return is_declared(inner, rest) if isinstance(inner, dict) else inner is not False


def _step(record: Record, path: str) -> tuple[str, Record | None, str]:
    name, dot, rest = path.partition(".")
    found = find(record, name) if dot else None
    inner = as_object(record[found]) if found is not None else None
    return found or name, inner, rest
