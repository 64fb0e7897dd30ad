"""Counts what is lost when things go wrong: Segment's own client for Python beside target-segment.

    python -m benchmarks.faults

Both send the same identify calls, each of a user of its own, to a service on loopback that
applies the fault and keeps what it accepted (`faulty.py`). Both are on their defaults; the client
is `contestants/documented_client.py`. Where they are killed, target-segment sends batches of
`KILLED_BATCH`, so that some STATE lines are there to go on from.

*Lost* are messages that never arrived. *Twice* are those that arrived with two ids, so that
Segment cannot see that they are one. A message that can never be accepted counts as lost also
where it was put into the rejects file.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contest import table
from benchmarks.faulty import (
    SUCCESS,
    Reply,
    Service,
    at_first,
    for_a_while,
    nothing,
    poison,
    rate_limit,
    serving,
)
from benchmarks.measure import BIN, EXCERPT_CHARACTERS, ROOT, TIMEOUT_SECONDS, script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.contest import Command
    from benchmarks.faulty import Answer

MESSAGES = 1_000
BAD_MESSAGE = 450  # in the middle of one of the client's batches
STATE_EVERY = 50
KILLED_BATCH = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        name: In the table.
        answer: Makes how the service answers, anew for each contestant.
        bad_trait: What one message has.
        flushes: Whether the client is told to flush at the end.
        again: Where a run that is killed is taken up: "behind" what counts as sent, or "all".
    """

    name: str
    answer: Callable[[], Answer] = nothing
    bad_trait: object = None
    flushes: bool = True
    again: str = ""


FAULTS = (
    Fault("one message that makes its batch a 400", poison, "poison"),
    Fault("NaN in one trait", bad_trait=math.nan),
    Fault("429 with `X-RateLimit-Reset: 2`", lambda: for_a_while(rate_limit, 2)),
    Fault("503 for 3 s", lambda: for_a_while(lambda _left: Reply(503, b""), 3)),
    Fault("one answer lost", lambda: at_first(Reply(keeps=True, closes=True), 1)),
    Fault(
        'three 200 `{"success":false}`', lambda: at_first(Reply(content=b'{"success":false}'), 3)
    ),
    Fault("killed halfway, run on from what it counts as sent", again="behind"),
    Fault("killed halfway, run again from the start", again="all"),
    Fault("ends without a flush", flushes=False),
)


def lines(fault: Fault, first: int = 0) -> str:
    """Write what a tap writes that goes on behind so many records."""
    schema = {"properties": {"userId": {"type": "string"}, "traits": {"type": "object"}}}
    said: list[Any] = [
        {"type": "SCHEMA", "stream": "calls", "schema": schema, "key_properties": []}
    ]
    for number in range(first, MESSAGES):
        traits: dict[str, Any] = {"name": f"User {number}", "plan": "free"}
        if fault.bad_trait is not None and number == BAD_MESSAGE:
            traits["score"] = fault.bad_trait
        record = {"userId": f"user-{number}", "traits": traits}
        said.append({"type": "RECORD", "stream": "calls", "record": record})
        if (number + 1) % STATE_EVERY == 0:
            said.append({"type": "STATE", "value": number + 1})
    return "".join(json.dumps(message) + "\n" for message in said)


def run(
    command: Command, text: str, folder: Path, victim_of: Service | None = None
) -> tuple[int, str]:
    """Run a command on these lines, to its end or until the service kills it."""
    (folder / "input").write_text(text)
    with (folder / "input").open() as stdin, (folder / "stderr").open("a") as stderr:
        process = subprocess.Popen(  # noqa: S603, our own contestants
            command, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        with process:
            if victim_of:
                victim_of.victim = process
            try:
                stdout, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            finally:
                process.kill()
            if victim_of:
                victim_of.victim = None
    if process.returncode == 1:  # which no fault here should lead to
        print((folder / "stderr").read_text()[-EXCERPT_CHARACTERS:], file=sys.stderr)
    return process.returncode, stdout


def client(fault: Fault, service: Service, folder: Path) -> str:
    """Let Segment's client send, and report what it said."""
    end = "flush" if fault.flushes else "no-flush"
    journal = folder / "journal"
    command: Command = script("contestants.documented_client", service.url, journal, end)
    if fault.again:
        run(command, lines(fault), folder, service)
    if fault.again == "all":
        journal.unlink()
    code, failed = run(command, lines(fault), folder)
    called = f"for {int(failed)}" if int(failed) else "not called"
    return f"exit {code}, `on_error` {called}"


def target(fault: Fault, service: Service, folder: Path) -> str:
    """Let target-segment send, and report what it said."""
    rejects, config = folder / "rejects", folder / "config.json"
    settings: dict[str, Any] = {"write_key": "key", "host": service.url}
    settings["rejects_path"] = str(rejects)
    if fault.again:
        settings["batch_size_rows"] = KILLED_BATCH
    config.write_text(json.dumps(settings))
    command: Command = [BIN / "target-segment", "--config", config]
    state = 0
    if fault.again:
        _, states = run(command, lines(fault), folder, service)
        state = int(states.split()[-1]) if states and fault.again == "behind" else 0
        print(f"  target-segment goes on behind {state}", file=sys.stderr)
    code, _ = run(command, lines(fault, state), folder)
    entries = map(json.loads, rejects.read_text().splitlines() if rejects.exists() else ())
    kept = sum(entry["type"] == "RECORD" for entry in entries)
    return f"exit {code}" + (f", {kept} in its rejects file" if kept else "")


CONTESTANTS = {"Segment's client": client, "target-segment": target}


def row(fault: Fault) -> Iterator[str]:
    """Measure what each contestant makes of a fault."""
    yield fault.name
    for name, contestant in CONTESTANTS.items():
        started = time.monotonic()
        with (
            tempfile.TemporaryDirectory(prefix="faults-") as folder,
            serving(fault.answer()) as service,
        ):
            said = contestant(fault, service, Path(folder))
            yield str(MESSAGES - len(service.ids))
            yield str(sum(len(ids) > 1 for ids in service.ids.values()))
            yield said
            refused = sum(status != SUCCESS.status for status in service.statuses)
        seconds = time.monotonic() - started
        requests = f"{len(service.statuses)} requests, {refused} without a 200"
        print(f"{fault.name}: {name}: {said}; {seconds:.1f} s, {requests}", file=sys.stderr)


def main() -> None:
    """Go through the faults and print the table."""
    argparse.ArgumentParser(description="Count what is lost when things go wrong.").parse_args()
    columns = [f"{name}: {what}" for name in CONTESTANTS for what in ("lost", "twice", "said")]
    rows = [[*row(fault)] for fault in FAULTS]
    print(table([f"{MESSAGES:,} messages each", *columns], rows))


if __name__ == "__main__":
    main()
