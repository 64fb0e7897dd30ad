"""Restores records that were flattened by singer-sdk.

Flattening turns the `id` in `company` into `company__id`, or uses another `flattening_separator`,
and writes objects and lists below its maximum depth as JSON text. If the shape of a stream is
known, both can be undone, unless the separator is `_`, which names may contain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from singer_delivery.values import NULL, as_object, encode, object_in_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from singer_delivery.values import Record

SEPARATOR = "__"
"""singer-sdk's default `flattening_separator`, between the names of an object and its field."""


class Unflatten:
    """Restores the records of one stream.

    Args:
        columns: For each flattened name, the name of the object and of the field in it.
        wholes: For the name of an object that is not flattened, or is JSON text, its original
            name.
    """

    def __init__(self, columns: Mapping[str, tuple[str, ...]], wholes: Mapping[str, str]) -> None:
        self._columns = columns
        self._wholes = wholes

    def __bool__(self) -> bool:
        """Whether there is anything to restore."""
        return bool(self._columns or self._wholes)

    def __call__(self, record: Record) -> Record:
        """Return the record as it was before it was flattened."""
        objects: dict[str, Any] = {}
        whole: Record = {}
        for name, raw in record.items():
            if (path := self._columns.get(name)) is not None:
                _put(objects, path, object_in_text(raw))
            elif (given := self._wholes.get(name)) is not None:
                whole[given] = object_in_text(raw)
            else:
                whole[name] = raw
        for name, fields in objects.items():
            if (restored := _without_empty(fields)) is not None:
                there = as_object(whole[name]) if name in whole else None
                whole[name] = msgspec.Raw(encode({**(there or {}), **restored}))
        return whole


def unflatten(
    schema: Mapping[str, Any], names: Collection[str], objects: Collection[str]
) -> Unflatten:
    """Return what restores the records of a stream.

    Args:
        schema: The schema of the stream.
        names: The field names of its records.
        objects: The names of objects.
    """
    known = {name.lower(): name for name in objects}
    flattened = re.compile(
        rf"({'|'.join(map(re.escape, known))})({SEPARATOR}|[^\w]+)(.+)", re.IGNORECASE | re.DOTALL
    )
    columns: dict[str, tuple[str, ...]] = {}
    wholes: dict[str, str] = {}
    declared = schema.get("properties")
    properties = declared if isinstance(declared, dict) else {}
    there = {name.lower() for name in names} & known.keys()
    for name in names if known else ():
        if (own := known.get(name.lower())) is not None:
            is_another = name != own and own not in names  # differs in letter case only
            if is_another or _may_be_text(properties.get(name)):
                wholes[name] = own if is_another else name
        elif match := flattened.fullmatch(name):
            head, separator, rest = match.groups()
            if separator != SEPARATOR and head.lower() in there:
                continue  # the object is not flattened, so this is another field
            parts = re.split(f"{re.escape(separator)}(?=.)", rest, flags=re.DOTALL)
            columns[name] = (known[head.lower()], *parts)
    return Unflatten(columns, wholes)


def is_flattened_by_underscore(names: Collection[str], objects: Collection[str]) -> bool:
    """Return whether fields look flattened with the separator `_`."""
    lower = {name.lower() for name in names}
    heads = {head for head in map(str.lower, objects) if head not in lower}
    found = {
        head for head in heads if any(re.match(f"{re.escape(head)}_[^_]", name) for name in lower)
    }
    return len(found) > 1


def _may_be_text(schema: object) -> bool:
    """Return whether a value may be a string, by its schema."""
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
    """Remove objects that contain only nulls, which flattening writes for a missing object."""
    whole = {
        name: _without_empty(value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    found = {name: value for name, value in whole.items() if value is not None}
    return found if any(value != NULL for value in found.values()) else None
