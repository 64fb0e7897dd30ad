"""The duration of a first load and of an hourly run, by Moesif's latency."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.request import urlopen

import msgspec
from benchmarks.contest import MEGABYTE, table
from benchmarks.measure import run, script, server
from benchmarks.sections import naive_tap, our_tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.measure import Server
    from benchmarks.sections import Bench, Command

DELAYS_MS = (0, 100, 1_000)

COLUMNS = ("", "answers after", "seconds", "users/s", "queries", "users", "peak MB")


def latency(bench: Bench) -> Iterator[str]:
    """Read all users with each tap, and with ours also the changes of an hour."""
    yield (
        f"## Latency: {bench.sample:,} users, of whom 2 % were active; an hour changes 5 %, and "
        "the roll-ups of the active change too"
    )
    yield table(COLUMNS, [row for delay in DELAYS_MS for row in _rows(bench, delay)])


def _rows(bench: Bench, delay_ms: int) -> Iterator[tuple[str, ...]]:
    written = bench.folder / "latency.singer.jsonl"
    state = bench.folder / "latency-state.json"
    file, users, delay = bench.pages, str(bench.sample), str(delay_ms)
    with server(file, users, delay, module="account") as moesif:

        def measured(name: str, command: Command, stdout: Path | None = None) -> tuple[str, ...]:
            return _row(bench, moesif, (name, f"{delay_ms:,} ms"), command, stdout)

        ours = our_tap(bench, moesif, usage_rollup=True)
        yield measured("tap-moesif", ours, written)
        yield measured("naive singer-sdk tap", naive_tap(bench, moesif))
        yield measured("bare script", script("contestants.bare_tap", moesif.url))
        state.write_bytes(_last_state(written))
        with urlopen(f"{moesif.url}/touch", data=b"{}", timeout=30) as answer:  # noqa: S310, http
            answer.read()
        yield measured("tap-moesif, an hour later", [*ours, "--state", state])


def _row(
    bench: Bench, moesif: Server, name: tuple[str, ...], command: Command, stdout: Path | None
) -> tuple[str, ...]:
    print("latency:", *name, file=sys.stderr)
    moesif.count()  # reset
    cost = run(command, folder=bench.folder, stdout=stdout)
    counted = moesif.count()
    return (
        *name,
        f"{cost.seconds:.1f}",
        f"{counted['users'] / cost.seconds:,.0f}",
        f"{counted['queries']:,}",
        f"{counted['users']:,}",
        f"{cost.peak_bytes / MEGABYTE:,.0f}",
    )


def _last_state(lines: Path) -> bytes:
    with lines.open("rb") as messages:
        [*_, last] = (line for line in messages if line.startswith(b'{"type":"STATE"'))
    return msgspec.json.encode(msgspec.json.decode(last)["value"])
