from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import singer_delivery


def test_each_name_is_exported_by_its_module() -> None:
    assert sorted(singer_delivery.__all__) == singer_delivery.__all__
    assert {*singer_delivery.__all__} == {*singer_delivery._MODULE_OF}
    for name in singer_delivery.__all__:
        module = import_module(f"singer_delivery.{singer_delivery._MODULE_OF[name]}")
        assert getattr(singer_delivery, name) is getattr(module, name)


def test_another_name_is_none_of_them() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sender'"):
        singer_delivery.Sender  # noqa: B018


def test_what_is_known_of_http_needs_nothing_of_the_rest() -> None:
    """As a tap imports it."""
    code = "import sys, singer_delivery.http; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    ours = {name for name in ended.stdout.split() if name.startswith("singer_delivery")}
    assert "singer_delivery.http.waits" in ours
    assert all(name.startswith("singer_delivery.http") for name in ours - {"singer_delivery"})
    assert not {"singer_sdk", "msgspec", "isal"} & {*ended.stdout.split()}
