"""Contestants at one piece of work: run in turns, so that what else the machine does hits all."""

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
    """One way to do the work.

    Attributes:
        name: In the table.
        pipe: Its commands.
        idle: The same with nothing to do, which takes as long as its start.
        server: Where its work arrives.
        stdin: What it reads.
        idle_stdin: What it reads with nothing to do.
    """

    name: str
    pipe: Sequence[Command]
    idle: Sequence[Command]
    server: Server
    stdin: Path | None = None
    idle_stdin: Path | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What one contestant needed.

    Attributes:
        name: The contestant's.
        records: The work.
        arrived: How many of the records arrived, each counted once.
        cost: The best of its runs.
        start: The best of its runs with nothing to do.
    """

    name: str
    records: int
    arrived: int
    cost: Cost
    start: Cost

    @property
    def speed(self) -> float:
        """Records a second, from the first command's start to the last one's end."""
        return self.records / self.cost.seconds

    @property
    def pace(self) -> float:
        """Records a second once started: what a long run comes to."""
        return self.records / max(self.cost.seconds - self.start.seconds, 1e-3)

    def row(self, ours: Result) -> tuple[str, ...]:
        """Write it as a row of a table, beside what ours needed."""
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
    """Let each contestant do the same work in each round; the best of its runs counts.

    Raises:
        CommandFailedError: One did not get to its end.
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
    contestant.server.count()  # forget what came before
    cost = run(*contestant.pipe, folder=folder, stdin=contestant.stdin)
    arrived = contestant.server.count()["users"]
    print(f"  {cost.seconds:.2f} s, {start.seconds:.2f} s to start", file=sys.stderr)
    return Result(contestant.name, records, arrived, cost, start)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write Markdown; numbers stand to the right."""
    rule = "|:--|" + "--:|" * (len(columns) - 1)
    return "\n".join([_line(columns), rule, *map(_line, rows)])


def results_table(results: Sequence[Result]) -> str:
    """Write results, ours first, the others compared with it."""
    return table(COLUMNS, [result.row(results[0]) for result in results])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
