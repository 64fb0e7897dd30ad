from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_delivery.errors import RecordRejected
from singer_delivery.routing import paths


def raw(record: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(record), type=dict[str, msgspec.Raw])


def plain(record: dict[str, msgspec.Raw]) -> Any:
    return json.loads(msgspec.json.encode(record))


@pytest.mark.parametrize(
    ("path", "value", "left"),
    [
        ("a", 1, {"b": {"c": 2, "d": {"e": None}}, "x.y": 3}),
        ("b.c", 2, {"a": 1, "b": {"d": {"e": None}}, "x.y": 3}),
        ("b.d.e", None, {"a": 1, "b": {"c": 2}, "x.y": 3}),
        ("x.y", 3, {"a": 1, "b": {"c": 2, "d": {"e": None}}}),
    ],
)
def test_a_value_is_taken_and_the_rest_stays(path: str, value: object, left: Any) -> None:
    record = raw({"a": 1, "b": {"c": 2, "d": {"e": None}}, "x.y": 3})
    seen, taken = paths.get(record, path), paths.pop(record, path)
    assert seen == taken
    assert taken is not None
    assert json.loads(bytes(taken)) == value
    assert plain(record) == left


@pytest.mark.parametrize("path", ["z", "a.b", "b.z", "b.c.d", ".", "", "b.", "x"])
def test_where_there_is_nothing_nothing_is_taken(path: str) -> None:
    record = {"a": 1, "b": {"c": 2}, "x.y": 3}
    encoded = raw(record)
    assert paths.get(encoded, path) is None
    assert paths.pop(encoded, path) is None
    assert plain(encoded) == record


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=4), st.integers())
def test_what_is_put_is_found_there(steps: list[str], value: int) -> None:
    record = raw({"other": 1})
    path = ".".join(steps)
    paths.put(record, path, msgspec.Raw(str(value).encode()))
    assert paths.get(record, path) == msgspec.Raw(str(value).encode())
    paths.pop(record, path)
    assert plain(record) == {"other": 1}


def test_what_is_no_object_is_not_written_over() -> None:
    with pytest.raises(RecordRejected, match="not an object"):
        paths.put(raw({"company": "Acme"}), "company.id", msgspec.Raw(b"1"))


@pytest.mark.parametrize(
    ("path", "declared"),
    [("a", True), ("b.c", True), ("free.any.thing", True), ("z", False), ("b.z", False)],
)
def test_a_path_is_declared_or_may_be_in_an_open_object(path: str, declared: bool) -> None:
    schema = {"properties": {"a": {}, "b": {"properties": {"c": {}}}, "free": {"type": "object"}}}
    assert paths.is_declared(schema, path) is declared
