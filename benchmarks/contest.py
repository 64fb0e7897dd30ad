"""A comparison of contestants, which take turns so that other load affects all of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, Server, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Command = Sequence[str | Path]

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program to compare.

    Attributes:
        name: Name in the table.
        pipe: Its commands.
        idle: The commands without work, to measure the start.
        server: The server that it uses.
        stdin: Its input.
        idle_stdin: Its input without work.
    """

    name: str
    pipe: Sequence[Command]
    idle: Sequence[Command]
    server: Server
    stdin: Path | None = None
    idle_stdin: Path | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a contestant.

    Attributes:
        name: Name of the contestant.
        records: Number of records.
        arrived: Number of distinct records that arrived.
        cost: The best of its runs.
        start: The best of its runs without work.
    """

    name: str
    records: int
    arrived: int
    cost: Cost
    start: Cost

    @property
    def speed(self) -> float:
        """Records per second, from the start of the first command to the end of the last."""
        return self.records / self.cost.seconds

    @property
    def pace(self) -> float:
        """Records per second without the start, as in a long run."""
        return self.records / max(self.cost.seconds - self.start.seconds, 1e-3)

    def row(self, ours: Result) -> tuple[str, ...]:
        """Return the row of a table, compared with ours."""
        return (
            self.name,
            f"{self.speed:,.0f}",
            f"{self.pace:,.0f}",
            f"{ours.speed / self.speed:.2f}",
            f"{ours.pace / self.pace:.2f}",
            f"{1e6 * (self.cost.cpu_seconds - self.start.cpu_seconds) / self.records:,.0f}",
            f"{self.cost.peak_bytes / MEGABYTE:,.0f}",
            f"{self.arrived:,}",
        )


COLUMNS = (
    "",
    "records/s",
    "records/s, started",
    "ours ÷ this",
    "ours ÷ this, started",
    "CPU µs a record",
    "peak MB",
    "arrived",
)


def compare(
    contestants: Sequence[Contestant], *, records: int, rounds: int, folder: Path
) -> list[Result]:
    """Run each contestant in each round; keep its best run.

    Raises:
        CommandFailedError: A contestant failed.
    """
    results: dict[str, Result] = {}
    for number in range(rounds):
        for contestant in contestants:
            print(f"round {number + 1}: {contestant.name}", file=sys.stderr)
            result = _once(contestant, records, folder)
            best = results.get(contestant.name, result)
            results[contestant.name] = Result(
                contestant.name,
                records,
                min(result.arrived, best.arrived),
                result.cost | best.cost,
                result.start | best.start,
            )
    return list(results.values())


def _once(contestant: Contestant, records: int, folder: Path) -> Result:
    start = run(*contestant.idle, folder=folder, stdin=contestant.idle_stdin)
    contestant.server.count()  # reset
    cost = run(*contestant.pipe, folder=folder, stdin=contestant.stdin)
    arrived = contestant.server.count()["users"]
    print(f"  {cost.seconds:.2f} s, {start.seconds:.2f} s to start", file=sys.stderr)
    return Result(contestant.name, records, arrived, cost, start)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with right-aligned numbers."""
    rule = "|:--|" + "--:|" * (len(columns) - 1)
    return "\n".join([_line(columns), rule, *map(_line, rows)])


def results_table(results: Sequence[Result]) -> str:
    """Return the table of results, ours first."""
    return table(COLUMNS, [result.row(results[0]) for result in results])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
