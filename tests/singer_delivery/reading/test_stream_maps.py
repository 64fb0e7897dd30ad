"""What is said of a stream map that is wrong, or that fails on a record."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from jsonschema import Draft7Validator
from singer_sdk.mapper import PluginMapper

from singer_delivery.reading.stream_maps import failed_field, fix_schema, stream_map_error
from target_webhook import TargetWebhook

SCHEMA: dict[str, Any] = {"properties": {"id": {}, "name": {}}}


def mapper(stream_map: dict[str, Any], **settings: Any) -> PluginMapper:
    config = {"stream_maps": {"s": stream_map}, **settings}
    return PluginMapper(plugin_config=config, logger=logging.getLogger("maps"))


def registered(stream_map: dict[str, Any], schema: dict[str, Any] | None = None) -> Exception:
    """Give the error of a stream whose map cannot be applied to its schema."""
    options = {"flattening_enabled": True, "flattening_max_depth": 2}
    with pytest.raises(Exception) as caught:  # noqa: PT011, singer-sdk's own or its parts'
        mapper(stream_map, **options).register_raw_stream_schema("s", schema or SCHEMA, ["id"])
    return caught.value


@pytest.mark.parametrize(
    ("field", "stream_map", "kind"),
    [
        ("name", {"name": "int(name)"}, "ValueError"),
        ("__filter__", {"__filter__": "int(name)"}, "ValueError"),
        ("new", {"new": "nothing"}, "NameNotDefined"),
    ],
)
def test_the_field_of_a_failed_stream_map_is_found(
    field: str, stream_map: dict[str, str], kind: str
) -> None:
    maps = mapper(stream_map)
    maps.register_raw_stream_schema("s", SCHEMA, [])
    with pytest.raises(Exception) as caught:  # noqa: PT011, singer-sdk's own or the expression's
        maps.stream_maps["s"][0].transform({"name": "no number"})
    assert failed_field(caught.value) == (field, kind)


@pytest.mark.parametrize(
    ("stream_map", "what"),
    [
        ({"new": "'my salt' +"}, "new is not a valid expression (SyntaxError)."),
        ({"__filter__": "id ="}, "__filter__ is not a valid expression (SyntaxError)."),
        ({"__alias__": "1 / 0"}, "__alias__ is not a valid expression (ZeroDivisionError)."),
        ({"id": None}, "Removing key property 'id' is not permitted"),
        ({"__key_properties__": ["nr"]}, "Property 'nr' was not detected in schema."),
    ],
)
def test_what_is_wrong_with_a_stream_map_is_said_without_its_values(
    stream_map: dict[str, Any], what: str
) -> None:
    said = stream_map_error(registered(stream_map))
    assert said is not None
    assert what in said
    assert "salt" not in said


def test_what_is_wrong_with_a_schema_is_not_said_of_the_stream_map() -> None:
    assert stream_map_error(registered({"new": "1"}, {"properties": {"id": {"type": 5}}})) is None


def test_the_schema_of_stream_maps_can_be_used() -> None:
    schema: dict[str, Any] = {"properties": {}}
    TargetWebhook.append_builtin_config(schema)
    valid = Draft7Validator(schema).is_valid
    assert valid({"stream_maps": {"s": {"id": "id", "__else__": None}, "__else__": "__NULL__"}})
    assert not valid({"stream_maps": {"s": {"__else__": "id"}}})
    bare: dict[str, Any] = {"properties": {}}
    fix_schema(bare)
    assert bare == {"properties": {}}
