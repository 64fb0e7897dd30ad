"""Settings: what is wrong with them, and where they come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from moesif_api import KEY
from tap_moesif import TapMoesif

if TYPE_CHECKING:
    from pathlib import Path

HERE = {"management_api_key": KEY, "api_url": "http://127.0.0.1:1"}
PREFIX = "TAP_MOESIF_"


def errors(config: dict[str, Any], *, env: bool = False) -> list[str]:
    """Give the sentences for what is wrong."""
    with pytest.raises(ConfigValidationError) as wrong:
        TapMoesif(config=config, parse_env_config=env)
    return [*wrong.value.errors]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"management_api_key": None}, "management_api_key is missing: set it, or TAP_MOESIF_"),
        ({"management_api_key": ""}, "management_api_key is missing: set it, or TAP_MOESIF_"),
        ({"management_api_key": [KEY]}, "management_api_key: its value is not of type 'string'."),
        ({"management_api_key": {"k": KEY}}, "management_api_key: its value is not of type"),
        ({"management_api_key": f"{KEY}\n"}, "management_api_key: it contains a space"),
        ({"management_api_key": f"{KEY} ключ"}, "management_api_key: it contains a space"),
        ({"page_size": "many"}, "page_size: its value is not of type 'integer'."),
        ({"page_size": 0}, "page_size: its value is less than the minimum of 1."),
        ({"page_size": 10_001}, "page_size: its value is greater than the maximum of 10000."),
        ({"page_size": 1.5}, "page_size: its value is not of type 'integer'."),
        ({"max_page_size": 10_001}, "max_page_size: its value is greater"),
        ({"parallel_requests": 0}, "parallel_requests: its value is less"),
        ({"requests_per_minute": 0}, "requests_per_minute: its value is less"),
        ({"lookback_minutes": -1}, "lookback_minutes: its value is less"),
        ({"api_url": "https://a b"}, "api_url: it is not an address; write https://host"),
        (
            {"api_url": "ftp://me:s3cret@host"},
            "api_url: it is not an address; write https://host",
        ),
        ({"api_url": "http://me:s3cret@host"}, "api_url: it is plain http to another machine"),
        ({"users_path": "search"}, "users_path: its value does not match"),
        ({"usage_rollup": "no"}, "usage_rollup: its value is not of type 'boolean'."),
        ({"start_date": "yesterday"}, "start_date: not a date; use a form such as 2026-01-31."),
        ({"end_date": "2026-02-30"}, "end_date: not a date; use a form such as 2026-01-31."),
        (
            {"start_date": "2026-01-02T01:00:00+01:00", "end_date": "2026-01-02"},
            "end_date: must be after start_date.",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(settings: dict[str, Any], told: str) -> None:
    [error] = errors({**HERE, **settings})

    assert error.startswith(f"Setting {told}")
    assert KEY not in error
    assert "s3cret" not in error


def test_every_wrong_setting_is_told() -> None:
    assert len(errors({**HERE, "page_size": 0, "lanes": 1, "usage_rollup": "yes"})) == 2


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_setting_that_is_empty_is_one_that_is_not_set(nothing: str | None) -> None:
    names = ("app_id", "start_date", "end_date", "page_size", "api_url", "event_type")

    config = TapMoesif(config={**HERE, **dict.fromkeys(names, nothing)}).config

    assert config["page_size"] == 1_000
    assert config["api_url"] == "https://api.moesif.com/v1"
    assert not {"app_id", "start_date", "end_date", "event_type"} & config.keys()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PAGE_SIZE", "5", 5),
        ("PAGE_SIZE", " 5 ", 5),
        ("PAGE_SIZE", "5.0", 5),
        ("USAGE_ROLLUP", "false", False),
        ("USAGE_ROLLUP", "No", False),
        ("USAGE_ROLLUP", "1", True),
        ("APP_ID", "198", "198"),
        ("START_DATE", "2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("STREAM_MAPS", '{"users": null}', {"users": None}),
        *((name, "", None) for name in ("APP_ID", "STREAM_MAPS", "START_DATE")),
        *((name, "  ", None) for name in ("APP_ID", "STREAM_MAPS", "START_DATE")),
        ("PAGE_SIZE", "", 1_000),
        ("USAGE_ROLLUP", "", True),
        ("API_URL", "", "https://api.moesif.com/v1"),
    ],
)
def test_a_setting_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(f"{PREFIX}MANAGEMENT_API_KEY", KEY)
    monkeypatch.setenv(f"{PREFIX}{name}", text)

    config = TapMoesif(parse_env_config=True).config

    assert config.get(name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("PAGE_SIZE", "many", "page_size: its value is not of type 'integer'."),
        ("PAGE_SIZE", "1,5", "page_size: its value is not of type 'integer'."),
        ("USAGE_ROLLUP", "maybe", "usage_rollup: its value is not of type 'boolean'."),
        ("STREAM_MAPS", "{", "stream_maps: its value is not of type 'object'."),
        ("MANAGEMENT_API_KEY", "", "management_api_key is missing"),
    ],
)
def test_a_variable_that_cannot_be_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, told: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}MANAGEMENT_API_KEY", KEY)
    monkeypatch.setenv(f"{PREFIX}{name}", text)

    [error] = errors({}, env=True)

    assert error.startswith(f"Setting {told}")


def test_stream_maps_are_read_from_the_environment_as_meltano_writes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maps = {"users.email": "md5(email)", "users.__alias__": "people"}
    monkeypatch.setenv(f"{PREFIX}STREAM_MAPS", json.dumps(maps))
    tap = TapMoesif(config=HERE, parse_env_config=True)
    assert tap.config["stream_maps"] == {"users": {"email": "md5(email)", "__alias__": "people"}}


def test_a_file_above_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}APP_ID", "to be put back")  # whatever the file sets
    monkeypatch.delenv(f"{PREFIX}APP_ID")
    monkeypatch.setenv(f"{PREFIX}MANAGEMENT_API_KEY", KEY)
    (tmp_path / ".env").write_text(f"{PREFIX}APP_ID=198\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    assert TapMoesif(parse_env_config=True).config["app_id"] == "198"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("api.moesif.com/v1/", "api.moesif.com"),
        (" https://api.moesif.com ", "api.moesif.com"),
        ("https://me:s3cret@proxy.example:8443/v1", "proxy.example:8443"),
    ],
)
def test_an_address_is_taken_in_each_form_and_shown_without_a_password(
    address: str, host: str
) -> None:
    tap = TapMoesif(config={**HERE, "api_url": address})

    assert tap.moesif.host == host
