"""The number of queries for usage over time, which depends on active users, not on all users."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import msgspec
from benchmarks.contest import MEGABYTE, table
from benchmarks.measure import BIN, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.sections import Bench

ACTIVE = (0, 1_000, 10_000)
HOURS = 5
CALLS = 4
PUT_AT_ONCE = 10_000
COLUMNS = ("active users", "hours with calls", "queries", "seconds", "peak MB")


def usage(bench: Bench) -> Iterator[str]:
    """Read the hours of a day, with increasing numbers of active users."""
    yield (
        f"## Usage over time: 24 hours of {bench.sample:,} users, of whom some were active in "
        f"{HOURS} of them"
    )
    yield table(COLUMNS, [*_rows(bench)])


def _rows(bench: Bench) -> Iterator[tuple[str, ...]]:
    catalog = bench.config(**_catalog())
    with _sandbox(bench.sample) as url:
        config = bench.config(
            management_api_key="sandbox-management-key",
            api_url=f"{url}/moesif/api/v1",
            requests_per_minute=1_000_000,
            start_date=f"{_hours_ago(24):%Y-%m-%dT%H:%M:%SZ}",
        )
        for active in ACTIVE:
            print("usage:", active, file=sys.stderr)
            _call(url, min(active, bench.sample))
            before = len(_searches(url))
            written = bench.folder / "usage.singer.jsonl"
            cost = run(
                [BIN / "tap-moesif", "--config", config, "--catalog", catalog],
                folder=bench.folder,
                stdout=written,
            )
            records = written.read_bytes().count(b'"type":"RECORD"')
            queries = len(_searches(url)) - before
            memory = f"{cost.peak_bytes / MEGABYTE:,.0f}"
            yield f"{active:,}", f"{records:,}", f"{queries:,}", f"{cost.seconds:.1f}", memory


@contextlib.contextmanager
def _sandbox(users: int) -> Iterator[str]:
    options = (f"--users={users}", "--companies=0", "--events-per-user=0", "--port=0")
    with subprocess.Popen(  # noqa: S603, our own
        [BIN / "moesif-sandbox", *options], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None  # noqa: S101, for mypy
        try:
            yield process.stdout.readline().decode().split()[-1]
        finally:
            process.kill()


def _hours_ago(hours: int) -> datetime:
    hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    return hour - timedelta(hours=hours)


def _call(url: str, active: int) -> None:
    """Make only some users active in the last 24 hours."""
    events, replace = _events(active), True
    while (some := [*islice(events, PUT_AT_ONCE)]) or replace:
        _post(f"{url}/sandbox/documents", {"events": some, "replace": replace})
        replace = False


def _events(active: int) -> Iterator[dict[str, Any]]:
    """Make them one by one: the memory of this process would count as that of what it starts."""
    chance = random.Random(active)  # noqa: S311, no secret
    for user in range(active):
        for hour in chance.sample(range(1, 25), HOURS):
            for part in range(CALLS):
                time = _hours_ago(hour) + timedelta(minutes=part)
                yield {
                    "_id": f"{user}-{hour}-{part}",
                    "user_id": f"user_{user:06d}",
                    "event_type": "api_call",
                    "request": {"time": time.isoformat(), "route": f"/v1/{chance.randrange(9)}"},
                    "response": {"status": chance.choice((200, 200, 404, 429))},
                    "duration_ms": chance.randrange(1_000),
                }


def _post(url: str, body: object) -> None:
    request = Request(url, msgspec.json.encode(body), {"Content-Type": "application/json"})  # noqa: S310, http
    with urlopen(request, timeout=60) as answer:  # noqa: S310, http
        answer.read()


def _searches(url: str) -> list[Any]:
    with urlopen(f"{url}/sandbox/requests", timeout=60) as answer:  # noqa: S310, http
        log = msgspec.json.decode(answer.read())
    return [entry for entry in log if entry["path"].endswith("/search/events")]


def _catalog() -> dict[str, Any]:
    selected = [{"breadcrumb": [], "metadata": {"selected": True}}]
    stream = {"tap_stream_id": "usage", "stream": "usage", "schema": {}, "metadata": selected}
    return {"streams": [{**stream, "key_properties": ["id"], "replication_key": "startTime"}]}
