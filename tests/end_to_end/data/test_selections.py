"""Each stream of tap-moesif, selected, mapped and flattened as users do, at both targets.

Everything arrives, or is rejected with a reason, or the run stops with a line that makes it arrive:
no record is passed over in silence.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from commands import Ended, Sandbox, run, sandbox
from tap_moesif.streams import STREAMS
from targets import BOTH_TARGETS, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(600),  # the first one with a mapper also installs it
    pytest.mark.xdist_group("selections"),
]

SKIPPED_KNOWINGLY = {
    "target-segment": {"api_call", "no_call", "company_usage"},
    "target-moesif": {"api_call", "no_call"},
}
"""What may be left out, and is said: API calls, and streams that a service has no call for."""

ADDED = "addedByAMap"
EACH = [vars(stream)["name"] for stream in STREAMS]
CHANGES: dict[str, dict[str, Any]] = {
    "flattened once": {"flattening_enabled": True, "flattening_max_depth": 1},
    "flattened": {"flattening_enabled": True, "flattening_max_depth": 5},
    "nothing else": {"stream_maps": {"*": {"id": "id", "__else__": None}}},
    "alias": {"stream_maps": {name: {"__alias__": f"'{name}2'"} for name in EACH}},
    "hashed": {"stream_maps": {"*": {"id": "md5(id)"}}},
    "renamed key": {"stream_maps": {"*": {"key": "id", "id": None, "__key_properties__": ["key"]}}},
    "added": {"stream_maps": {"*": {ADDED: "'there'"}}},
}


@pytest.fixture(scope="module")
def moesif() -> Iterator[Sandbox]:
    with sandbox("--users", "12", "--companies", "3") as services:
        yield services


@pytest.fixture(scope="module")
def catalog(moesif: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("discovery")
    discovered = run("tap-moesif", folder, config_of(moesif), "--discover")
    found: dict[str, Any] = json.loads(discovered.stdout)
    assert {stream["tap_stream_id"] for stream in found["streams"]} == {*EACH}
    return found


def config_of(moesif: Sandbox, **settings: Any) -> dict[str, Any]:
    return {
        "management_api_key": "sandbox-management-key",
        "api_url": f"{moesif.url}/moesif/api/v1",
        "usage_interval": "day",  # or an hour may be over between two runs that are compared
        **settings,
    }


@pytest.fixture(scope="module")
def tapped(
    moesif: Sandbox, catalog: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., list[str]]:
    """Read all streams with a selection of fields: all, only what must be, or each stream's nth."""

    @cache
    def read(selection: str | int, change: str = "") -> list[str]:
        folder = tmp_path_factory.mktemp("tap")
        (folder / "catalog.json").write_text(json.dumps(selected(catalog, selection)))
        settings = CHANGES[change] if change else {}
        ended = run(
            "tap-moesif", folder, config_of(moesif, **settings), "--catalog", "catalog.json"
        )
        assert ended.code == 0, ended.stderr
        return ended.lines

    return read


@pytest.fixture(scope="module")
def unchanged(
    tapped: Callable[..., list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Target], Any]:
    """What a target makes of all that the tap reads, where nothing is changed."""

    @cache
    def delivered(target: Target) -> Any:
        return settle(target, tmp_path_factory.mktemp("all"), tapped("all"))

    return delivered


def selected(catalog: dict[str, Any], selection: str | int) -> dict[str, Any]:
    """Select each stream, and of its fields all, none that can be left out, or the nth alone."""
    catalog = json.loads(json.dumps(catalog))
    for stream in catalog["streams"]:
        number = -1
        for part in stream["metadata"]:
            if not part["breadcrumb"]:
                part["metadata"]["selected"] = stream["tap_stream_id"] in EACH
            elif len(part["breadcrumb"]) == 2 and part["metadata"]["inclusion"] == "available":
                number += 1
                part["metadata"]["selected"] = selection in {"all", number}
    return catalog


def most_fields(catalog: dict[str, Any]) -> int:
    return max(len(stream["schema"]["properties"]) for stream in catalog["streams"])


def deliver(
    target: Target, folder: Path, lines: list[str], **settings: Any
) -> tuple[Ended, dict[str, Any], list[dict[str, Any]]]:
    """Run a target; give how it ended, its summary and the messages or documents it has sent."""
    with target.service() as service:
        config = target.config(service.url, summary_path="summary.json", **settings)
        ended = run(target.name, folder, config, lines=lines)
    return ended, json.loads((folder / "summary.json").read_text()), target.sent(service)


def settle(
    target: Target, folder: Path, lines: list[str], **settings: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run a target, adding to its routes each line that it stops for; see that it loses none."""
    streams: dict[str, Any] = {}
    for _ in range(20):
        ended, summary, sent = deliver(target, folder, lines, streams=streams, **settings)
        if ended.code != 1:
            break
        [advice] = [line for line in ended.stderr.splitlines() if "is not known" in line]
        unknown = advice.partition("Stream '")[2].partition("'")[0]
        assert {*ended.lines} <= {*states_before(unknown, lines)}
        streams |= yaml.safe_load(advice.rpartition("Add under streams in the settings: ")[2])
    assert ended.code in {0, 3}, ended.stderr
    assert (ended.code == 3) == bool(summary["rejected"])
    ignored = {name for name, route in streams.items() if route.get("call") == "ignore"}
    known = SKIPPED_KNOWINGLY[target.name] | ({"ignored"} if ignored else set())
    assert {*summary["skipped_by_reason"]} <= known
    assert summary["read"] == summary["delivered"] + summary["skipped"] + summary["rejected"]
    return summary, sent


def states_before(stream: str, lines: list[str]) -> Iterator[str]:
    """Give the states that come before the first record of a stream."""
    for line in lines:
        message = json.loads(line)
        if message["type"] == "RECORD" and message["stream"] == stream:
            return
        if message["type"] == "STATE":
            yield json.dumps(message["value"], separators=(",", ":"))


def counts(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: summary[name] for name in ("delivered", "skipped", "rejected")}


@BOTH_TARGETS
def test_each_field_alone_and_none_is_enough(
    target: Target,
    tapped: Callable[..., list[str]],
    unchanged: Callable[[Target], Any],
    catalog: dict[str, Any],
    tmp_path: Path,
) -> None:
    """All selections together: a stream may have another schema behind a record."""
    whole, _ = unchanged(target)
    assert whole["rejected"] == 0
    selections = ("none", *range(most_fields(catalog)))
    lines = [line for selection in selections for line in tapped(selection)]
    summary, _ = settle(target, tmp_path, lines)
    assert counts(summary) == {
        name: number * len(selections) for name, number in counts(whole).items()
    }


def without_ids(sent: list[dict[str, Any]]) -> list[str]:
    """Give messages or documents in an order of their own, without what every run makes anew."""
    made = ("messageId", "timestamp", "transaction_id")
    return sorted(
        json.dumps({k: steady(v) for k, v in each.items() if k not in made}, sort_keys=True)
        for each in sent
    )


def steady(value: Any) -> Any:
    """Keep of a roll-up its fields and their types alone: its 24 hours move on between two runs."""
    if not isinstance(value, dict) or "last24HourAggResults" not in value:
        return value
    kinds = {
        name: "number" if isinstance(held, int | float) else type(held).__name__
        for name, held in value["last24HourAggResults"].items()
    }
    return {**value, "last24HourAggResults": kinds}


@BOTH_TARGETS
@pytest.mark.parametrize("change", ["flattened once", "flattened"])
@pytest.mark.parametrize("place", ["tap", "mapper", "target"])
def test_a_flattened_stream_arrives_as_it_was(
    target: Target,
    place: str,
    change: str,
    mapped: Callable[..., Any],
    unchanged: Callable[[Target], Any],
    tmp_path: Path,
) -> None:
    whole, sent = unchanged(target)
    lines, settings = mapped(place, change)
    summary, flat = settle(target, tmp_path, lines, **settings)
    assert counts(summary) == counts(whole)
    assert without_ids(flat) == without_ids(sent)


@pytest.mark.promise(17)
@BOTH_TARGETS
@pytest.mark.parametrize("change", ["nothing else", "alias", "hashed", "renamed key", "added"])
@pytest.mark.parametrize("place", ["tap", "mapper", "target"])
def test_a_stream_that_maps_have_changed_arrives_or_says_what_is_missing(
    target: Target,
    place: str,
    change: str,
    mapped: Callable[..., Any],
    unchanged: Callable[[Target], Any],
    tmp_path: Path,
) -> None:
    whole, _ = unchanged(target)
    lines, settings = mapped(place, change)
    summary, sent = settle(target, tmp_path, lines, **settings)
    assert summary["read"] == whole["read"]
    if change != "nothing else":
        assert counts(summary) == counts(whole)
    if change == "added":
        assert all(ADDED in json.dumps(each) for each in sent if "type" not in each or each["type"])


@pytest.fixture(scope="module")
def mapped(
    tapped: Callable[..., list[str]],
    third_party: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Any]:
    """Change what the tap reads, in one of three places; give the lines, and the target's part."""

    @cache
    def change(place: str, name: str) -> Any:
        if place == "tap":
            return tapped("all", name), {}
        if place == "target":
            return tapped("all"), CHANGES[name]
        mapper = third_party("meltano-map-transform")
        settings = {"stream_maps": {}, **CHANGES[name]}
        folder = tmp_path_factory.mktemp("mapper")
        ended = run(mapper, folder, settings, lines=tapped("all"))
        assert ended.code == 0, ended.stderr
        return ended.lines, {}

    return change
