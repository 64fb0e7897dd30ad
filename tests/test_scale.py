"""docs/scale.md says what the model gives, and the model is that of the code."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import scale
from benchmarks.scale import MOESIF, SEGMENT, TAP, WAITING, Load, by_answer, by_workers, duration

from tap_moesif.service.page_size import MAX_PAGE_BYTES, MAX_PAGE_SIZE
from tap_moesif.usage import rollups
from tap_moesif.usage.measure import MAX_IDS
from target_segment.target import TargetSegment

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text("utf-8")
TEN_MILLION = 10_000_000


@pytest.mark.parametrize("table", [by_answer(), by_workers()], ids=["by answer", "by workers"])
def test_the_page_holds_todays_tables(table: str) -> None:
    assert table in PAGE


def test_the_page_names_what_the_tables_are_made_of() -> None:
    messages = min(scale.BATCH_MESSAGES, scale.BATCH_BYTES // scale.MESSAGE_BYTES)
    tap = scale.TAP_RECEIVING_SECONDS + scale.TAP_MAKING_SECONDS
    strict = Load(TEN_MILLION, workers=8, segment=scale.SEGMENT_EVENTS_A_SECOND)
    for said in (
        f"{scale.PAGE_USERS:,} users of 1.7 KB",
        f"{tap * 1e6:.0f} µs of CPU time in tap-moesif",
        f"{scale.TAP_RECEIVING_SECONDS * 1e6:.0f} of them to receive it",
        f"{scale.QUERIES_A_MINUTE} queries a minute",
        f"Of more than {scale.HELD:,}",
        f"{scale.IDS_LISTED:,} a query",
        f"{scale.SEGMENT_REQUESTS_A_SECOND:,} requests a second with up to {messages}",
        f"{duration(strict.seconds)} for ten million users",
    ):
        assert said in PAGE, said


def test_the_limits_are_those_of_the_code() -> None:
    assert (scale.PAGE_BYTES, scale.MAX_PAGE_SIZE) == (MAX_PAGE_BYTES, MAX_PAGE_SIZE)
    assert scale.LISTED == MAX_IDS
    assert (scale.HELD, scale.IDS_LISTED) == (rollups.MAX_ROLL_UPS_HELD, rollups.IDS_LISTED)
    settings = TargetSegment(config={"write_key": "k"}).settings
    assert settings.batch_max_bytes == scale.BATCH_BYTES
    assert settings.batch_size_rows == scale.BATCH_MESSAGES


def test_one_machine_loads_ten_million_users_in_a_quarter_of_an_hour() -> None:
    assert Load(TEN_MILLION).seconds <= 15 * 60


def test_each_bound_holds_where_it_is_the_longest() -> None:
    assert Load(TEN_MILLION, answer=0.01).bound == TAP
    assert Load(TEN_MILLION).bound == WAITING
    assert Load(TEN_MILLION, workers=16).bound == MOESIF
    assert Load(TEN_MILLION, segment=scale.SEGMENT_EVENTS_A_SECOND).bound == SEGMENT


@pytest.mark.parametrize(
    ("active", "lists", "asks"),
    [(0, 0, False), (4_000, 1, False), (5_000, 2, False), (20_000, 5, False), (31_001, 7, True)],
)
def test_the_active_are_listed_as_the_tap_lists_them(active: int, lists: int, asks: bool) -> None:
    load = Load(TEN_MILLION, active=active / TEN_MILLION)

    assert (load.lists, load.asks) == (lists, asks)
    assert load.queries == load.pages * (2 if asks else 1) + lists


def test_without_the_roll_up_only_pages_are_asked_for() -> None:
    load = Load(TEN_MILLION, roll_up=False)

    assert load.queries == load.pages


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 min"), (89 * 60, "89 min"), (90 * 60, "1.5 h"), (48 * 3600, "2.0 days")],
)
def test_durations_read_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
