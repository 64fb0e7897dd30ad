"""Segment's own Python client as in its documentation, with default settings.

    documented_client ADDRESS JOURNAL [no-flush]

It reads the same lines as target-segment. JOURNAL grows by one byte for each message
accepted by `identify()` or `track()`; a later run resumes after those. At the end it prints the
number of messages for which `on_error` was called.
"""

from __future__ import annotations

import atexit
import json
import sys
from pathlib import Path

from segment import analytics  # type: ignore[import-untyped]  # has no types


def main(address: str, journal: str, end: str = "flush") -> None:
    """Send the records on standard input that were not sent by an earlier run."""
    failed: list[object] = []
    # Registered before the client's own handler, so it runs after that has waited for its thread.
    atexit.register(lambda: print(len(failed)))
    analytics.write_key = "key"
    analytics.host = address
    analytics.on_error = lambda _error, batch: failed.extend(batch)
    with Path(journal).open("ab", buffering=0) as taken:
        to_skip = taken.tell()
        for line in sys.stdin:
            message = json.loads(line)  # which reads NaN
            if message["type"] != "RECORD":
                continue
            if to_skip:
                to_skip -= 1
                continue
            record = message["record"]
            if record["type"] == "track":
                analytics.track(record["userId"], record["event"], record["properties"])
            else:
                analytics.identify(record["userId"], record["traits"])
            taken.write(b".")
    if end == "flush":
        analytics.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
