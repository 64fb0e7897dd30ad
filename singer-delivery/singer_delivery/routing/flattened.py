"""Restores records that singer-sdk has flattened.

Flattening turns the `id` in `company` into `company__id`, and writes objects and lists below its
maximum depth as JSON text. If the shape of a stream is known, both can be undone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.values import NULL, as_object, encode, object_in_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from singer_delivery.values import Record

SEPARATOR = "__"
"""Between the names of an object and its field; singer-sdk's default for `flattening_separator`."""


class Unflatten:
    """Restores the records of one stream.

    Args:
        columns: For each flattened name, the name of the object and of the field in it.
        texts: Names of objects that may be written as JSON text.
    """

    def __init__(self, columns: Mapping[str, tuple[str, ...]], texts: Collection[str]) -> None:
        self._columns = columns
        self._texts = texts

    def __bool__(self) -> bool:
        """Whether there is anything to restore."""
        return bool(self._columns or self._texts)

    def __call__(self, record: Record) -> Record:
        """Return the record as it was before it was flattened."""
        objects: dict[str, Any] = {}
        whole: Record = {}
        for name, raw in record.items():
            if (path := self._columns.get(name)) is not None:
                _put(objects, path, object_in_text(raw))
            else:
                whole[name] = object_in_text(raw) if name in self._texts else raw
        for name, fields in objects.items():
            if (restored := _without_empty(fields)) is not None:
                there = as_object(whole[name]) if name in whole else None
                whole[name] = msgspec.Raw(encode({**(there or {}), **restored}))
        return whole


def unflatten(
    schema: Mapping[str, Any], names: Iterable[str], objects: Collection[str]
) -> Unflatten:
    """Return what restores the records of a stream.

    Args:
        schema: The schema of the stream.
        names: The field names of its records.
        objects: Names of the fields that hold objects.
    """
    known = {name.lower(): name for name in objects}
    columns: dict[str, tuple[str, ...]] = {}
    texts: set[str] = set()
    declared = schema.get("properties")
    properties = declared if isinstance(declared, dict) else {}
    for name in names:
        head, separator, rest = name.partition(SEPARATOR)
        if name.lower() in known:
            if _may_be_text(properties.get(name)):
                texts.add(name)
        elif separator and rest and head.lower() in known:
            columns[name] = (known[head.lower()], *re.split(f"{SEPARATOR}(?=.)", rest))
    return Unflatten(columns, texts)


def _may_be_text(schema: object) -> bool:
    """Return whether a schema does not say that its value is an object or a list."""
    kinds = schema.get("type") if isinstance(schema, dict) else None
    return not kinds or "string" in kinds


def _put(objects: dict[str, Any], path: tuple[str, ...], value: msgspec.Raw) -> None:
    *parents, name = path
    for parent in parents:
        inner = objects.setdefault(parent, {})
        if not isinstance(inner, dict):
            inner = objects[parent] = {}
        objects = inner
    objects[name] = value


def _without_empty(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Remove objects that hold only nulls, which flattening writes for a missing object."""
    whole = {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    found = {name: value for name, value in whole.items() if value is not None}
    return found if any(value != NULL for value in found.values()) else None
