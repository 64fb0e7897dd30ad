"""Counts lost messages under faults, for Segment's own Python client and target-segment.

    python -m benchmarks.faults

Both send the same identify calls, each for another user, to a local service that applies the fault
and stores accepted messages (`faulty.py`). Both use their defaults; the client is
`contestants/documented_client.py`. When killed, target-segment sends batches of `KILLED_BATCH`, to
have some STATE lines to resume from. An endless fault ends before the second run, which resumes
after the messages that the first one counts as sent. target-segment's limit of an hour for
requested waits is `HOUR_SECONDS` here, and a contestant that runs longer than `PATIENCE_SECONDS` is
stopped.

*Lost* messages never arrived. *Twice* are messages that arrived with two ids, so that Segment
cannot recognise the repeat. A message that can never be accepted counts as lost, even if it is in
the rejects file. Two identical events, which are track calls, count separately: one with the
other's id is lost, because Segment drops it.

In the last row two processes of target-segment write rejects to one file at the same time, five
times each; lost are rejected records missing from it. Segment's client keeps no rejects.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contest import table
from benchmarks.faulty import (
    SUCCESS,
    Reply,
    Service,
    always_later,
    at_first,
    bad_key,
    for_a_while,
    nothing,
    poison,
    rate_limit,
    serving,
)
from benchmarks.measure import BIN, EXCERPT_CHARACTERS, ROOT, TIMEOUT_SECONDS, script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.contest import Command
    from benchmarks.faulty import Answer

MESSAGES = 1_000
BAD_MESSAGE = 450  # in the middle of one of the client's batches
STATE_EVERY = 50
KILLED_BATCH = 20
ROUTES = {"calls": {"as": "segment.calls"}}
WRITERS, STARTS = 2, 5
PATIENCE_SECONDS = 20
HOUR_SECONDS = 5
IMPATIENT_TARGET = f"""
import singer_delivery.http.waits as waits
defaults = waits.RetryBudget.__init__.__defaults__
waits.RetryBudget.__init__.__defaults__ = ({HOUR_SECONDS}, *defaults[1:])
import singer_delivery.sending.lane as lane
make = lane.RetryBudget
lane.RetryBudget = lambda seconds: make(min(seconds, {HOUR_SECONDS}))
from target_segment import TargetSegment
TargetSegment.cli()
"""
"""target-segment with a shorter limit of waits."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault.

    Attributes:
        name: Name in the table.
        answer: Creates the service's behaviour for each contestant.
        bad_trait: An invalid trait in one message.
        flushes: Whether the client flushes at the end.
        again: Where a killed run is resumed: "behind" the messages counted as sent, or "all".
        endless: Whether the fault lasts until the first run has ended; the second resumes "behind".
        identical: Whether each message is a track call with an identical copy.
    """

    name: str
    answer: Callable[[], Answer] = nothing
    bad_trait: object = None
    flushes: bool = True
    again: str = ""
    endless: bool = False
    identical: bool = False


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
    Fault("two identical events of each user", identical=True),
    Fault("a bad key, answered by 400, and corrected", bad_key, again="behind", endless=True),
    Fault(
        "503 with `Retry-After: 1` until it recovers",
        always_later,
        again="behind",
        endless=True,
    ),
)


def lines(fault: Fault, first: int = 0) -> str:
    """Write the output of a tap that resumes after some records."""
    records = [
        _event(number // 2) if fault.identical else _profile(fault, number)
        for number in range(first, MESSAGES)
    ]
    return singer_lines(records, first)


def singer_lines(records: Sequence[Any], first: int = 0) -> str:
    """Write records with some STATE lines, as a tap does."""
    schema: dict[str, Any] = {
        "properties": {name: {} for name in ("type", "userId", "event", "traits", "n")}
    }
    said: list[Any] = [
        {"type": "SCHEMA", "stream": "calls", "schema": schema, "key_properties": []}
    ]
    for number, record in enumerate(records, first + 1):
        said.append({"type": "RECORD", "stream": "calls", "record": record})
        if number % STATE_EVERY == 0:
            said.append({"type": "STATE", "value": number})
    return "".join(json.dumps(message) + "\n" for message in said)


def _profile(fault: Fault, number: int) -> dict[str, Any]:
    traits: dict[str, Any] = {"name": f"User {number}", "plan": "free"}
    if fault.bad_trait is not None and number == BAD_MESSAGE:
        traits["score"] = fault.bad_trait
    return {"type": "identify", "userId": f"user-{number}", "traits": traits}


def _event(user: int) -> dict[str, Any]:
    return {"type": "track", "userId": f"user-{user}", "event": "Ordered", "properties": {"n": 1}}


def run(
    command: Command, text: str, folder: Path, victim_of: Service | None = None
) -> tuple[int, str]:
    """Run a command with some input until it exits, is killed or times out."""
    (folder / "input").write_text(text)
    with (folder / "input").open() as stdin, (folder / "stderr").open("a") as stderr:
        process = subprocess.Popen(  # noqa: S603, our own contestants
            command, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        with process:
            if victim_of:
                victim_of.victim = process
            try:
                stdout, _ = process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.terminate()
                stdout, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            finally:
                process.kill()
            if victim_of:
                victim_of.victim = None
    if process.returncode == 1:  # not expected under any fault
        print((folder / "stderr").read_text()[-EXCERPT_CHARACTERS:], file=sys.stderr)
    return process.returncode, stdout


def client(fault: Fault, service: Service, folder: Path) -> str:
    """Run Segment's client and return its report."""
    end = "flush" if fault.flushes else "no-flush"
    journal = folder / "journal"
    command: Command = script("contestants.documented_client", service.url, journal, end)
    first = ""
    if fault.endless:
        code, failed = run(command, lines(fault), folder)
        service.recover()
        first = f"{_ended(code)}, `on_error` {_called(failed)}; then "
    elif fault.again:
        run(command, lines(fault), folder, service)
    if fault.again == "all":
        journal.unlink()
    code, failed = run(command, lines(fault), folder)
    return f"{first}{_ended(code)}, `on_error` {_called(failed)}"


def _ended(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"stopped after {PATIENCE_SECONDS} s"


def _called(failed: str) -> str:
    return f"for {int(failed)}" if int(failed or 0) else "not called"


def target(fault: Fault, service: Service, folder: Path) -> str:
    """Run target-segment and return its report."""
    rejects, config = folder / "rejects", folder / "config.json"
    settings: dict[str, Any] = {"write_key": "key", "host": service.url, "streams": ROUTES}
    settings["rejects_path"] = str(rejects)
    if fault.again and not fault.endless:
        settings["batch_size_rows"] = KILLED_BATCH
    config.write_text(json.dumps(settings))
    command: Command = [BIN / "target-segment", "--config", config]
    first, state = "", 0
    if fault.again:
        impatient: Command = [sys.executable, "-c", IMPATIENT_TARGET, "--config", config]
        victim_of = None if fault.endless else service
        code, states = run(impatient if fault.endless else command, lines(fault), folder, victim_of)
        state = int(states.split()[-1]) if states and fault.again == "behind" else 0
        print(f"  target-segment resumes after {state}", file=sys.stderr)
        if fault.endless:
            service.recover()
            first = f"{_ended(code)}; then "
    code, _ = run(command, lines(fault, state), folder)
    kept = len(_rejected(rejects))
    return f"{first}exit {code}" + (f", {kept} in its rejects file" if kept else "")


def _rejected(path: Path) -> list[Any]:
    """Read the records of a rejects file."""
    entries = map(json.loads, path.read_text().splitlines() if path.exists() else ())
    return [entry["record"] for entry in entries if entry["type"] == "RECORD"]


def writers_row() -> list[str]:
    """Let two processes write rejects to one file, and count the missing ones."""
    each = MESSAGES // WRITERS // STARTS
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        settings = {"write_key": "key", "host": "http://127.0.0.1:1", "streams": ROUTES}
        settings["rejects_path"] = str(folder / "rejects")
        (folder / "config").write_text(json.dumps(settings))
        command: Command = [BIN / "target-segment", "--config", folder / "config"]
        codes: Counter[int] = Counter()

        def write(writer: int) -> None:
            (own := folder / str(writer)).mkdir()
            for start in range(STARTS):
                numbers = range(each * start, each * (start + 1))
                records = [{"type": "track", "userId": "", "n": [writer, n]} for n in numbers]
                codes[run(command, singer_lines(records), own)[0]] += 1

        with ThreadPoolExecutor(WRITERS) as pool:
            [*pool.map(write, range(WRITERS))]
        kept = {tuple(record["n"]) for record in _rejected(folder / "rejects")}
    said = ", ".join(f"exit {code} of {count}" for code, count in codes.items())
    return [
        f"two writers of one rejects file, {STARTS} runs each",
        *("", "", "keeps no rejects"),
        *(str(MESSAGES - len(kept)), "0", said),
    ]


CONTESTANTS = {"Segment's client": client, "target-segment": target}


def row(fault: Fault) -> Iterator[str]:
    """Run each contestant under a fault."""
    yield fault.name
    for name, contestant in CONTESTANTS.items():
        started = time.monotonic()
        with (
            tempfile.TemporaryDirectory(prefix="faults-") as folder,
            serving(fault.answer()) as service,
        ):
            said = contestant(fault, service, Path(folder))
            arrived = sum(map(len, service.ids.values())) if fault.identical else len(service.ids)
            most = 2 if fault.identical else 1
            yield str(MESSAGES - arrived)
            yield str(sum(len(ids) > most for ids in service.ids.values()))
            yield said
            refused = sum(status != SUCCESS.status for status in service.statuses)
        seconds = time.monotonic() - started
        requests = f"{len(service.statuses)} requests, {refused} without a 200"
        print(f"{fault.name}: {name}: {said}; {seconds:.1f} s, {requests}", file=sys.stderr)


def main() -> None:
    """Run all faults and print the table."""
    argparse.ArgumentParser(description="Count what is lost when things go wrong.").parse_args()
    columns = [f"{name}: {what}" for name in CONTESTANTS for what in ("lost", "twice", "said")]
    rows = [[*row(fault)] for fault in FAULTS] + [writers_row()]
    print(table([f"{MESSAGES:,} messages each", *columns], rows))


if __name__ == "__main__":
    main()
