from __future__ import annotations

from typing import Any

import pytest
from singer_sdk import typing as th

from singer_delivery.settings import DeliverySettings, delivery_settings, setting_errors

SCHEMA = th.PropertiesList(
    th.Property("key", th.StringType(min_length=1), required=True, secret=True),
    *delivery_settings(rows=100, size=10_000),
).to_dict()


def errors(**config: Any) -> list[str]:
    return setting_errors(SCHEMA, config, "TARGET_X_")


def test_defaults_are_filled_in() -> None:
    config: dict[str, Any] = {"key": "k"}
    assert setting_errors(SCHEMA, config, "TARGET_X_") == []
    settings = DeliverySettings.of(config)
    assert (settings.batch_size_rows, settings.batch_max_bytes, settings.lanes) == (100, 10_000, 8)
    assert settings.max_requests_per_second is None


def test_a_missing_setting_is_named_with_its_variable() -> None:
    assert errors() == ["Setting key is missing: set it, or TARGET_X_KEY."]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("key", 12345),
        ("key", ""),
        ("key", ["12345"]),
        ("lanes", 0),
        ("lanes", "12345"),
        ("batch_size_rows", 101),
        ("batch_max_bytes", 12345),
        ("batch_wait_limit_seconds", 0),
        ("compression", "12345"),
        ("max_rejects", -2),
        ("retry_max_seconds", -12345),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(setting: str, value: object) -> None:
    [error] = errors(**{"key": "k", setting: value})
    assert error.startswith(f"Setting {setting}: ")
    assert "12345" not in error


def test_every_setting_says_what_it_does() -> None:
    for declared in SCHEMA["properties"].values():
        assert declared.get("title") or declared.get("secret")
    for setting in delivery_settings(rows=1, size=1000):
        assert setting.title
        assert setting.description
