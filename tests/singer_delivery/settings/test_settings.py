from __future__ import annotations

from typing import Any

import pytest
from singer_sdk import typing as th

from singer_delivery.routing.calls import SEGMENT_CALLS
from singer_delivery.routing.settings import streams_setting
from singer_delivery.settings import DeliverySettings, Feature, delivery_settings, setting_errors

FEATURES: tuple[Feature, ...] = ("changed_only", "compression", "null_traits")
SCHEMA = th.PropertiesList(
    th.Property("key", th.StringType(min_length=1), required=True, secret=True),
    *delivery_settings(rows=100, size=10_000, features=FEATURES),
).to_dict()


def errors(**config: Any) -> list[str]:
    return setting_errors(SCHEMA, config, "TARGET_X_")


def test_defaults_are_filled_in() -> None:
    config: dict[str, Any] = {"key": "k"}
    assert setting_errors(SCHEMA, config, "TARGET_X_") == []
    settings = DeliverySettings.of(config, SCHEMA)
    assert (settings.batch_size_rows, settings.batch_max_bytes, settings.lanes) == (100, 10_000, 8)
    assert settings.max_requests_per_second is None


CHANGED_ONLY = {"changed_only", "fingerprints_path", "fingerprints_lease", "full_refresh"}


@pytest.mark.parametrize(
    ("feature", "names"),
    [
        ("changed_only", CHANGED_ONLY),
        ("compression", {"compression"}),
        ("null_traits", {"null_traits"}),
    ],
)
def test_a_feature_brings_its_settings(feature: Feature, names: set[str]) -> None:
    def declared(*features: Feature) -> set[str]:
        return {each.name for each in delivery_settings(rows=1, size=1000, features=features)}

    assert declared(feature) - declared() == names
    assert declared(*FEATURES) - declared(*({*FEATURES} - {feature})) == names


def test_a_setting_of_a_feature_that_is_not_offered_has_no_effect() -> None:
    schema = th.PropertiesList(*delivery_settings(rows=100, size=10_000)).to_dict()
    config = {"changed_only": True, "compression": "gzip", "fingerprints_path": "f"}
    assert setting_errors(schema, config, "TARGET_X_") == []
    settings = DeliverySettings.of(config, schema)
    assert (settings.changed_only, settings.compression) == (None, None)
    assert settings.batch_size_rows == 100


def test_a_missing_setting_is_named_with_its_variable() -> None:
    assert errors() == ["Setting key is missing: set it, or TARGET_X_KEY."]


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("key", 12345, "be text."),
        ("key", ["12345"], "be text."),
        ("key", "", "not be empty."),
        ("lanes", "12345", "be a whole number."),
        ("lanes", 0, "be at least 1."),
        ("lanes", 65, "be at most 64."),
        ("batch_size_rows", 101, "be at most 100."),
        ("batch_max_bytes", 12345, "be at most 10000."),
        ("max_rejects", -2, "be at least -1."),
        ("retry_max_seconds", -12345, "be at least 0."),
        ("dry_run", "perhaps", "be true or false."),
        ("batch_wait_limit_seconds", 0, "be greater than 0."),
        ("compression", "gzp", "be one of gzip, none; did you mean 'gzip'?"),
        ("compression", "12345", "be one of gzip, none."),
    ],
)
def test_a_wrong_setting_says_what_it_must_be_and_not_its_value(
    setting: str, value: object, rule: str
) -> None:
    assert errors(**{"key": "k", setting: value}) == [f"Setting {setting}: its value must {rule}"]


def test_each_of_several_missing_settings_is_named_once() -> None:
    names = ("first", "second")
    schema = th.PropertiesList(
        *(th.Property(name, th.StringType, required=True) for name in names)
    ).to_dict()
    assert setting_errors(schema, {}, "X_") == [
        f"Setting {name} is missing: set it, or X_{name.upper()}." for name in names
    ]


def test_a_rule_without_words_of_its_own_is_named() -> None:
    schema = {"properties": {"list": {"type": "array", "uniqueItems": True}}}
    [error] = setting_errors(schema, {"list": [1, 1]}, "X_")
    assert error == "Setting list: its value must satisfy 'uniqueItems'."


def test_every_setting_says_what_it_does() -> None:
    for declared in SCHEMA["properties"].values():
        assert declared.get("title") or declared.get("secret")
    for setting in delivery_settings(rows=1, size=1000, features=FEATURES):
        assert setting.title
        assert setting.description


ROUTED = th.PropertiesList(streams_setting(SEGMENT_CALLS, ("acme.people",))).to_dict()


@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        (
            {"call": "idenfity"},
            "streams.orders.call: its value must be one of identify, group, track, page,",
        ),
        ({"as": "acme.peple"}, "streams.orders.as: its value must be one of acme.people, segment."),
        ({"call": "track", "without_id": "drop"}, "streams.orders.without_id"),
        (
            {"call": "track", "usr_id": "id"},
            "streams.orders.usr_id: there is no such setting; did you mean 'user_id'?",
        ),
        ({"call": "track", "event": {"litera": "E"}}, "streams.orders.event"),
        ({"call": "track", "user_id": {"literal": "u"}}, "streams.orders.user_id"),
        ({"call": "track", "properties": "all"}, "streams.orders.properties"),
        ({"call": "track", "exclude": [5]}, "streams.orders.exclude.0"),
        (
            {"call": "track", "traits": ["a"]},
            "streams.orders.traits: it has no effect for call track",
        ),
        (
            {"call": "ignore", "user_id": "id"},
            "streams.orders.user_id: it has no effect for call ignore",
        ),
        ("track", "streams.orders"),
    ],
)
def test_a_wrong_route_is_named_with_its_path(route: Any, sentence: str) -> None:
    found = setting_errors(ROUTED, {"streams": {"orders": route}}, "TARGET_X_")
    assert any(error.startswith(f"Setting {sentence.rstrip('.')}") for error in found), found


@pytest.mark.parametrize(
    "route",
    [
        {"call": "ignore"},
        {"as": "acme.people"},
        {"as": "segment.warehouse", "exclude": ["secret"]},
        {"exclude": ["secret"]},
        {"call": "track", "without_id": "skip"},
        {"call": "identify", "user_id": "id", "traits": "*"},
        {"call": "track", "event": {"literal": "E"}, "properties": ["a.b"], "rename": {"a": "b"}},
        {"call": "page", "name": "title", "category": {"literal": "Docs"}, "group_id": "org"},
        {"call": "alias", "user_id": "new", "previous_id": "old"},
        {"call": "identify", "context": {"ip": "addr"}},
    ],
)
def test_a_right_route_is_taken(route: dict[str, Any]) -> None:
    assert setting_errors(ROUTED, {"streams": {"*": route}}, "TARGET_X_") == []


def test_the_nearest_right_call_is_named() -> None:
    [error] = setting_errors(ROUTED, {"streams": {"orders": {"call": "idenfity"}}}, "TARGET_X_")
    assert error.endswith("did you mean 'identify'?")
