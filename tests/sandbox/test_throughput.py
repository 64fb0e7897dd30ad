from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from moesif_sandbox.request_log import LOGGED_REQUESTS, RequestLog
from moesif_sandbox.throughput import KEPT_SECONDS, Bar, Throughput

NOW = datetime(2026, 3, 10, tzinfo=timezone.utc)


def entry(path: str = "/segment/v1/batch", **fields: Any) -> dict[str, object]:
    return {"path": path, "status": 200, "records": 5, "fault": None, **fields}


def newest(log: RequestLog, service: str) -> Bar:
    return log.throughput.bars(service, int(NOW.timestamp()), 1, 1)[0]


def test_seconds_add_up_to_spans_that_begin_at_multiples_of_their_width() -> None:
    throughput = Throughput()
    for second in range(100, 110):
        throughput.add("segment", second, 1, failed=second == 109)
    assert throughput.bars("segment", 109, 5, 3) == [Bar(0, 0), Bar(5, 0), Bar(5, 1)]
    assert throughput.bars("segment", 111, 5, 3) == [Bar(5, 0), Bar(5, 1), Bar(0, 0)]
    assert throughput.bars("moesif", 109, 5, 1) == [Bar(0, 0)]


def test_it_keeps_an_hour_and_no_more_whatever_the_clock_does() -> None:
    throughput = Throughput()
    for second in [*range(KEPT_SECONDS), -1]:
        throughput.add("segment", second, 1, failed=False)
    assert sum(bar.records for bar in throughput.bars("segment", KEPT_SECONDS, 1, 9_999)) == 3_600
    assert throughput.bars("segment", 0, 1, 2) == [Bar(1, 0), Bar(0, 0)]


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/moesif/api/v1/search/~/search/users", "moesif"),
        ("/moesif/collector/v1/users/batch", "collector"),
        ("/segment-eu/v1/batch", "segment"),
    ],
)
def test_each_service_has_its_own(path: str, service: str) -> None:
    log = RequestLog()
    log.add(NOW, entry(path))
    assert [newest(log, name).records for name in ("moesif", "collector", "segment")] == [
        5 if name == service else 0 for name in ("moesif", "collector", "segment")
    ]


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"fault": "delay"}, 0),
        ({"status": 429}, 1),
        ({"status": None, "fault": "close_after"}, 1),
        ({"fault": "not_success"}, 1),
    ],
)
def test_a_request_has_failed_where_its_client_must_do_something(
    fields: dict[str, Any], failed: int
) -> None:
    log = RequestLog()
    log.add(NOW, entry(**fields))
    assert newest(log, "segment").failed == failed


def test_the_log_is_bounded_and_knows_how_many_there_were() -> None:
    log = RequestLog()
    for seconds in range(LOGGED_REQUESTS + 5):
        log.add(NOW + timedelta(seconds=seconds), entry("/segment-cdn/v1/projects/k/settings"))
    assert (len(log.entries), log.logged) == (LOGGED_REQUESTS, LOGGED_REQUESTS + 5)
    assert newest(log, "segment") == Bar(0, 0)
    log.clear()
    assert (len(log.entries), log.logged) == (0, 0)
