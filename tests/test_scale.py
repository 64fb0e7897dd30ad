"""docs/scale.md says what the formula gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import scale
from benchmarks.scale import MOESIF, SEGMENT, WAITING, Load, by_load, by_workers, duration

from tap_moesif.service.page_size import MAX_PAGE_SIZE
from tap_moesif.usage.measure import MAX_IDS
from target_segment.target import TargetSegment

TIMES = "\N{MULTIPLICATION SIGN}"
PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text("utf-8")


@pytest.mark.parametrize("table", [by_workers(), by_load()], ids=["by workers", "by load"])
def test_the_page_holds_todays_tables(table: str) -> None:
    assert table in PAGE


def test_the_page_names_what_the_tables_are_made_of() -> None:
    messages = min(scale.BATCH_MESSAGES, scale.BATCH_BYTES // scale.MESSAGE_BYTES)
    for said in (
        f"*p* {TIMES} {scale.TAP_SECONDS_A_USER * 1e6:.0f} µs",
        f"*w* ÷ {scale.TARGET_SECONDS_A_USER * 1e6:.0f} µs",
        f"{scale.QUERIES_A_MINUTE} ÷ 60 {TIMES} *p* ÷ *q*",
        f"{scale.SEGMENT_REQUESTS_A_SECOND:,} requests a second {TIMES} {messages} messages",
        f"or {scale.SEGMENT_EVENTS_A_SECOND:,} messages",
        f"one more for each {scale.IDS_A_ROLL_UP:,}",
        f"at most {MAX_PAGE_SIZE:,}",
    ):
        assert said in PAGE, said


def test_the_formula_without_limits_is_what_is_compared_with_the_measured_rate() -> None:
    assert f"the formula gives {round(Load(answer=scale.FAST).reading, -2):,.0f} users" in PAGE


def test_the_limits_are_those_of_the_code() -> None:
    assert scale.IDS_A_ROLL_UP == MAX_IDS
    settings = TargetSegment(config={"write_key": "k"}).settings
    assert settings.batch_max_bytes == scale.BATCH_BYTES
    assert settings.batch_size_rows == scale.BATCH_MESSAGES


def test_each_bound_holds_where_it_is_the_least() -> None:
    assert Load().bound(1) == WAITING
    assert Load().rate(2) == 2 * Load().rate(1)
    assert Load().bound(16) == MOESIF
    assert Load().rate(16) == pytest.approx(500 / 60 * 1000 / 2)
    assert Load(roll_up=False).rate(16) == pytest.approx(500 / 60 * 1000)
    assert Load(segment=scale.SEGMENT_EVENTS_A_SECOND).bound(16) == SEGMENT
    assert Load(page=10_000).queries == 4
    assert Load(page=4_000).queries == 2
    assert Load(page=4_001).queries == 3


def test_more_workers_than_help_do_not() -> None:
    for load in scale.EXAMPLES:
        assert load.rate(load.enough) == load.rate(load.enough + 100)
        assert load.enough == 1 or load.rate(load.enough - 1) < load.rate(load.enough)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 min"), (89 * 60, "89 min"), (90 * 60, "1.5 h"), (48 * 3600, "2.0 days")],
)
def test_durations_read_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
