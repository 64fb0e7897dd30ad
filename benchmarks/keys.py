"""Makes a fingerprints file of many keys, and says what it costs to make and to look up in.

    python -m benchmarks.keys FILE KEYS

A process of its own, so that its memory is nobody else's.
"""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from singer_delivery import Message
from singer_delivery.delivery import LOOKED_UP_TOGETHER
from singer_delivery.state.fingerprint_file import FingerprintFile
from singer_delivery.state.fingerprints import ENTITY_KEY_BYTES, FINGERPRINT_BYTES, Fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LOOK_UPS = 100_000
COLD_LOOK_UPS = 10_000


def measured(path: Path, keys: int) -> Iterator[tuple[str, str]]:
    """Make the file, and measure it."""
    started, cpu = time.perf_counter(), time.process_time()
    with closing(_opened(path)) as fingerprints:
        for batch in _batches(range(keys)):
            fingerprints.look_up(message.entity_key for message in batch)
            for message in batch:
                fingerprints.send(message)
            fingerprints.leave()
            for message in batch:
                fingerprints.resolve(message, acknowledged=True)
            fingerprints.store()
    yield "seconds to make", f"{time.perf_counter() - started:,.0f}"
    yield "CPU µs a key to make", f"{1e6 * (time.process_time() - cpu) / keys:,.1f}"
    yield "bytes a key", f"{path.stat().st_size / keys:,.1f}"
    _forget(path)
    started = time.perf_counter()
    with closing(_opened(path)) as fingerprints:
        yield "ms to open", f"{1e3 * (time.perf_counter() - started):,.1f}"
        yield "look-ups a second, cold", f"{_rate(fingerprints, keys, COLD_LOOK_UPS):,.0f}"
        with path.open("rb") as file:  # into the system's cache
            while file.read(1 << 20):
                pass
        yield "look-ups a second, warm", f"{_rate(fingerprints, keys, LOOK_UPS):,.0f}"


def _opened(path: Path) -> Fingerprints:
    fingerprints = Fingerprints(FingerprintFile(path))
    fingerprints.open()
    return fingerprints


def _batches(numbers: Iterable[int]) -> Iterator[list[Message]]:
    """Give a message for each number, as many together as the target looks up."""
    batch = []
    for number in numbers:
        digest = sha256(b"%d" % number).digest()
        entity_key = int.from_bytes(digest[:ENTITY_KEY_BYTES], "big", signed=True)
        fingerprint = digest[-FINGERPRINT_BYTES:]
        batch.append(Message("", b"", entity_key=entity_key, fingerprint=fingerprint))
        if len(batch) == LOOKED_UP_TOGETHER:
            yield batch
            batch = []
    yield batch


def _rate(fingerprints: Fingerprints, keys: int, count: int) -> float:
    batches = [*_batches(random.randrange(keys) for _ in range(count))]  # noqa: S311, no secret
    started = time.perf_counter()
    changed = 0
    for batch in batches:
        fingerprints.look_up(message.entity_key for message in batch)
        changed += sum(map(fingerprints.send, batch))
    seconds = time.perf_counter() - started
    if changed:
        sys.exit(f"{changed} of {count} keys were not found.")
    return count / seconds


def _forget(path: Path) -> None:
    """Take a file out of the system's cache, as far as the system lets us."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode([*measured(Path(sys.argv[1]), int(sys.argv[2]))]))
