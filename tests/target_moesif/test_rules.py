from __future__ import annotations

from typing import Any

import pytest

from target_moesif.rules import keys_of_several_types


def several(**properties: Any) -> list[str]:
    return [*keys_of_several_types({"properties": properties})]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": ["string", "null"]},
        {"type": ["integer", "number", "null"]},
        {"anyOf": [{"type": "integer"}, {"type": ["null", "number"]}]},
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": ["string", "null"]}]},
        {"anyOf": None, "properties": []},
        True,
    ],
)
def test_a_key_of_one_type_is_no_trouble(schema: Any) -> None:
    assert several(key=schema) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "integer"]},
        {"type": ["string", "object", "null"]},
        {"type": ["boolean", "null", "number"]},
        {"anyOf": [{"type": "string"}, {"type": "array"}]},
        {"type": "string", "oneOf": [{"anyOf": [{"type": "number"}]}]},
    ],
)
def test_a_key_of_several_types_is_named(schema: Any) -> None:
    assert several(first={"type": "string"}, key=schema) == ["key"]


def test_a_key_of_several_types_is_found_at_any_depth() -> None:
    inner = {"type": ["object", "null"], "properties": {"zip": {"type": ["string", "integer"]}}}
    assert several(address=inner) == ["address.zip"]
    assert several(address={"anyOf": [inner, {"type": "null"}]}) == ["address.zip"]


def test_a_schema_without_properties_names_nothing() -> None:
    assert [*keys_of_several_types({})] == []
