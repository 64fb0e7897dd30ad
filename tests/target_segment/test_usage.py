"""tap-moesif's stream `usage` as track calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_runs import deliver as run
from segment_runs import record, schema, scripted_segment, sent, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commands import Ended
    from scripted import ScriptedService

NAMES = ("id", "userId", "companyId", "startTime", "endTime", "route", "count", "statusCounts")
OF_ZOE: dict[str, Any] = {
    "id": "5ea1",
    "userId": "zoe",
    "startTime": "2026-01-31T11:00:00.000Z",
    "endTime": "2026-01-31T12:00:00.000Z",
    "count": 12,
    "statusCounts": {"2xx": 10, "4xx": 2, "429": 2},
}
OF_ACME = {**OF_ZOE, "id": "c0", "companyId": "acme", "userId": None}


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def deliver(
    service: ScriptedService,
    folder: Path,
    *records: dict[str, Any],
    mark: str | None = "usage",
    **settings: Any,
) -> Ended:
    lines = [schema("usage", *NAMES, mark=mark), *(record("usage", **each) for each in records)]
    return run(service, folder, lines, **settings)


def test_a_bucket_of_a_user_is_a_track_at_its_end(segment: ScriptedService, tmp_path: Path) -> None:
    assert deliver(segment, tmp_path, OF_ZOE).code == 0

    [message] = sent(segment)
    assert message["type"] == "track"
    assert message["event"] == "API Usage"
    assert message["userId"] == "zoe"
    assert message["timestamp"] == "2026-01-31T12:00:00.000Z"
    assert message["integrations"] == {"Moesif API Analytics": False}
    assert message["properties"] == {
        name: value for name, value in OF_ZOE.items() if name != "userId"
    }


def test_a_bucket_that_is_read_again_has_its_id_and_another_once_it_has_changed(
    segment: ScriptedService, tmp_path: Path
) -> None:
    for bucket in (OF_ZOE, OF_ZOE, {**OF_ZOE, "count": 13}):
        assert deliver(segment, tmp_path, bucket).code == 0

    first, again, changed = [message["messageId"] for message in sent(segment)]
    assert first == again != changed


def test_the_event_is_named_by_a_route(segment: ScriptedService, tmp_path: Path) -> None:
    named = {"usage": {"event": {"literal": "Moesif Usage"}}}

    assert deliver(segment, tmp_path, OF_ZOE, streams=named).code == 0

    [message] = sent(segment)
    assert message["event"] == "Moesif Usage"
    assert message["timestamp"] == "2026-01-31T12:00:00.000Z"


def test_a_companys_is_nobodys_track_unless_a_route_names_somebody(
    segment: ScriptedService, tmp_path: Path
) -> None:
    assert deliver(segment, tmp_path, OF_ACME, OF_ZOE).code == 0
    assert summary(tmp_path)["skipped_by_reason"] == {"company_usage": 1}

    somebody = {"usage": {"anonymous_id": "companyId"}}
    assert deliver(segment, tmp_path, OF_ACME, streams=somebody).code == 0
    assert [message.get("anonymousId") for message in sent(segment)] == [None, "acme"]


def test_a_record_of_nobody_is_rejected(segment: ScriptedService, tmp_path: Path) -> None:
    assert deliver(segment, tmp_path, {**OF_ZOE, "userId": None}).code == 3
    assert summary(tmp_path)["rejected_by_reason"] == {"no_user_anon_id": 1}


@pytest.mark.parametrize("by", ["as", "flattened"])
def test_it_is_known_without_its_mark_and_flattened(
    segment: ScriptedService, tmp_path: Path, by: str
) -> None:
    settings: dict[str, Any] = (
        {"mark": None, "streams": {"usage": {"as": "moesif.usage"}}}
        if by == "as"
        else {"flattening_enabled": True, "flattening_max_depth": 3}
    )
    assert deliver(segment, tmp_path, OF_ZOE, **settings).code == 0

    [message] = sent(segment)
    assert message["properties"]["statusCounts"] == OF_ZOE["statusCounts"]
