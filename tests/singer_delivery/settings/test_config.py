from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk import typing as th

from singer_delivery.config import environment_config, typed_config
from singer_delivery.routing import streams_setting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = th.PropertiesList(
    th.Property("key", th.StringType(min_length=1), required=True, secret=True),
    th.Property("region", th.StringType(), allowed_values=["us", "eu"], default="us"),
    th.Property("address", th.StringType(), default="0.0.0.0"),
    th.Property("lanes", th.IntegerType(minimum=1), default=8),
    th.Property("seconds", th.NumberType(minimum=0), default=600),
    th.Property("verify", th.BooleanType(), default=True),
    th.Property("streams", th.ObjectType(additional_properties=True)),
    th.Property("names", th.ArrayType(th.StringType())),
).to_dict()

ROUTES = th.PropertiesList(streams_setting(["x"], {})).to_dict()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seconds", "0.5", 0.5),
        ("seconds", " 30 ", 30),
        ("seconds", "1e3", 1000),
        ("lanes", "4", 4),
        ("lanes", "4.0", 4),
        ("verify", "true", True),
        ("verify", "TRUE", True),
        ("verify", "1", True),
        ("verify", "no", False),
        ("verify", "off", False),
        ("streams", '{"orders": {"call": "ignore"}}', {"orders": {"call": "ignore"}}),
        ("names", '["a", "b"]', ["a", "b"]),
        ("key", "123", "123"),
        ("region", "true", "true"),
        ("address", "", ""),
    ],
)
def test_a_text_becomes_what_the_setting_is(name: str, text: str, value: object) -> None:
    typed = typed_config({name: text}, SCHEMA)
    assert typed == {name: value}
    assert type(typed[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seconds", "soon"),
        ("seconds", "nan"),
        ("seconds", "inf"),
        ("seconds", "1e999"),
        ("seconds", "1_000"),
        ("lanes", "0x10"),
        ("verify", "maybe"),
        ("streams", "{"),
        ("streams", "orders: {}"),
    ],
)
def test_a_text_that_is_none_is_left_for_the_validation_to_name(name: str, text: str) -> None:
    assert typed_config({name: text}, SCHEMA) == {name: text}


@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize(
    "name", ["key", "region", "lanes", "seconds", "verify", "streams", "names", "unknown"]
)
def test_what_is_empty_is_not_set(name: str, empty: object) -> None:
    assert typed_config({name: empty}, SCHEMA) == {}


def test_a_setting_that_may_be_empty_may_be_null() -> None:
    assert typed_config({"address": None}, SCHEMA) == {"address": None}


@pytest.mark.parametrize("value", [0, False, 0.5, [], {}, {"a": ""}])
def test_what_is_no_text_stays_as_it_is(value: object) -> None:
    assert typed_config({"streams": value}, SCHEMA) == {"streams": value}


def test_the_environment_is_read_by_prefix_and_without_what_is_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables: dict[str, Any] = {"SECONDS": "0.5", "LANES": "", "VERIFY": "  ", "OTHER": "x"}
    for name, text in variables.items():
        monkeypatch.setenv(f"TARGET_TEST_{name}", text)
    monkeypatch.setenv("TARGET_OTHER_REGION", "eu")
    assert environment_config(SCHEMA, "TARGET_TEST_") == {"seconds": "0.5"}


def test_a_file_of_variables_is_read_from_this_folder_or_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TARGET_TEST_SECONDS=0.5\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.delenv("TARGET_TEST_SECONDS", raising=False)
    assert environment_config(SCHEMA, "TARGET_TEST_") == {"seconds": "0.5"}
    monkeypatch.delenv("TARGET_TEST_SECONDS")


@pytest.mark.parametrize(
    ("flat", "value"),
    [
        ({"*-*.as": "x"}, {"*-*": {"as": "x"}}),
        (
            {"db.users.call": "x", "db.users.user_id": "y"},
            {"db.users": {"call": "x", "user_id": "y"}},
        ),
        ({"crm.event.literal": "x"}, {"crm": {"event": {"literal": "x"}}}),
        ({"crm.context.page.url": "x"}, {"crm": {"context": {"page.url": "x"}}}),
        ({"crm.traits": ["a", "b"]}, {"crm": {"traits": ["a", "b"]}}),
        ({"crm": {"call": "x"}, "crm.traits": "*"}, {"crm": {"call": "x", "traits": "*"}}),
        ({"crm.call": "x", "crm": {"traits": "*"}}, {"crm": {"call": "x", "traits": "*"}}),
        ({"a.b": {"call": "x"}}, {"a.b": {"call": "x"}}),
        ({"crm.orders.event.call": "x"}, {"crm.orders.event": {"call": "x"}}),
        ({r"crm\.orders.call": "x"}, {"crm.orders": {"call": "x"}}),
        ({"crm.nonsense": "x"}, {"crm.nonsense": "x"}),
        ({"call": "x"}, {"call": "x"}),
        ({"crm": "x", "crm.call": "y"}, {"crm": {"call": "y"}}),
        ({"crm.event": "x", "crm.event.literal": "y"}, {"crm": {"event": "x"}}),
    ],
)
def test_routes_that_meltano_writes_flat_are_put_together(
    flat: dict[str, Any], value: dict[str, Any]
) -> None:
    assert typed_config({"streams": flat}, ROUTES) == {"streams": value}


@pytest.mark.parametrize(
    ("nested", "value"),
    [
        ({"crm": {"orders": {"call": "x"}}}, {"crm.orders": {"call": "x"}}),
        ({"a": {"b": {"c-*": {"as": "x"}}}}, {"a.b.c-*": {"as": "x"}}),
        (
            {"crm": {"orders": {"call": "x"}, "call": "x", "exclude": ["a.b"]}},
            {"crm.orders": {"call": "x"}, "crm": {"call": "x", "exclude": ["a.b"]}},
        ),
        ({"crm": {"event": {"call": "x"}}}, {"crm.event": {"call": "x"}}),
        ({"crm": {"event": {"literal": "x.y"}}}, {"crm": {"event": {"literal": "x.y"}}}),
        ({"crm": {"context": {"page": {"url": "x"}}}}, {"crm": {"context": {"page.url": "x"}}}),
        (
            {"crm": {"rename": {"a": {"b": "c"}, "d": "e"}}},
            {"crm": {"rename": {"a.b": "c", "d": "e"}}},
        ),
        ({"crm": {"user_id": "a.b"}}, {"crm": {"user_id": "a.b"}}),
        ({"crm": {}}, {"crm": {}}),
        # Left for the validation to name.
        ({"crm": {"user_id": {"a": "x"}}}, {"crm": {"user_id": {"a": "x"}}}),
        ({"crm": {"contxt": {"ip": "x"}}}, {"crm": {"contxt": {"ip": "x"}}}),
        (
            {"crm": {"orders": {"usr_id": "x", "call": "x"}}},
            {"crm.orders": {"usr_id": "x", "call": "x"}},
        ),
    ],
)
def test_routes_that_meltano_nests_by_the_dots_of_their_names_are_understood(
    nested: dict[str, Any], value: dict[str, Any]
) -> None:
    assert typed_config({"streams": nested}, ROUTES) == {"streams": value}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({"users": {"a": "b", "c": None}}, {"users": {"a": "b", "c": None}}),
        ({"users": {"a.b": "c"}}, {"users": {"a.b": "c"}}),
        ({"users.a": "b", "users.c": "__NULL__"}, {"users": {"a": "b", "c": "__NULL__"}}),
        ({"users.__alias__": "x"}, {"users": {"__alias__": "x"}}),
        ({"a.b.__key_properties__": ["id"]}, {"a.b": {"__key_properties__": ["id"]}}),
        ({"a": {"b": {"c": "d"}, "e": "f"}}, {"a.b": {"c": "d"}, "a": {"e": "f"}}),
        ({r"a\.b": {"c": "d"}, r"e\.f.g": "h"}, {"a.b": {"c": "d"}, "e.f": {"g": "h"}}),
        ({"users": None, "__else__": "__NULL__"}, {"users": None, "__else__": "__NULL__"}),
        ({"a.b": None, "users": {}}, {"a.b": None, "users": {}}),
    ],
)
def test_stream_maps_are_understood_as_meltano_writes_them(
    written: dict[str, Any], value: dict[str, Any]
) -> None:
    assert typed_config({"stream_maps": written}, SCHEMA) == {"stream_maps": value}


NAMES = st.lists(st.sampled_from(["crm", "orders-*", "web[1]", "größe"]), min_size=1, max_size=3)


@given(
    st.dictionaries(
        NAMES.map(".".join),
        st.sampled_from(
            [
                {"call": "x", "user_id": "a.b"},
                {"as": "segment.calls", "context": {"page.url": "u", "ip": "i"}},
                {
                    "call": "x",
                    "event": {"literal": "a.b"},
                    "rename": {"a.b": "c"},
                    "traits": ["d.e"],
                },
            ]
        ),
        max_size=4,
    )
)
def test_routes_are_the_same_as_they_are_nested_and_as_they_are_flat(
    streams: dict[str, Any],
) -> None:
    flat = {".".join(path): leaf for path, leaf in leaves(streams)}
    nested: dict[str, Any] = {}
    for name, leaf in flat.items():
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = leaf
    for written in (streams, flat, nested):
        assert typed_config({"streams": written}, ROUTES) == {"streams": streams}


def leaves(value: dict[str, Any], *before: str) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, each in value.items():
        if isinstance(each, dict):
            yield from leaves(each, *before, name)
        else:
            yield (*before, name), each
