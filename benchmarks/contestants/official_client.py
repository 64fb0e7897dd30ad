"""Segment's own Python client with the same input, at its fastest settings.

Tested with 1 to 8 threads and batches of 250, and some of 100 and 500. The difference is small,
because the client encodes in its threads, and Python runs one at a time.
"""

from __future__ import annotations

import sys
from datetime import datetime

import msgspec
from segment.analytics.client import Client  # type: ignore[import-untyped]  # has no types

UPLOAD_SIZE = 250  # messages of 1.6 KB, within the client's own limit of 475 KB
THREADS = 2


def main(address: str) -> None:
    """Send the records on standard input."""
    failures: list[object] = []
    client = Client(
        "key",
        host=address,
        gzip=True,
        upload_size=UPLOAD_SIZE,
        thread=THREADS,
        max_queue_size=0,  # a full queue loses messages
        on_error=lambda error, _batch: failures.append(error),
    )
    decode = msgspec.json.Decoder().decode
    for line in sys.stdin.buffer:
        message = decode(line)
        if message["type"] != "RECORD":
            continue
        record = message["record"]
        context = record.pop("context", None) or {}
        client.identify(
            record["id"],
            {name: value for name, value in record.items() if value is not None},
            {**context, "active": False},
            timestamp=datetime.fromisoformat(message["time_extracted"].replace("Z", "+00:00")),
            integrations={"Moesif API Analytics": False},
        )
    client.shutdown()
    if failures:
        raise SystemExit(str(failures[0]))


if __name__ == "__main__":
    main(sys.argv[1])
