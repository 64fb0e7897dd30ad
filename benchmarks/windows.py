"""A first load in parallel windows on one machine: users per second, and the bottleneck."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from benchmarks.contest import Result, table
from benchmarks.measure import Cost, run, server
from benchmarks.sections import LATENCY_MS, PAGE_SIZE, our_tap, our_target
from benchmarks.servers import Hit, Page, iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.measure import Server
    from benchmarks.sections import Bench

    Window = tuple[str | None, str | None]

AT_ONCE = (1, 2, 4)
MOESIF_QUERIES_A_MINUTE = 500  # Moesif, "Management API", "Rate limits"
QUERIES_A_PAGE = 2  # one of them for the roll-up
SCALES = 0.7
"""Of what several windows would read if none hindered another; with less they want for cores."""

COLUMNS = (
    "windows at once",
    "users/s",
    "users/s, started",
    "CPU µs a user",
    "the cores' most users/s",
    "arrived",
    "bound by",
)


def windows(bench: Bench) -> Iterator[str]:
    """Load the same users in one window, and in several in parallel."""
    cores = len(os.sched_getaffinity(0))
    with (
        server("pages", bench.pages, bench.sample_pages, str(LATENCY_MS)) as moesif,
        server("pages", bench.pages, "0", str(LATENCY_MS)) as empty,
        server("sink", str(LATENCY_MS)) as segment,
    ):
        results = [
            _result(bench, moesif, empty, segment, number)
            for number in AT_ONCE
            if number <= int(bench.sample_pages)  # windows start and end between pages
        ]
    limit = MOESIF_QUERIES_A_MINUTE * PAGE_SIZE / QUERIES_A_PAGE / 60
    yield f"## Windows: {bench.sample:,} users, answered after {LATENCY_MS} ms, {cores} cores"
    yield table(COLUMNS, [_row(result, results[0], cores) for result in results])
    yield (
        f"Moesif's limit of {MOESIF_QUERIES_A_MINUTE} queries a minute, left out here, is "
        f"{limit:,.0f} users/s for all windows together."
    )


def _result(bench: Bench, moesif: Server, empty: Server, segment: Server, at_once: int) -> Result:
    """Load all users in some windows, several times."""
    best: Result | None = None
    for number in range(bench.rounds):
        print(f"round {number + 1}: {at_once} windows", file=sys.stderr)
        start = _load(bench, empty, segment, at_once)
        segment.count()  # reset
        cost = _load(bench, moesif, segment, at_once)
        arrived = segment.count()["users"]
        if best:
            cost, start = cost | best.cost, start | best.start
            arrived = min(arrived, best.arrived)
        best = Result(str(at_once), bench.sample, arrived, cost, start)
    assert best is not None  # noqa: S101, for mypy
    return best


def _row(result: Result, alone: Result, cores: int) -> tuple[str, ...]:
    """Return a row; windows that only wait are as fast as one alone."""
    cpu = (result.cost.cpu_seconds - result.start.cpu_seconds) / result.records
    waits = result.pace > SCALES * int(result.name) * alone.pace
    return (
        result.name,
        f"{result.speed:,.0f}",
        f"{result.pace:,.0f}",
        f"{1e6 * cpu:,.0f}",
        f"{cores / cpu:,.0f}",
        f"{result.arrived:,}",
        "waiting for answers" if waits else "the cores, which the servers share",
    )


def _load(bench: Bench, moesif: Server, segment: Server, at_once: int) -> Cost:
    """Run all windows in parallel, each with a tap and a target, until the last ends."""
    cuts = _cut(bench, at_once)
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        costs = [*pool.map(lambda window: _window(bench, moesif, segment, window), cuts)]
    return Cost(
        time.perf_counter() - began,
        sum(cost.cpu_seconds for cost in costs),
        sum(cost.peak_bytes for cost in costs),
    )


def _window(bench: Bench, moesif: Server, segment: Server, window: Window) -> Cost:
    start, end = window
    dates = {"start_date": start, "end_date": end}
    settings = {name: date for name, date in dates.items() if date}
    folder = bench.folder / f"window-{start or 'first'}"
    folder.mkdir(exist_ok=True)
    tap = our_tap(bench, moesif, usage_rollup=True, **settings)
    return run(tap, our_target(bench, segment), folder=folder)


def _cut(bench: Bench, windows: int) -> Sequence[Window]:
    """Split the time between pages, where no two users were modified at the same time."""
    first, last = _edges(bench.pages, int(bench.sample_pages))
    cuts = []
    for number in range(1, windows):
        page = len(first) * number // windows
        while first[page] == last[page - 1]:
            page += 1
        cuts.append(iso(first[page]))
    return [*pairwise([None, *cuts, None])]


def _edges(pages: Path, number: int) -> tuple[list[int], list[int]]:
    """Return when the first and the last user of each page were modified."""
    with pages.open("rb") as lines:
        hits: list[list[Hit]] = [
            msgspec.json.decode(line, type=Page).hits.hits
            for line, _ in zip(lines, range(number), strict=False)
        ]
    return [page[0].sort[0] for page in hits], [page[-1].sort[0] for page in hits]
