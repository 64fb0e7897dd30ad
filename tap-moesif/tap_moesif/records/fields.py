"""Declarations of a record's fields, and their JSON schema.

A field's kind determines both its schema and how a raw value is converted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """The type of a field."""

    ID = "a non-empty string; numbers are converted"
    REFERENCE = "the id of another document; numbers are converted"
    STRING = "a string"
    TIME = "UTC, ISO 8601 with milliseconds and Z"
    INTEGER = "a 64-bit integer"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    ANY = "any JSON value, unchanged"
    FREE = "a free-form object, unchanged"
    LIST = "a list, unchanged"
    OBJECT = "an object with declared fields"
    OBJECTS = "a list of objects with declared fields"
    GROUP = "an object made of top-level fields of the document"
    REST = "an object of all fields of the document that are not declared"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record.

    Attributes:
        name: Name in the record.
        kind: Type.
        description: Description, for the catalog.
        raw: Names in a document, in order of preference.
        fields: Fields of an object.
        open: Whether an object keeps fields that are not declared.
        shared: Whether many documents contain the same object; it is then converted once.
        automatic: Whether it is emitted regardless of the selection, because targets need it.
    """

    name: str
    kind: Kind
    description: str
    raw: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    open: bool = False
    shared: bool = False
    automatic: bool = False


_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.ID: {"type": ["string"]},
    Kind.REFERENCE: {"type": ["string", "null"]},
    Kind.STRING: {"type": ["string", "null"]},
    Kind.TIME: {"type": ["string", "null"], "format": "date-time"},
    Kind.INTEGER: {"type": ["integer", "null"]},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.BOOLEAN: {"type": ["boolean", "null"]},
    Kind.ANY: {"type": ["object", "array", "string", "number", "boolean", "null"]},
    Kind.LIST: {"type": ["array", "null"], "items": {}},
    Kind.FREE: {"type": ["object", "null"], "additionalProperties": True},
    Kind.REST: {"type": ["object", "null"], "additionalProperties": True},
}


def json_schema(fields: tuple[Field, ...], *, additional: bool = False) -> dict[str, Any]:
    """Return the JSON schema of an object with these fields."""
    return {
        "type": ["object", "null"],
        "properties": {field.name: _property(field) for field in fields},
        "additionalProperties": additional,
    }


def _property(field: Field) -> dict[str, Any]:
    if field.fields:
        schema = json_schema(field.fields, additional=field.open)
    else:
        schema = _TYPES[field.kind]
    if field.kind is Kind.OBJECTS:
        schema = {"type": ["array", "null"], "items": schema}
    return {**schema, "description": field.description}
