"""What a field of a record is, and its JSON schema.

A field's kind says both what the catalog promises and how a raw value becomes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a field holds."""

    ID = "a non-empty string; a number is written as one"
    REFERENCE = "the id of another document, written in the same way"
    STRING = "a string"
    TIME = "UTC, ISO 8601 with milliseconds and Z"
    INTEGER = "a whole number of 64 bits"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    ANY = "whatever it is, untouched"
    FREE = "an object of the account's own, untouched"
    LIST = "a list, untouched"
    OBJECT = "an object with fields of its own, under one name in the document"
    OBJECTS = "a list of such objects"
    GROUP = "an object made of fields that stand beside each other in the document"
    REST = "an object of everything in the document that has no place of its own"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record.

    Attributes:
        name: In the record.
        kind: What it holds.
        description: What it means.
        raw: Its names in a document, the first choice first.
        fields: The fields inside, of an object.
        open: Whether an object keeps what is not among `fields`.
        shared: Whether many documents hold the same object, which is made into a record once.
        automatic: Whether it is emitted whatever is selected, as those who route a record by its
            stream's mark need it.
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
    """Write fields as a JSON schema."""
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
