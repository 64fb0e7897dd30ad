"""The comparisons of targets, taps and pairs: contestants and tables."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import msgspec
from benchmarks.contest import (
    MEGABYTE,
    Contestant,
    Result,
    compare,
    results_table,
    table,
)
from benchmarks.measure import BIN, Server, run, script, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Command = Sequence[str | Path]

PAGE_SIZE = 1_000
CHECKED_PAGES = 2
LATENCY_MS = 50
EVENTS_SCHEMA = (
    b'{"type":"SCHEMA","stream":"events","key_properties":[],"schema":{"properties":'
    b'{"messageId":{},"type":{},"userId":{},"event":{},"timestamp":{},"context":{},'
    b'"properties":{}}}}\n'
)
USERS_SCHEMA = b'{"type":"SCHEMA","stream":"users"'
MEMORY_MULTIPLES = (2, 20)


@dataclass(frozen=True, slots=True)
class Bench:
    """Data shared by all comparisons.

    Attributes:
        folder: Folder for generated files.
        records: Number of users.
        sample: Number of users that taps read.
        keys: Number of keys in the file of `changed_only`.
        rounds: Number of runs of each contestant.
        pages: File with Moesif's responses, a page per line.
        lines: File with tap-moesif's output for these.
        catalog: Catalog for tap-moesif that selects only users.
        start: File with the SCHEMA line and no records.
        multiples: Factors of the number of records at which memory is measured.
    """

    folder: Path
    records: int
    sample: int
    keys: int
    rounds: int
    pages: Path
    lines: Path
    catalog: Path
    start: Path
    multiples: Sequence[int]

    def config(self, **values: Any) -> str:  # noqa: ANN401, JSON
        """Write a configuration."""
        with NamedTemporaryFile(dir=self.folder, suffix=".json", delete=False) as file:
            file.write(msgspec.json.encode(values))
        return file.name

    def compare(self, records: int, *contestants: Contestant) -> list[Result]:
        """Compare contestants, ours first."""
        return compare(contestants, records=records, rounds=self.rounds, folder=self.folder)

    @property
    def sample_pages(self) -> str:
        """Number of pages that the taps read."""
        return str(ceil(self.sample / PAGE_SIZE))


def prepare(
    folder: Path, records: int, sample: int, rounds: int, *, keys: int, quick: bool
) -> Bench:
    """Create the pages, and with tap-moesif the lines that targets read."""
    users = max(records, sample)
    print(f"preparing {users:,} users", file=sys.stderr)
    bench = Bench(
        folder,
        records,
        sample,
        keys,
        rounds,
        pages=folder / "pages.jsonl",
        lines=folder / "users.singer.jsonl",
        catalog=folder / "catalog.json",
        start=folder / "start.singer.jsonl",
        multiples=MEMORY_MULTIPLES[:1] if quick else MEMORY_MULTIPLES,
    )
    run(script("workload", bench.pages, str(users)), folder=folder)
    run([BIN / "tap-moesif", "--discover"], folder=folder, stdout=bench.catalog)
    bench.catalog.write_bytes(users_only(bench.catalog.read_bytes()))
    with server("pages", bench.pages, str(ceil(records / PAGE_SIZE))) as moesif:
        run(our_tap(bench, moesif), folder=folder, stdout=bench.lines)
    with bench.lines.open("rb") as lines, bench.start.open("wb") as start:
        start.write(next(line for line in lines if line.startswith(USERS_SCHEMA)))
    return bench


def users_only(catalog: bytes) -> bytes:
    """Select the stream that all taps read."""
    found = msgspec.json.decode(catalog)
    for stream in found["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["stream"] == "users"
    return msgspec.json.encode(found)


# Commands.


def our_target(bench: Bench, segment: Server, **settings: bool | str) -> Command:
    """Run the installed target-segment, with defaults except for these settings."""
    config = bench.config(write_key="key", host=segment.url, **settings)
    return [BIN / "target-segment", "--config", config]


def our_moesif_target(bench: Bench, moesif: Server) -> Command:
    """Run the installed target-moesif, with defaults."""
    config = bench.config(application_id="id", api_url=moesif.url)
    return [BIN / "target-moesif", "--config", config]


def naive_target(bench: Bench, segment: Server) -> Command:
    """Run the target of singer-sdk's documentation."""
    config = bench.config(write_key="key", host=segment.url)
    return script("contestants.naive_target", "--config", config)


def our_tap(bench: Bench, moesif: Server, **settings: bool | str) -> Command:
    """Run the installed tap-moesif, without Moesif's rate limit."""
    config = bench.config(
        management_api_key="key",
        api_url=moesif.url,
        requests_per_minute=1_000_000,
        **{"usage_rollup": False, **settings},
    )
    return [BIN / "tap-moesif", "--config", config, "--catalog", bench.catalog]


def naive_tap(bench: Bench, moesif: Server) -> Command:
    """Run the tap of singer-sdk's documentation."""
    config = bench.config(management_api_key="key", api_url=moesif.url)
    return script("contestants.naive_tap", "--config", config)


# Comparisons.


def target(bench: Bench) -> Iterator[str]:
    """Compare targets."""
    with server("sink") as segment, server("sink", str(LATENCY_MS)) as slow:
        entries = [
            ("target-segment", our_target(bench, segment), segment),
            (f"… answered after {LATENCY_MS} ms", our_target(bench, slow), slow),
            (
                "… with outcomes_path",
                our_target(bench, segment, outcomes_path=str(bench.folder / "outcomes.jsonl")),
                segment,
            ),
            ("bare script", script("contestants.bare_target", segment.url), segment),
            (
                "segment-analytics-python",
                script("contestants.official_client", segment.url),
                segment,
            ),
            ("naive singer-sdk target", naive_target(bench, segment), segment),
        ]
        results = bench.compare(
            bench.records,
            *(
                Contestant(name, [command], [command], sink, bench.lines, bench.start)
                for name, command, sink in entries
            ),
        )
        yield f"## Target: {bench.records:,} identify messages"
        yield results_table(results)
        yield "### Memory of target-segment"
        yield table(("records", "peak MB", "arrived"), [*_memory(bench, segment)])


def _memory(bench: Bench, segment: Server) -> Iterator[tuple[str, ...]]:
    command = our_target(bench, segment)
    file = bench.folder / "many.singer.jsonl"
    for multiple in bench.multiples:
        records = multiple * bench.records
        print(f"memory at {records:,} records", file=sys.stderr)
        repeat(bench.lines, file, multiple)
        cost = run(command, folder=bench.folder, stdin=file)
        arrived = segment.count()["users"]
        file.unlink()
        yield f"{records:,}", f"{cost.peak_bytes / MEGABYTE:,.0f}", f"{arrived:,}"


def repeat(lines: Path, file: Path, times: int) -> None:
    """Write the records several times, each time with other user ids."""
    with file.open("wb") as many:
        for number in range(times):
            prefix = b'"id":"%d-' % number
            with lines.open("rb") as some:
                many.writelines(line.replace(b'"id":"', prefix, 1) for line in some)


def both_targets(bench: Bench) -> Iterator[str]:
    """Compare the two targets on the same users, and on the same events."""
    events = bench.folder / "events.singer.jsonl"
    start = bench.folder / "events-start.singer.jsonl"
    start.write_bytes(EVENTS_SCHEMA)
    as_events(bench.lines, events)
    for what, lines, idle in (("users", bench.lines, bench.start), ("events", events, start)):
        with server("sink") as sink:
            results = bench.compare(
                bench.records,
                *(
                    Contestant(name, [command], [command], sink, lines, idle)
                    for name, command in (
                        ("target-moesif", our_moesif_target(bench, sink)),
                        ("target-segment", our_target(bench, sink)),
                    )
                ),
            )
        yield f"## Both targets: {bench.records:,} {what}"
        yield results_table(results)


def as_events(lines: Path, file: Path) -> None:
    """Convert users to events, in the form of Segment's track calls."""
    encode = msgspec.json.encode
    with lines.open("rb") as users, file.open("wb") as events:
        events.write(EVENTS_SCHEMA)
        for line in users:
            message = msgspec.json.decode(line)
            if message["type"] == "RECORD":
                user = message["record"]
                record = {
                    "messageId": f"report-of-{user['id']}",
                    "type": "track",
                    "userId": user["id"],
                    "event": "Report Submitted",
                    "timestamp": message["time_extracted"],
                    "context": {"ip": "192.0.2.1", "page": {"url": "https://acme.example/"}},
                    "properties": user,
                }
                message = {"type": "RECORD", "stream": "events", "record": record}
            events.write(encode(message) + b"\n")


def tap(bench: Bench) -> Iterator[str]:
    """Compare taps, and check that all write the same records."""
    with (
        server("pages", bench.pages, bench.sample_pages) as moesif,
        server("pages", bench.pages, "0") as empty,
    ):
        contestants = [
            Contestant(name, [run_], [idle], moesif)
            for name, run_, idle in (
                ("tap-moesif", our_tap(bench, moesif), our_tap(bench, empty)),
                (
                    "… with usage_rollup",
                    our_tap(bench, moesif, usage_rollup=True),
                    our_tap(bench, empty, usage_rollup=True),
                ),
                (
                    "bare script",
                    script("contestants.bare_tap", moesif.url),
                    script("contestants.bare_tap", empty.url),
                ),
                (
                    "naive singer-sdk tap",
                    naive_tap(bench, moesif),
                    naive_tap(bench, empty),
                ),
            )
        ]
        results = bench.compare(bench.sample, *contestants)
    yield f"## Tap: {bench.sample:,} users"
    yield results_table(results)
    yield _same_records(bench)


def _same_records(bench: Bench) -> str:
    with server("pages", bench.pages, str(CHECKED_PAGES)) as few:
        ours, *others = (
            _written(bench, command)
            for command in (
                our_tap(bench, few),
                script("contestants.bare_tap", few.url),
                naive_tap(bench, few),
            )
        )
    same = sum(all(ours[user] == other.get(user) for other in others) for user in ours)
    return f"Of {len(ours):,} records, {same:,} are the same in what the three taps write."


def _written(bench: Bench, command: Command) -> Mapping[str, bytes]:
    """Run a tap; return a digest of each record by id."""
    file = bench.folder / "written.singer.jsonl"
    run(command, folder=bench.folder, stdout=file)
    encode = msgspec.json.Encoder(order="sorted").encode
    with file.open("rb") as lines:
        messages = map(msgspec.json.decode, lines)
        records = (message["record"] for message in messages if message["type"] == "RECORD")
        return {record["id"]: blake2b(encode(record)).digest() for record in records}


def pair(bench: Bench) -> Iterator[str]:
    """Compare a tap and a target in a pipe."""
    with (
        server("pages", bench.pages, bench.sample_pages) as moesif,
        server("pages", bench.pages, "0") as empty,
        server("sink") as segment,
    ):
        ours, naive = our_target(bench, segment), naive_target(bench, segment)
        results = bench.compare(
            bench.sample,
            Contestant(
                "tap-moesif &#124; target-segment",
                [our_tap(bench, moesif), ours],
                [our_tap(bench, empty), ours],
                segment,
            ),
            Contestant(
                "naive tap &#124; naive target",
                [naive_tap(bench, moesif), naive],
                [naive_tap(bench, empty), naive],
                segment,
            ),
        )
    yield f"## Pair: {bench.sample:,} users from Moesif to Segment"
    yield results_table(results)
