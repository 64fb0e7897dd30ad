"""The minimum: decode, transform, compress, post, one after the other.

No command line, no settings, no retries, no rejects, no checkpoints, no order, no checks. The
comparison shows the cost that a careful target adds.
"""

from __future__ import annotations

import gzip
import sys
from hashlib import blake2b
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec

MAX_ROWS = 2_500
MAX_BYTES = 475_000
HEADERS = {
    "Content-Type": "application/json",
    "Content-Encoding": "gzip",
    "Authorization": "Basic a2V5Og==",
}
LIBRARY = {"name": "bare", "version": "1"}


def identify(line: bytes, record: dict[str, Any], time_extracted: str | None) -> dict[str, Any]:
    """Convert a user of tap-moesif to an identify call."""
    context = record.pop("context", None) or {}
    return {
        "type": "identify",
        "userId": record["id"],
        "messageId": blake2b(line, digest_size=16).hexdigest(),
        "timestamp": time_extracted,
        "integrations": {"Moesif API Analytics": False},
        "context": {"library": LIBRARY, **context, "active": False},
        "traits": {name: value for name, value in record.items() if value is not None},
    }


def main(address: str) -> None:
    """Send the records on standard input."""
    url = urlsplit(address)
    connection = HTTPConnection(str(url.hostname), url.port, timeout=30)

    def post() -> None:
        body = b'{"batch":[' + b",".join(batch) + b"]}"
        connection.request("POST", "/v1/batch", gzip.compress(body, 1), HEADERS)
        if b'"success":true' not in connection.getresponse().read():
            raise SystemExit(1)

    batch: list[bytes] = []
    size = 0
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    for line in sys.stdin.buffer:
        message = decode(line)
        if message["type"] != "RECORD":
            continue
        call = encode(identify(line, message["record"], message.get("time_extracted")))
        if len(batch) == MAX_ROWS or size + len(call) > MAX_BYTES:
            post()
            batch, size = [], 0
        batch.append(call)
        size += len(call) + 1
    if batch:
        post()


if __name__ == "__main__":
    main(sys.argv[1])
