"""The cost of `changed_only`: its stores with many keys, and delivery with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from benchmarks.contest import Contestant, Result, results_table, table
from benchmarks.measure import run, script, server
from benchmarks.sections import our_target

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support" / "services"))
from postgres import NoPostgresError, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Server
    from benchmarks.sections import Bench, Command

AFRESH = 'rm -f "$0"*; exec "$@"'
KEEPS = 0.7


def changes(bench: Bench) -> Iterator[str]:
    """Measure the stores, and deliveries of new and of unchanged records."""
    yield f"## changed_only: {bench.keys:,} keys in a file, and in PostgreSQL beside it"
    yield table(("", "file", "PostgreSQL"), [*_stores(bench)])
    with server("sink") as segment:
        results = bench.compare(bench.records, *_contestants(bench, segment))
    yield f"## changed_only: {bench.records:,} identify messages"
    yield results_table(results)
    plain, *others = results
    yield "\n".join(_kept(plain, other) for other in others)


def _kept(plain: Result, other: Result) -> str:
    return (
        f"{other.name}: keeps {other.pace / plain.pace:.2f} of the rate, once started "
        f"(at least {KEEPS} is wanted)."
    )


def _contestants(bench: Bench, segment: Server) -> Iterator[Contestant]:
    known, new = bench.folder / "known.sqlite", bench.folder / "new.sqlite"
    with_known = our_target(bench, segment, changed_only=True, fingerprints_path=str(known))
    with_new = our_target(bench, segment, changed_only=True, fingerprints_path=str(new))
    run(with_known, folder=bench.folder, stdin=bench.lines)
    entries: list[tuple[str, Command]] = [
        ("target-segment", our_target(bench, segment)),
        ("… changed_only, all new", ["sh", "-c", AFRESH, new, *with_new]),
        ("… changed_only, all unchanged", with_known),
    ]
    for name, command in entries:
        yield Contestant(name, [command], [command], segment, bench.lines, bench.start)


def _stores(bench: Bench) -> Iterator[tuple[str, ...]]:
    """Measure the file, and a local database if PostgreSQL is installed."""
    file = bench.folder / "many.sqlite"
    in_file = _keys(bench, str(file))
    file.unlink()
    try:
        with postgres(durable=True) as server:
            in_database = _keys(bench, server.uri)
    except NoPostgresError as error:
        in_database = [(name, "") for name, _ in in_file]
        print(f"no database is measured: {error}", file=sys.stderr)
    for (name, one), (_, other) in zip(in_file, in_database, strict=True):
        yield name, one, other


def _keys(bench: Bench, place: str) -> list[tuple[str, str]]:
    print(f"making {bench.keys:,} keys in {place}", file=sys.stderr)
    said = bench.folder / "many.json"
    run(script("keys", place, str(bench.keys)), folder=bench.folder, stdout=said)
    return msgspec.json.decode(said.read_bytes(), type=list[tuple[str, str]])
